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
_TILE = 256
"""Side of the tiles that are compared at once, in pixels. Empty tiles are skipped."""


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
    padded = [np.pad(part, 2 * reach) for part in planes]
    height, width = plane.shape
    for top in range(reach, height + 3 * reach, _TILE):
        for left in range(reach, width + 3 * reach, _TILE):
            bottom, right = (
                min(top + _TILE, height + 3 * reach),
                min(left + _TILE, width + 3 * reach),
            )
            around = (slice(top - reach, bottom + reach), slice(left - reach, right + reach))
            if any(part[around].any() for part in padded):
                _count_tile([part[around] for part in padded], steps, reach, found)
    return found


def _count_tile(
    planes: Sequence[NDArray[np.integer]],
    steps: Sequence[Step],
    reach: int,
    found: dict[int, NDArray[np.int64]],
) -> None:
    """Add the crossings that end in a tile, given with ``reach`` pixels around it."""
    height, width = (length - 2 * reach for length in planes[0].shape)
    here = planes[0][reach : reach + height, reach : reach + width]
    for number, (*depth, down, right) in enumerate(steps):
        start = planes[1] if any(depth) else planes[0]
        top, left = reach - down, reach - right
        other = start[top : top + height, left : left + width]
        differs = here != other
        values = np.concatenate((here[differs], other[differs]))
        labels, counts = np.unique(values[values != 0], return_counts=True)
        for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
            if label not in found:
                found[label] = np.zeros(len(steps), np.int64)
            found[label][number] += count


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
