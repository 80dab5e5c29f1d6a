"""Physical size of pixels: step and unit along each axis, and the affine of the spatial axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PIXEL = "pixel"
"""Unit of an axis whose step is unknown."""

SYMBOLS: Mapping[str, str] = {
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "millisecond": "ms",
    "second": "s",
    "minute": "min",
    "hour": "h",
}
"""Symbols of the units that are written to files, by full name (UDUNITS-2)."""

_NAMES = {symbol: name for name, symbol in SYMBOLS.items()}
_NAMES |= dict.fromkeys(("\\u00B5m", "μm", "um", "micron", "microns"), "micrometer")
_NAMES |= {"sec": "second"}


def unit_name(text: str) -> str:
    """Return the full name of a unit, e.g. ``"micrometer"`` for ``"µm"``; others as they are."""
    text = text.strip()
    return _NAMES.get(text, text)


@dataclass(frozen=True, slots=True)
class AxisStep:
    """Distance between neighboring pixels, or frames, along one axis.

    Parameters
    ----------
    size : float
        Distance in units.
    unit : str
        Name or symbol of the unit; stored as the full name, e.g. ``"micrometer"``.
    """

    size: float = 1.0
    unit: str = PIXEL

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", unit_name(self.unit))

    @property
    def symbol(self) -> str | None:
        """Symbol of the unit, e.g. ``"µm"``; None for pixels and unknown units."""
        return SYMBOLS.get(self.unit)


@dataclass(frozen=True, eq=False, slots=True)
class Calibration:
    """Pixel sizes and orientation of an image.

    Parameters
    ----------
    steps : mapping of str to AxisStep
        Step along each axis where it is known, by upper-case axis letter.
    affine : NDArray[np.float64] or None
        Homogeneous matrix (n + 1, n + 1) from indices of the n spatial axes, in array order, to
        world coordinates; None where the file has none.
    """

    steps: Mapping[str, AxisStep] = field(default_factory=dict)
    affine: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        axes: Iterable[str],
        scale: Iterable[float],
        units: Iterable[str],
        affine: NDArray[np.float64] | None = None,
    ) -> Calibration:
        """Return the calibration with one step size and unit for each upper-case axis letter."""
        steps = {a: AxisStep(s, u) for a, s, u in zip(axes, scale, units, strict=True)}
        return cls(steps, affine)

    def step(self, axis: str) -> AxisStep:
        """Return the step along an axis, 1 pixel where it is unknown."""
        return self.steps.get(axis, AxisStep())

    def scale(self, axes: str) -> tuple[float, ...]:
        """Return the step sizes along ``axes``, 1 where unknown."""
        return tuple(self.step(axis).size for axis in axes)

    def units(self, axes: str) -> tuple[str, ...]:
        """Return the units along ``axes``, ``"pixel"`` where unknown."""
        return tuple(self.step(axis).unit for axis in axes)
