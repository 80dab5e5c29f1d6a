"""The unit that objects are measured in, and the pixel sizes in it."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam2.images.calibration import PIXEL, Calibration
from napari_sam2.images.length_units import conversion

_POWERS = {2: "²", 3: "³"}


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
        Why lengths are in pixels although a size is known; empty otherwise.
    """

    sizes: tuple[float, ...]
    origin: tuple[float, ...]
    length: str
    note: str = ""

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
        return cls(
            tuple(step.size * factor for step, factor in pairs),
            tuple(step.origin * factor for step, factor in pairs),
            steps[-1].symbol or unit,
        )

    @property
    def size(self) -> str:
        """Unit of areas or volumes, e.g. ``"µm²"``; ``"pixel"`` or ``"voxel"`` if unknown."""
        dimensions = len(self.sizes)
        if self.length == PIXEL:
            return PIXEL if dimensions == 2 else "voxel"
        return self.length + _POWERS[dimensions]
