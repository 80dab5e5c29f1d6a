"""Positions of DICOM slices in space: order, spacing, missing slices, tilt and affine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.readers.dicom.headers import FrameHeader

_SAME_POSITION = 0.01
"""Distance below which slices lie at one position, relative to the pixel spacing."""
_UNEVEN = 0.02
"""Deviation from a whole number of steps above which spacing is uneven."""
_MISSING_SHARE = 0.2
"""Largest share of gaps that are taken for missing slices, not for a varying spacing."""
_TILT_DEGREES = 0.1
"""Angle above which slices are reported as tilted."""
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class SlicePositions:
    """Groups of frames along the normal of their planes.

    Parameters
    ----------
    groups : tuple of list of FrameHeader
        The frames at each position, in ascending order along the normal.
    slots : tuple of int or None
        Position in ``groups`` for each plane of the volume, None where a slice is missing.
    affine : NDArray[np.float64]
        Matrix (4, 4) from indices (z, y, x, 1) to RAS+ world coordinates (x, y, z, 1) in mm.
    notes : tuple of str
        Messages for the user about missing, tilted or unevenly spaced slices.
    """

    groups: tuple[list[FrameHeader], ...]
    slots: tuple[int | None, ...]
    affine: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def arrange_slices(frames: Sequence[FrameHeader], name: str) -> SlicePositions | None:
    """Return frames of one orientation sorted by position; None if they state no position.

    Parameters
    ----------
    frames : sequence of FrameHeader
        Frames of one series and orientation, in any order.
    name : str
        The input, for messages.
    """
    first = frames[0]
    if first.orientation is None or any(frame.position is None for frame in frames):
        return None
    rows = np.stack([np.asarray(frame.position) for frame in frames])
    normal = np.cross(*first.orientation)
    distances = rows @ normal
    spacing = first.spacing or (1.0, 1.0)
    groups = _group(frames, distances, max(1e-4, _SAME_POSITION * min(spacing)))
    corners = np.stack([np.asarray(group[0].position) for group in groups])
    slots, step, notes = _spacing(corners, normal, name)
    if step is None:
        step = normal * (first.thickness or 1.0)
    affine = _affine(corners[0], step, first, spacing)
    return SlicePositions(groups, slots, affine, (*notes, *_tilt(step, normal)))


def _group(
    frames: Sequence[FrameHeader], distances: NDArray[np.float64], tolerance: float
) -> tuple[list[FrameHeader], ...]:
    groups: list[list[FrameHeader]] = []
    last = -np.inf
    for number in np.argsort(distances, kind="stable"):
        if not groups or distances[number] - last > tolerance:
            groups.append([])
            last = distances[number]
        groups[-1].append(frames[number])
    return tuple(groups)


def _spacing(
    corners: NDArray[np.float64], normal: NDArray[np.float64], name: str
) -> tuple[tuple[int | None, ...], NDArray[np.float64] | None, tuple[str, ...]]:
    """Return the slots of the volume, the vector between neighboring slices, and notes."""
    count = len(corners)
    everything: tuple[int | None, ...] = tuple(range(count))
    if count == 1:
        return everything, None, ()
    gaps = np.diff(corners @ normal)
    regular = float(np.median(gaps[gaps < 1.5 * gaps.min()]))
    steps = np.rint(gaps / regular).astype(int)
    even = bool(np.all(np.abs(gaps / regular - steps) <= _UNEVEN * steps))
    if even and (steps == 1).all():
        return everything, (corners[-1] - corners[0]) / (count - 1), ()
    if even and (steps > 1).sum() <= max(1, _MISSING_SHARE * len(gaps)) and count > 2:
        return _missing(corners, steps, name)
    note = (
        f"The slices of {name} are unevenly spaced ({gaps.min():.4g} to {gaps.max():.4g} mm): "
        "they are read as neighboring planes at the mean distance, so sizes along z are "
        "approximate."
    )
    return everything, (corners[-1] - corners[0]) / (count - 1), (note,)


def _missing(
    corners: NDArray[np.float64], steps: NDArray[np.int_], name: str
) -> tuple[tuple[int | None, ...], NDArray[np.float64], tuple[str, ...]]:
    places = np.concatenate([[0], np.cumsum(steps)])
    step = (corners[-1] - corners[0]) / places[-1]
    slots: list[int | None] = [None] * int(places[-1] + 1)
    for number, place in enumerate(places):
        slots[int(place)] = number
    absent = [place for place, slot in enumerate(slots) if slot is None]
    shown = ", ".join(map(str, absent[:8])) + (", ..." if len(absent) > 8 else "")
    note = (
        f"{len(absent)} of {len(slots)} slices of {name} are missing: z = {shown}. These planes "
        "cannot be read: add the missing files, or segment the parts on either side (--range)."
    )
    return tuple(slots), step, (note,)


def _tilt(step: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[str, ...]:
    along = abs(float(step @ normal)) / float(np.linalg.norm(step))
    angle = float(np.degrees(np.arccos(min(1.0, along))))
    if angle <= _TILT_DEGREES:
        return ()
    return (
        f"The slices are tilted by {angle:.1f} degrees against the direction in which they follow "
        "each other (gantry tilt): the planes are shown as they were acquired, and the affine "
        "contains the shear.",
    )


def _affine(
    corner: NDArray[np.float64],
    step: NDArray[np.float64],
    frame: FrameHeader,
    spacing: tuple[float, float],
) -> NDArray[np.float64]:
    """Return the affine of PS3.3 C.7.6.2.1.1 with columns z, y, x, in RAS+ coordinates."""
    assert frame.orientation is not None
    along_row, along_column = frame.orientation
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = along_column * spacing[0]
    affine[:3, 2] = along_row * spacing[1]
    affine[:3, 3] = corner
    return np.asarray(_LPS_TO_RAS @ affine)
