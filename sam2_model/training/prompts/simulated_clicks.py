"""Clicks and boxes as a person would give them, made from true masks, for scoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Click:
    """A point on a pixel of an object.

    Parameters
    ----------
    y, x : int
        The pixel's row and column.
    """

    y: int
    x: int


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
    rows, columns = _bounds(mask)
    depth = ndimage.distance_transform_edt(np.pad(mask[rows, columns], 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return Click(int(y) + int(rows.start), int(x) + int(columns.start))


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


def _bounds(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        raise ValueError("An empty mask has no point to click and no box")
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
