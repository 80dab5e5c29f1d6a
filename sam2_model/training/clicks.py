"""Clicks and boxes as a person would give them, made from true masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

_INNER_SHARE = 0.3
_BOX_JITTER = 0.1
_LONGEST_JITTER = 20.0


@dataclass(frozen=True, slots=True)
class Click:
    """A point on a pixel.

    Parameters
    ----------
    y, x : int
        The pixel's row and column.
    inside : bool
        Whether it marks the object or its surroundings.
    """

    y: int
    x: int
    inside: bool = True


def deepest_point(mask: Mask) -> Click:
    """Click the pixel farthest from the mask's edge.

    Parameters
    ----------
    mask : ndarray of bool
        (H, W), not empty; the picture's border counts as an edge.

    Returns
    -------
    Click

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    depth, origin = _depth(mask)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return Click(int(y) + origin[0], int(x) + origin[1])


def random_point(mask: Mask, rng: np.random.Generator) -> Click:
    """Click anywhere in the mask but on its rim.

    Parameters
    ----------
    mask : ndarray of bool
        (H, W), not empty.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Click

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    depth, origin = _depth(mask)
    candidates = np.argwhere(depth >= max(1.0, _INNER_SHARE * depth.max()))
    y, x = candidates[rng.integers(len(candidates))]
    return Click(int(y) + origin[0], int(x) + origin[1])


def corrective_click(predicted: Mask, truth: Mask) -> Click | None:
    """Click the middle of the largest error, as interactive segmentation is evaluated.

    Parameters
    ----------
    predicted, truth : ndarray of bool
        (H, W).

    Returns
    -------
    Click or None
        Inside where the object was missed, outside where it was exceeded; None without errors.
    """
    regions = [
        (region, inside)
        for wrong, inside in ((truth & ~predicted, True), (predicted & ~truth, False))
        if (region := _largest_region(wrong)) is not None
    ]
    if not regions:
        return None
    region, inside = max(regions, key=lambda found: int(found[0].sum()))
    point = deepest_point(region)
    return Click(point.y, point.x, inside)


def tight_box(mask: Mask) -> NDArray[np.float32]:
    """Bound a mask.

    Parameters
    ----------
    mask : ndarray of bool
        (H, W), not empty.

    Returns
    -------
    ndarray of float32
        (x0, y0, x1, y1), pixel corners.

    Raises
    ------
    ValueError
        If the mask is empty.
    """
    rows, columns = _bounds(mask)
    return np.array([columns.start, rows.start, columns.stop, rows.stop], np.float32)


def loose_box(mask: Mask, rng: np.random.Generator) -> NDArray[np.float32]:
    """Bound a mask inexactly: each side moves by about a tenth of the box's size.

    Parameters
    ----------
    mask : ndarray of bool
        (H, W), not empty.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray of float32
        (x0, y0, x1, y1) within the picture (SAM paper, appendix A, "Training algorithm").
    """
    box = tight_box(mask)
    sides = np.tile(box[2:] - box[:2], 2)
    jitter = rng.normal(0.0, _BOX_JITTER, 4) * sides
    moved = box + jitter.clip(-_LONGEST_JITTER, _LONGEST_JITTER)
    height, width = mask.shape
    low, high = np.minimum(moved[:2], moved[2:] - 1), np.maximum(moved[2:], moved[:2] + 1)
    limits = np.array([width, height, width, height])
    return np.concatenate((low, high)).clip(0, limits).astype(np.float32)


def _bounds(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        raise ValueError("An empty mask has no point to click and no box")
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _depth(mask: Mask) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Distance to the edge within the mask's bounds, and where these start."""
    rows, columns = _bounds(mask)
    depth = ndimage.distance_transform_edt(np.pad(mask[rows, columns], 1))[1:-1, 1:-1]
    return depth, (int(rows.start), int(columns.start))


def _largest_region(mask: Mask) -> Mask | None:
    labels, count = ndimage.label(mask)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: Mask = labels == int(sizes.argmax())
    return largest
