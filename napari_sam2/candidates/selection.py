"""Selection of candidates that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam2.candidates.candidate import Candidate, CandidateLimits
from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MaskCrop

MAX_TAKEN = 0.3
"""Largest share of a candidate's pixels that better candidates may own. Shares of 0.2 to 0.4 were
measured to give equal results on held-out images of dsb2018."""
MAX_COVERED = 0.5
"""Largest share of a better candidate that a candidate may cover. One that covers more is a group
or a halo, of which only the rest would be left."""


def select_disjoint(
    candidates: Iterable[Candidate],
    shape: tuple[int, int],
    limits: CandidateLimits,
    occupied: Iterable[MaskCrop] = (),
) -> list[Candidate]:
    """Return candidates without common pixels, best first.

    Each candidate, in the order of scores, claims the pixels that are still free. It is dropped if
    too many of its pixels are taken, or if it covers most of a better candidate. So a whole
    object is preferred to its parts, or its parts to the whole, whichever has the better score.

    Parameters
    ----------
    candidates : iterable of Candidate
        Candidates of one plane, in any order.
    shape : tuple of int
        Height and width of the plane.
    limits : CandidateLimits
        Which candidates are kept.
    occupied : iterable of MaskCrop
        Masks of objects that exist already; their pixels are not free.

    Returns
    -------
    list of Candidate
        With masks of the pixels that they own.
    """
    return list(select_numbered(candidates, shape, limits, occupied).values())


def select_numbered(
    candidates: Iterable[Candidate],
    shape: tuple[int, int],
    limits: CandidateLimits,
    occupied: Iterable[MaskCrop] = (),
) -> dict[int, Candidate]:
    """Return candidates without common pixels by their positions in the input, best first.

    Parameters are those of :func:`select_disjoint`.
    """
    owners = _Owners(shape)
    for crop in occupied:
        owners.add(crop.window, crop.logits > 0)
    selected: dict[int, Candidate] = {}
    for number, candidate in _by_score(candidates):
        if candidate.score < limits.min_score or len(selected) == limits.max_objects:
            break
        crop = candidate.crop
        free = owners.free_part(crop.window, crop.logits > 0)
        if free is not None and limits.allows(int(np.count_nonzero(free))):
            owners.add(crop.window, free)
            logits = np.where(free, crop.logits, -np.abs(crop.logits))
            selected[number] = replace(candidate, crop=MaskCrop(crop.window, logits))
    return selected


class _Owners:
    """Which pixels of a plane are taken, and by which candidate."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._owners = np.zeros(shape, np.int32)
        self._areas = [0]

    def free_part(self, window: Window, mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
        """Return the free part of a mask, or None if the mask is not to be selected."""
        owners = self._owners[window.slices]
        counts = np.bincount(owners[mask], minlength=len(self._areas))
        if counts[0] == 0 or counts[0] < (1 - MAX_TAKEN) * counts.sum():
            return None
        if (counts[1:] > MAX_COVERED * np.array(self._areas[1:])).any():
            return None
        return mask & (owners == 0)

    def add(self, window: Window, mask: NDArray[np.bool_]) -> None:
        """Take the pixels of a mask, which are free or belong to existing objects."""
        self._owners[window.slices][mask] = len(self._areas)
        self._areas.append(int(np.count_nonzero(mask)))


def _by_score(candidates: Iterable[Candidate]) -> list[tuple[int, Candidate]]:
    """Return numbered candidates, best first, in an order that the input has no effect on."""

    def key(item: tuple[int, Candidate]) -> tuple[float, Window, int]:
        crop = item[1].crop
        return -item[1].score, crop.window, crop.area

    return sorted(enumerate(candidates), key=key)


def touches_inner_edge(box: Window, window: Window, shape: tuple[int, int]) -> bool:
    """Return whether a mask's box ends at an edge of a window that is not an edge of the plane."""
    edges: Sequence[tuple[bool, bool]] = (
        (box.y0 <= window.y0, window.y0 > 0),
        (box.x0 <= window.x0, window.x0 > 0),
        (box.y1 >= window.y1, window.y1 < shape[0]),
        (box.x1 >= window.x1, window.x1 < shape[1]),
    )
    return any(touches and inner for touches, inner in edges)
