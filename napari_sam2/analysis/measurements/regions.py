"""Measurements of one object at one time, from its sums."""

from __future__ import annotations

from collections.abc import Sequence
from math import gamma, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from napari_sam2.analysis.measurements.directions import line_directions
from napari_sam2.analysis.measurements.sums import LabelSums
from napari_sam2.analysis.measurements.units import MeasuringUnit

_VARIANCE_OF_PIXEL = 1 / 12
"""Variance along an axis of the points in a pixel of size 1."""


def size_column(dimensions: int) -> str:
    """Return ``"area"`` or ``"volume"``."""
    return "area" if dimensions == 2 else "volume"


def region_columns(dimensions: int, channels: int) -> tuple[str, ...]:
    """Return the names of the columns of :func:`measure_region`, in order.

    Names are those of :func:`skimage.measure.regionprops_table` where it has them.
    """
    axes = range(dimensions)
    deep = dimensions == 3
    return (
        size_column(dimensions),
        "unit",
        *(f"centroid-{axis}" for axis in axes),
        "equivalent_diameter_area",
        "axis_major_length",
        *(("axis_middle_length",) if deep else ()),
        "axis_minor_length",
        "longest_diameter",
        "perpendicular_diameter",
        *(("longest_diameter_plane", "surface") if deep else ("perimeter_crofton",)),
        "length_unit",
        *(("surface_unit", "sphericity") if deep else ("eccentricity", "circularity")),
        "extent",
        *(f"bbox-{number}" for number in range(2 * dimensions)),
        *intensity_columns(channels),
    )


def intensity_columns(channels: int) -> tuple[str, ...]:
    """Return the names of the columns of intensities, by channel."""
    names = ("mean", "min", "max", "sum", "background", "corrected")
    ends = [""] if channels == 1 else [f"-{channel}" for channel in range(channels)]
    return tuple(f"intensity_{name}{end}" for end in ends for name in names)


def measure_region(
    sums: LabelSums, unit: MeasuringUnit, background: Sequence[float | None]
) -> dict[str, object]:
    """Return the measurements of one object.

    Parameters
    ----------
    sums : LabelSums
        Sums of its pixels.
    unit : MeasuringUnit
        Unit of the results. Centroids are positions of the image's world, pixel centers times
        pixel sizes plus the origin; bounding boxes are in pixels, half-open.
    background : sequence of float or None
        Mean value of the pixels without label in each channel; None without such pixels.

    Returns
    -------
    dict
        One value for each of :func:`region_columns`. Axis lengths are those of the ellipse or
        ellipsoid with the same second moments. The boundary is measured along lines of several
        directions, see :class:`LineDirections`, and includes the edges of the image.
    """
    sizes = np.array(unit.sizes)
    dimensions = len(sizes)
    size = sums.count * unit.pixel
    box = int(np.prod(sums.high - sums.low))
    values = (
        size,
        unit.size,
        *(sums.first / sums.count * sizes + unit.origin).tolist(),
        _ball_diameter(size, dimensions),
        *(axes := _axis_lengths(sums, sizes)),
        *_boundary(sums, unit, size, axes),
        sums.count / box,
        *sums.low.tolist(),
        *sums.high.tolist(),
        *_intensities(sums, background),
    )
    return dict(zip(region_columns(dimensions, len(sums.intensity)), values, strict=True))


def section_columns(channels: int) -> tuple[str, ...]:
    """Return the names of the columns of :func:`measure_section`, in order."""
    return ("area", "longest_diameter", "perpendicular_diameter", *intensity_columns(channels))


def measure_section(
    sums: LabelSums, unit: MeasuringUnit, background: Sequence[float | None]
) -> dict[str, object]:
    """Return the measurements of an object on one plane of a volume.

    Parameters
    ----------
    sums : LabelSums
        Sums of its pixels on the plane.
    unit : MeasuringUnit
        Unit of lengths; the area is in its square.
    background : sequence of float or None
        See :func:`measure_region`.
    """
    if sums.diameters is None:
        raise AssertionError("an object with pixels has diameters")
    values = (
        sums.count * float(np.prod(unit.sizes[-2:])),
        sums.diameters.longest,
        sums.diameters.perpendicular,
        *_intensities(sums, background),
    )
    return dict(zip(section_columns(len(sums.intensity)), values, strict=True))


def _boundary(
    sums: LabelSums, unit: MeasuringUnit, size: float, axes: Sequence[float]
) -> tuple[object, ...]:
    """Return diameters, the size of the boundary with its unit, and measures of roundness."""
    boundary = line_directions(unit.sizes).boundary(sums.crossings)
    if sums.diameters is None:
        raise AssertionError("an object with pixels has diameters")
    longest, across = sums.diameters.longest, sums.diameters.perpendicular
    if len(unit.sizes) == 2:
        flattening = sqrt(max(0.0, 1 - (axes[-1] / axes[0]) ** 2))
        round_share = 4 * pi * size / boundary**2
        return longest, across, boundary, unit.length, flattening, round_share
    sphericity = (36 * pi * size**2) ** (1 / 3) / boundary
    plane = sums.diameters.plane
    return longest, across, plane, boundary, unit.length, unit.surface, sphericity


def _ball_diameter(size: float, dimensions: int) -> float:
    """Return the diameter of the disk or ball of an area or volume."""
    unit_ball = pi ** (dimensions / 2) / gamma(dimensions / 2 + 1)
    return 2 * float((size / unit_ball) ** (1 / dimensions))


def _axis_lengths(sums: LabelSums, sizes: NDArray[np.float64]) -> list[float]:
    """Return the axes of the ellipse or ellipsoid with the same second moments, longest first."""
    mean = sums.first / sums.count
    covariance = sums.second / sums.count - np.outer(mean, mean)
    covariance += np.eye(len(sizes)) * _VARIANCE_OF_PIXEL
    variances = np.linalg.eigvalsh(covariance * np.outer(sizes, sizes))[::-1]
    # The variance along a semi-axis a is a ** 2 / 4 for an ellipse, a ** 2 / 5 for an ellipsoid.
    return [2 * sqrt((len(sizes) + 2) * variance) for variance in variances]


def _intensities(sums: LabelSums, background: Sequence[float | None]) -> list[float | None]:
    found: list[float | None] = []
    for channel, around in enumerate(background):
        mean = float(sums.intensity[channel] / sums.count)
        found += [
            mean,
            float(sums.darkest[channel]),
            float(sums.brightest[channel]),
            float(sums.intensity[channel]),
            around,
            None if around is None else mean - around,
        ]
    return found
