"""Clicks and boxes of ground-truth masks, as a user would give them, for evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a pixel.

    Parameters
    ----------
    y, x : int
        Row and column.
    """

    y: int
    x: int


def deepest_point(mask: Mask) -> Click:
    """Return the pixel that is farthest from the mask's edge.

    Parameters
    ----------
    mask : ndarray of bool
        (H, W), not empty; the border of the image is an edge.

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
    """Return the bounding box of a mask.

    Parameters
    ----------
    mask : ndarray of bool
        (H, W), not empty.

    Returns
    -------
    ndarray of float32
        (x0, y0, x1, y1) of the outer pixel corners.

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
        raise ValueError("An empty mask has no point and no box")
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
