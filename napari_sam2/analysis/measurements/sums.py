"""Sums over the pixels of each label, plane by plane: all that measurements need in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BACKGROUND = 0
"""Label of pixels that belong to no object."""


@dataclass
class LabelSums:
    """Sums of one label. Coordinates are pixel indices in the order of the spatial axes.

    Parameters
    ----------
    count : int
        Number of pixels.
    first : NDArray[np.float64]
        (D,), sums of the coordinates.
    second : NDArray[np.float64]
        (D, D), sums of the products of coordinates.
    low, high : NDArray[np.int64]
        (D,), half-open bounds.
    intensity : NDArray[np.float64]
        (C,), sums of the values of each channel.
    darkest, brightest : NDArray[np.float64]
        (C,), extremes of the values of each channel.
    """

    count: int
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    intensity: NDArray[np.float64]
    darkest: NDArray[np.float64]
    brightest: NDArray[np.float64]

    def add(self, other: LabelSums) -> None:
        """Add the pixels of another plane."""
        self.count += other.count
        self.first += other.first
        self.second += other.second
        self.low = np.minimum(self.low, other.low)
        self.high = np.maximum(self.high, other.high)
        self.intensity += other.intensity
        self.darkest = np.minimum(self.darkest, other.darkest)
        self.brightest = np.maximum(self.brightest, other.brightest)


def plane_sums(
    labels: NDArray[Any], values: NDArray[Any] | None, depth: int | None
) -> dict[int, LabelSums]:
    """Return the sums of each label of a plane, the background included.

    Parameters
    ----------
    labels : NDArray
        (H, W), integers.
    values : NDArray or None
        (C, H, W), values of the image; None without an image.
    depth : int or None
        Position of the plane along z; None if there is no such axis.
    """
    names, inverse = np.unique(labels, return_inverse=True)
    group = inverse.ravel()
    height, width = labels.shape
    y, x = np.divmod(np.arange(height * width), width)
    grids = [y, x] if depth is None else [np.full(y.shape, depth), y, x]
    channels = _channels(values, labels.size)
    counts = np.bincount(group, minlength=len(names))
    order = np.argsort(group, kind="stable")
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    sorted_grids = [grid[order] for grid in grids]
    low = np.stack([np.minimum.reduceat(grid, starts) for grid in sorted_grids], axis=1)
    high = np.stack([np.maximum.reduceat(grid, starts) for grid in sorted_grids], axis=1) + 1
    first = np.stack([_sum(group, grid, len(names)) for grid in grids], axis=1)
    second = np.stack(
        [[_sum(group, a.astype(np.float64) * b, len(names)) for b in grids] for a in grids]
    ).transpose(2, 0, 1)
    total = np.stack([_sum(group, c, len(names)) for c in channels], axis=1) if channels else None
    empty = np.zeros((len(names), 0))
    intensity = empty if total is None else total
    extremes = [
        np.stack([f.reduceat(c[order], starts) for c in channels], axis=1) if channels else empty
        for f in (np.minimum, np.maximum)
    ]
    return {
        int(name): LabelSums(
            int(counts[i]),
            first[i],
            second[i],
            low[i],
            high[i],
            intensity[i],
            extremes[0][i],
            extremes[1][i],
        )
        for i, name in enumerate(names)
    }


def _channels(values: NDArray[Any] | None, size: int) -> list[NDArray[np.float64]]:
    if values is None:
        return []
    return list(np.asarray(values, np.float64).reshape(-1, size))


def _sum(group: NDArray[np.intp], values: NDArray[Any], count: int) -> NDArray[np.float64]:
    return np.asarray(np.bincount(group, weights=values, minlength=count), np.float64)
