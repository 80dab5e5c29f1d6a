"""Surface and perimeter of labels from the crossings of their boundary along lines (Crofton)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Step = tuple[int, ...]

_IN_PLANE: tuple[Step, ...] = ((0, 1), (1, 0), (1, 1), (1, -1))
_MAX_REACH = 4
"""Longest step in the plane, in pixels. Longer steps miss small objects."""
_NORMALS = 2000


@dataclass(frozen=True)
class LineDirections:
    """Directions of the lines whose crossings with a boundary are counted.

    The surface of a body is the mean over all directions of twice the area of its crossings, and
    the perimeter of a region pi / 2 times their length (Crofton's formula; Legland, Kiêu and
    Devaux, Image Analysis & Stereology 26, 2007). The weights of the directions are those for which
    planes of all orientations have the least squared error. Where planes are farther apart than
    pixels, steps from plane to plane are that much longer in the plane, so that the directions
    cover all angles.

    Parameters
    ----------
    sizes : tuple of float
        Size of a pixel along y and x, or along z, y and x.
    """

    sizes: tuple[float, ...]

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The directions in pixels: those inside a plane first, then those to the next plane."""
        if len(self.sizes) == 2:
            return _IN_PLANE
        depth, *plane = self.sizes
        reach = [min(max(round(depth / size), 1), _MAX_REACH) for size in plane]
        slanted = ((1, a * reach[0], b * reach[1]) for a in (-1, 0, 1) for b in (-1, 0, 1))
        return (*((0, *step) for step in _IN_PLANE), *slanted)

    @cached_property
    def factors(self) -> NDArray[np.float64]:
        """(K,), the surface or perimeter for each crossing along a direction."""
        vectors = np.array(self.steps) * self.sizes
        lengths = np.linalg.norm(vectors, axis=1)
        flat = len(self.sizes) == 2
        normals = _circle() if flat else _sphere()
        visible = np.abs(normals @ (vectors / lengths[:, None]).T)
        weights, _ = nnls(visible, np.ones(len(normals)))
        scale = (pi / 2 if flat else 2.0) * float(np.prod(self.sizes))
        factors: NDArray[np.float64] = scale * weights / weights.sum() / lengths
        return factors

    def boundary(self, crossings: NDArray[np.int64]) -> float:
        """Return the surface or perimeter of an object from its crossings along each direction."""
        return float(crossings @ self.factors)


@lru_cache(maxsize=8)
def line_directions(sizes: tuple[float, ...]) -> LineDirections:
    """Return the directions for pixel sizes; their weights are computed once."""
    return LineDirections(sizes)


def count_crossings(
    plane: NDArray[np.integer], before: NDArray[np.integer] | None, steps: Sequence[Step]
) -> dict[int, NDArray[np.int64]]:
    """Return how often lines cross the boundary of each label, by direction.

    Lines in the plane, and lines from the plane before, are counted. Beyond the edges of the image
    there is no object.

    Parameters
    ----------
    plane, before : NDArray
        (H, W), labels of a plane and of the plane before it along z; None without such an axis.
    steps : sequence of tuple of int
        Directions, see :class:`LineDirections`.

    Returns
    -------
    dict
        Numbers (K,) of each label that has crossings.
    """
    found: dict[int, NDArray[np.int64]] = {}
    planes = [plane] if before is None else [plane, before]
    reach = max(abs(part) for step in steps for part in step[-2:])
    box = _box(planes)
    if box is None:
        return found
    here, *earlier = (np.pad(part[box], reach) for part in planes)
    for number, step in enumerate(steps):
        *depth, down, right = step
        start = earlier[0] if any(depth) else here
        for label, count in _crossings(start, here, down, right):
            if label not in found:
                found[label] = np.zeros(len(steps), np.int64)
            found[label][number] += count
    return found


def _box(planes: Sequence[NDArray[np.integer]]) -> tuple[slice, slice] | None:
    """Return the rows and columns with labels; None without labels."""
    slices = []
    for axis in (1, 0):
        used = np.flatnonzero(np.any([part.any(axis=axis) for part in planes], axis=0))
        if not used.size:
            return None
        slices.append(slice(int(used[0]), int(used[-1]) + 1))
    return slices[0], slices[1]


def _crossings(
    start: NDArray[np.integer], end: NDArray[np.integer], down: int, right: int
) -> list[tuple[int, int]]:
    """Return labels and numbers of crossings between pixels that are one step apart."""
    height, width = start.shape
    first = start[max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)]
    second = end[max(0, down) : height - max(0, -down), max(0, right) : width - max(0, -right)]
    differs = first != second
    values = np.concatenate((first[differs], second[differs]))
    labels, counts = np.unique(values[values != 0], return_counts=True)
    return list(zip(labels.tolist(), counts.tolist(), strict=True))


def _circle() -> NDArray[np.float64]:
    angles = np.arange(_NORMALS) * pi / _NORMALS
    return np.stack((np.sin(angles), np.cos(angles)), axis=1)


def _sphere() -> NDArray[np.float64]:
    """Return evenly spread unit vectors: points on a spiral of golden angles."""
    number = np.arange(_NORMALS) + 0.5
    z = 1 - 2 * number / _NORMALS
    angles = number * pi * (1 + 5**0.5)
    radius = np.sqrt(1 - z**2)
    return np.stack((z, radius * np.cos(angles), radius * np.sin(angles)), axis=1)
