"""Longest diameter of an object in a plane, and the longest one perpendicular to it (RECIST)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull


@dataclass(frozen=True, slots=True)
class PlaneDiameters:
    """Diameters of an object in the plane where it is longest, in the unit of the pixel sizes.

    Parameters
    ----------
    longest : float
        Distance of the two points of the outline that are farthest apart.
    perpendicular : float
        Longest line perpendicular to it inside the convex hull of the outline.
    plane : int
        Position of the plane along z.
    """

    longest: float
    perpendicular: float
    plane: int


def outline_points(
    rows: NDArray[np.intp], first: NDArray[np.intp], last: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return points (N, 2) that have the same convex hull as an object with these rows.

    Parameters
    ----------
    rows, first, last : NDArray
        (R,), positions of rows, and their first and last columns. The outline is half a pixel
        from the centers of pixels, as in :func:`skimage.measure.find_contours`.
    """
    ends = (first, last)
    sides = [np.stack((rows, column + 0.5 * s), 1) for s, column in zip((-1, 1), ends, strict=True)]
    above = [np.stack((rows + half, column), 1) for half in (-0.5, 0.5) for column in ends]
    return np.concatenate((*sides, *above))


def plane_diameters(
    points: NDArray[np.float64], sizes: tuple[float, float], plane: int
) -> PlaneDiameters:
    """Return the diameters of an object in a plane.

    Parameters
    ----------
    points : NDArray
        (N, 2), points of the outline in pixels.
    sizes : (float, float)
        Size of a pixel along the rows and the columns.
    plane : int
        Position of the plane along z.
    """
    scaled = points * sizes
    hull = scaled[ConvexHull(scaled).vertices]
    apart = hull[:, None] - hull
    distances = np.hypot(apart[..., 0], apart[..., 1])
    a, b = np.unravel_index(int(distances.argmax()), distances.shape)
    longest = float(distances[a, b])
    forward = (hull[b] - hull[a]) / longest
    offsets = hull - hull[a]
    along, across = offsets @ forward, offsets @ np.array([-forward[1], forward[0]])
    widths = _side(along, across, longest, 1) + _side(along, across, longest, -1)
    return PlaneDiameters(longest, float(widths.max()), plane)


def _side(
    along: NDArray[np.float64], across: NDArray[np.float64], longest: float, sign: int
) -> NDArray[np.float64]:
    """Return the distance of the outline from the longest diameter on one side, at all corners."""
    height = sign * across
    corners = np.flatnonzero((height > 0) & (along > 0) & (along < longest))
    order = corners[np.argsort(along[corners])]
    position = np.concatenate(([0.0], along[order], [longest]))
    distance = np.concatenate(([0.0], height[order], [0.0]))
    return np.asarray(np.interp(along, position, distance), np.float64)
