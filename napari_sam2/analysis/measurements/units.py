"""The unit that objects are measured in, and the pixel sizes in it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.calibration import PIXEL, Calibration
from napari_sam2.images.length_units import conversion

_POWERS = {2: "²", 3: "³"}
_RIGHT = 0.999
"""Voxels whose volume is at least this share of the product of their sizes are right-angled."""
_SKEWED = (
    "The axes of the volume are not at right angles. Volumes are exact; lengths, surfaces and "
    "centroids are measured as if they were. Resample the volume for exact ones."
)


@dataclass(frozen=True, slots=True)
class MeasuringUnit:
    """Sizes of a pixel along the spatial axes in one unit.

    Parameters
    ----------
    sizes, origin : tuple of float
        Size of a pixel and position of the first one along each spatial axis.
    length : str
        Symbol of the unit of lengths, ``"pixel"`` without calibration.
    note : str
        Why lengths are in pixels although a size is known, or why they are not exact; empty
        otherwise.
    skew : float
        Volume of a voxel by the product of its sizes: below 1 if its edges are not at right
        angles, as in a CT with a tilted gantry.
    """

    sizes: tuple[float, ...]
    origin: tuple[float, ...]
    length: str
    note: str = ""
    skew: float = 1.0

    @classmethod
    def of(cls, calibration: Calibration, axes: str) -> MeasuringUnit:
        """Return the unit of the last spatial axis, into which the others are converted.

        Parameters
        ----------
        calibration : Calibration
            Pixel sizes of the labels.
        axes : str
            Upper-case letters of the spatial axes.
        """
        steps = [calibration.step(axis) for axis in axes]
        unit = steps[-1].unit
        factors = [conversion(step.unit, unit) for step in steps]
        known = [factor for factor in factors if factor is not None]
        if len(known) < len(factors):
            listed = ", ".join(f"{a.lower()} in {s.unit}" for a, s in zip(axes, steps, strict=True))
            return cls(
                (1.0,) * len(axes),
                (0.0,) * len(axes),
                PIXEL,
                f"Measured in pixels, because the axes have different units: {listed}.",
            )
        pairs = list(zip(steps, known, strict=True))
        skew = _skew(calibration.affine) if len(axes) == 3 else 1.0
        return cls(
            tuple(step.size * factor for step, factor in pairs),
            tuple(step.origin * factor for step, factor in pairs),
            steps[-1].symbol or unit,
            _SKEWED if skew < 1 else "",
            skew,
        )

    @property
    def pixel(self) -> float:
        """Area of a pixel or volume of a voxel."""
        return self.skew * prod(self.sizes)

    @property
    def size(self) -> str:
        """Unit of areas or volumes, e.g. ``"µm²"``; ``"pixel"`` or ``"voxel"`` if unknown."""
        dimensions = len(self.sizes)
        if self.length == PIXEL:
            return PIXEL if dimensions == 2 else "voxel"
        return self.length + _POWERS[dimensions]

    @property
    def surface(self) -> str:
        """Unit of surfaces of volumes, e.g. ``"µm²"``; ``"pixel²"`` if unknown."""
        return self.length + _POWERS[2]


def _skew(affine: NDArray[np.float64] | None) -> float:
    """Return the volume of a voxel by the product of the lengths of its edges."""
    if affine is None:
        return 1.0
    edges = affine[:3, :3]
    lengths = np.linalg.norm(edges, axis=0).prod()
    share = float(abs(np.linalg.det(edges)) / lengths) if lengths else 1.0
    return share if share < _RIGHT else 1.0
