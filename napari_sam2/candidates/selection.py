"""Selection of candidates that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2.candidates.candidate import Candidate, CandidateLimits
from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MaskCrop

MAX_TAKEN = 0.3
"""Largest share of a candidate's pixels that better candidates may own. Shares of 0.2 to 0.4 were
measured to give equal results on held-out images of dsb2018."""


def select_disjoint(
    candidates: Iterable[Candidate],
    shape: tuple[int, int],
    limits: CandidateLimits,
    occupied: Iterable[MaskCrop] = (),
) -> list[Candidate]:
    """Return candidates without common pixels, best first.

    Each candidate, in the order of scores, claims the pixels that are still free. It is dropped if
    it owns too few of its pixels then. So a whole object is preferred to its parts, or its parts
    to a group of objects, whichever has the better score.

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
    taken = np.zeros(shape, np.bool_)
    for crop in occupied:
        taken[crop.window.slices] |= crop.logits > 0
    selected: list[Candidate] = []
    for candidate in _by_score(candidates):
        if candidate.score < limits.min_score or len(selected) == limits.max_objects:
            break
        owned = _claim(candidate.crop, taken)
        if owned is not None and limits.allows(owned.area):
            taken[owned.window.slices] |= owned.logits > 0
            selected.append(Candidate(owned, candidate.score, candidate.source))
    return selected


def _by_score(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates best first; equal ones by position, so that their order has no effect."""
    return sorted(candidates, key=lambda c: (-c.score, c.crop.window, c.crop.area))


def _claim(crop: MaskCrop, taken: NDArray[np.bool_]) -> MaskCrop | None:
    """Return the free part of a mask, or None if too much of it is taken."""
    inside = crop.logits > 0
    free = inside & ~taken[crop.window.slices]
    kept = np.count_nonzero(free)
    if kept == 0 or kept < (1 - MAX_TAKEN) * np.count_nonzero(inside):
        return None
    return MaskCrop(crop.window, np.where(inside & ~free, -np.abs(crop.logits), crop.logits))


def disjoint_rows(masks: NDArray[np.bool_], scores: NDArray[np.float32]) -> list[int]:
    """Return which masks of one view are selected by the rule of :func:`select_disjoint`.

    Parameters
    ----------
    masks : NDArray[np.bool_]
        (N, h, w).
    scores : NDArray[np.float32]
        (N,).

    Returns
    -------
    list of int
        Indices, best first.
    """
    taken = np.zeros(masks.shape[1:], np.bool_)
    areas = np.count_nonzero(masks, axis=(1, 2))
    selected: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        kept = np.count_nonzero(masks[row] & ~taken)
        if kept and kept >= (1 - MAX_TAKEN) * areas[row]:
            taken |= masks[row]
            selected.append(int(row))
    return selected


def touches_inner_edge(box: Window, window: Window, shape: tuple[int, int]) -> bool:
    """Return whether a mask's box ends at an edge of a window that is not an edge of the plane."""
    edges: Sequence[tuple[bool, bool]] = (
        (box.y0 <= window.y0, window.y0 > 0),
        (box.x0 <= window.x0, window.x0 > 0),
        (box.y1 >= window.y1, window.y1 < shape[0]),
        (box.x1 >= window.x1, window.x1 < shape[1]),
    )
    return any(touches and inner for touches, inner in edges)
