"""DICOM files and folders as lazy stacks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.base import PlaneGrid, Source, find_scene, scene_note
from napari_sam2.images.readers.dicom.files import is_dicom_file, list_dicom_files
from napari_sam2.images.readers.dicom.geometry import arrange_slices
from napari_sam2.images.readers.dicom.headers import DicomHeader, FrameHeader, read_header
from napari_sam2.images.readers.dicom.pixels import (
    FrameDecoder,
    check_decoders,
    display_window,
    fill_value,
    value_type,
)
from napari_sam2.images.readers.dicom.repeats import Repeats, split_repeats
from napari_sam2.images.readers.dicom.series import (
    Series,
    default_series,
    group_series,
    scene_names,
)


@dataclass(frozen=True, eq=False)
class _Volume:
    """Frames of a series in the order time, channel, slice, and their place in space."""

    repeats: Repeats
    slots: tuple[int | None, ...]
    affine: NDArray[np.float64] | None
    slice_axis: str
    slice_step: float | None
    notes: tuple[str, ...]


def read_dicom(path: Path, scene: str | int | None = None) -> Source:
    """Open a DICOM file, or all DICOM files in a folder and the folders below it.

    Slices are sorted by their position along the normal of the plane (PS3.3 C.7.6.2). Pixel sizes
    and the affine come from positions, orientation and pixel spacing; the affine is in RAS+
    coordinates, as for NIfTI. Values are rescaled; MONOCHROME1 pictures are inverted.

    Parameters
    ----------
    path : Path
        A file or a folder.
    scene : str, int or None
        Name or number of the series; None opens the one with the most frames.

    Returns
    -------
    Source
        With axes T, C, Z, Y, X, S, where the series has them.

    Raises
    ------
    UserError
        If pydicom or a package for the compression is missing, if a file is damaged or holds no
        picture, or if some positions have more slices than others.
    """
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise UserError(
            "Reading DICOM needs pydicom. Install it: pip install 'napari-sam2[medical]'"
        ) from error
    if path.name.upper() == "DICOMDIR" and path.is_file():
        path = path.parent
    headers, notes = _headers(path)
    series, copies = group_series(headers)
    names = scene_names(series)
    opened = default_series(series) if scene is None else find_scene(names, scene, path.name)
    if scene is None:
        notes += scene_note(names, opened, path.name)
    chosen = series[opened]
    check_decoders([header for header in chosen.headers if header.path in set(chosen.files)])
    return _source(path.name, chosen, names, opened, notes + copies)


def _headers(path: Path) -> tuple[list[DicomHeader], tuple[str, ...]]:
    if path.is_dir():
        files, notes = list_dicom_files(path)
    else:
        files, notes = [path], ()
    headers = [read_header(file) for file in files]
    found = [header for header in headers if header is not None]
    if not found:
        raise UserError(f"{path.name} holds no DICOM pictures (files read: {len(files)}).")
    if len(found) < len(files):
        count = len(files) - len(found)
        notes += (f"DICOM files without pixels, such as reports, are left out: {count}.",)
    if not path.is_dir() and len(found[0].frames) == 1:
        notes += _sibling_note(found[0])
    return found, notes


def _sibling_note(header: DicomHeader) -> tuple[str, ...]:
    """Return a note if the next DICOM file in the folder belongs to the same series."""
    others = (path for path in sorted(header.path.parent.iterdir()) if path != header.path)
    near = next((path for path in others if path.is_file() and is_dicom_file(path)), None)
    try:
        other = None if near is None else read_header(near)
    except UserError:
        return ()
    if other is None or other.series != header.series:
        return ()
    return (
        f"{header.path.name} is one slice of a series: to read the whole series, open the folder "
        f"{header.path.parent.name}.",
    )


def _source(
    name: str, series: Series, scenes: tuple[str, ...], opened: int, notes: tuple[str, ...]
) -> Source:
    volume = _arrange(series, name)
    frames, slots = volume.repeats.frames, volume.slots
    decode = FrameDecoder(
        series.pixels,
        value_type(series.pixels, series.frames),
        series.headers[0].transfer_syntax,
    )
    lengths = {"T": len(frames), "C": len(frames[0]), volume.slice_axis: len(slots)}
    axes = "".join(axis for axis, length in lengths.items() if length > 1)

    def load(position: tuple[int, ...]) -> NDArray[np.generic]:
        place = dict(zip(axes, position, strict=True))
        time, channel = (place.get(axis, 0) if axis != volume.slice_axis else 0 for axis in "TC")
        slot = slots[place.get(volume.slice_axis, 0)]
        if slot is None:
            raise OSError("this slice is missing in the series")
        return decode(frames[time][channel][slot])

    array = PlaneGrid(tuple(lengths[axis] for axis in axes), decode.shape, decode.dtype, load)
    pixels, middle = series.pixels, frames[0][0][len(frames[0][0]) // 2]
    return Source(
        (array,),
        name,
        axes + ("YXS" if pixels.color else "YX"),
        _calibration(series, volume),
        series.files,
        notes + volume.notes + volume.repeats.notes + _value_notes(series),
        scenes=scenes,
        scene=scenes[opened],
        channel_names=volume.repeats.channel_names,
        significant_bits=_significant_bits(series),
        display_window=display_window(pixels, middle),
        fill_value=fill_value(series.headers[0]),
    )


def _arrange(series: Series, name: str) -> _Volume:
    """Return the frames of a series in order; by number where they state no positions."""
    placed = arrange_slices(series.frames, name)
    if placed is not None:
        repeats = split_repeats(placed.groups, name)
        step = float(np.linalg.norm(placed.affine[:3, 0]))
        known = len(placed.groups) > 1 or series.frames[0].thickness is not None
        return _Volume(
            repeats, placed.slots, placed.affine, "Z", step if known else None, placed.notes
        )
    frames = sorted(series.frames, key=lambda frame: (frame.number, frame.index, frame.path))
    slots: tuple[int | None, ...] = tuple(range(len(frames)))
    movie = series.headers[0].frame_time is not None
    notes = () if len(frames) == 1 or movie else (_unplaced_note(name),)
    return _Volume(Repeats([[frames]]), slots, None, "T" if movie else "Z", None, notes)


def _unplaced_note(name: str) -> str:
    return (
        f"{name} states no positions of its slices: they are read in the order of their instance "
        "numbers as slices along z, at an unknown distance."
    )


def _significant_bits(series: Series) -> int | None:
    rescaled = any((frame.slope, frame.intercept) != (1, 0) for frame in series.frames)
    pixels = series.pixels
    full = pixels.bits_stored == pixels.bits_allocated
    return None if rescaled or full else pixels.bits_stored


def _value_notes(series: Series) -> tuple[str, ...]:
    if series.pixels.photometric != "MONOCHROME1":
        return ()
    return (
        "The pictures are stored with white as the lowest value (MONOCHROME1): they are inverted, "
        "so that high values are bright.",
    )


def _calibration(series: Series, volume: _Volume) -> Calibration:
    first: FrameHeader = series.frames[0]
    steps: dict[str, AxisStep] = {}
    frame_time, several = series.headers[0].frame_time, len(volume.repeats.frames) > 1
    if volume.repeats.time_step is not None:
        steps["T"] = AxisStep(volume.repeats.time_step, "second")
    elif frame_time is not None and (several or volume.slice_axis == "T"):
        steps["T"] = AxisStep(frame_time / 1000, "second")
    if volume.slice_axis == "Z" and volume.slice_step is not None:
        steps["Z"] = AxisStep(volume.slice_step, "millimeter")
    if first.spacing is not None:
        steps["Y"] = AxisStep(first.spacing[0], "millimeter")
        steps["X"] = AxisStep(first.spacing[1], "millimeter")
    return Calibration(steps, volume.affine if first.spacing is not None else None)
