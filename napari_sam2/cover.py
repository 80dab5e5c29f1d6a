"""Cover boxes by few windows of one size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2.geometry import Window


def cover(boxes: Sequence[Window], side: int) -> list[list[int]]:
    """Share out boxes among windows, by turns the window that holds the most (Chvatal 1979).

    A window of any best cover can be moved down and right until a box's edge stops it, so only
    windows that begin at the top of one box and at the left of a neighbour are looked at.

    Parameters
    ----------
    boxes : sequence of Window
        What must lie within a window, each by itself.
    side : int
        Rows and columns of a window; a larger box gets one of its own.

    Returns
    -------
    list of list of int
        The numbers of the boxes of each window; every box is in one.
    """
    if not boxes:
        return []
    edges = np.array([(b.y0, b.x0, b.y1, b.x1) for b in boxes], dtype=np.int64)
    holds = _windows(edges, side)
    left = np.ones(len(boxes), bool)
    shares: list[list[int]] = []
    while left.any():
        best = int((holds & left).sum(1).argmax())
        members = np.flatnonzero(holds[best] & left)
        left[members] = False
        shares.append([int(number) for number in members])
    return shares


def _windows(edges: NDArray[np.int64], side: int) -> NDArray[np.bool_]:
    """Return which boxes each window holds (C, N); the first N hold their own box at least."""
    tops, lefts = edges[:, 0], edges[:, 1]
    near = np.abs(tops[:, None] - tops) + np.abs(lefts[:, None] - lefts) <= 2 * side
    row, column = np.nonzero(near & ~np.eye(len(edges), dtype=bool))
    y, x = np.concatenate((tops, tops[row])), np.concatenate((lefts, lefts[column]))
    y, x = y[:, None], x[:, None]
    begins = (edges[:, 0] >= y) & (edges[:, 1] >= x)
    ends = (edges[:, 2] <= y + side) & (edges[:, 3] <= x + side)
    holds: NDArray[np.bool_] = begins & ends
    large = np.flatnonzero((edges[:, 2:] - edges[:, :2]).max(1) > side)
    holds[large] = False
    holds[large, large] = True
    return holds
