"""Physical place of pixels: step, unit and origin of each axis, and the affine of the volume."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SPATIAL = "ZYX"
"""Spatial axes, in the order of indices."""
PIXEL = "pixel"
"""Unit of an axis whose step is unknown."""

SYMBOLS: Mapping[str, str] = {
    "picometer": "pm",
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "inch": "in",
    "nanosecond": "ns",
    "microsecond": "µs",
    "millisecond": "ms",
    "second": "s",
    "minute": "min",
    "hour": "h",
    "day": "d",
}
"""Symbols of the units that are written to files, by full name (UDUNITS-2)."""

_NAMES = {symbol: name for name, symbol in SYMBOLS.items()}
_NAMES |= dict.fromkeys(("\\u00B5m", "μm", "um", "micron", "microns"), "micrometer")
_NAMES |= dict.fromkeys(("sec", "secs"), "second") | dict.fromkeys(("mins", "minutes"), "minute")
_NAMES |= dict.fromkeys(("hr", "hrs"), "hour") | dict.fromkeys(("msec", "msecs"), "millisecond")
_NAMES |= dict.fromkeys(("us", "μs", "usec", "usecs"), "microsecond") | {"inches": "inch"}
_NAMES |= dict.fromkeys(("\u212b", "A", "ångström", "ångstrom"), "angstrom")
_NAMES |= {name + "s": name for name in SYMBOLS}
_NAMES |= {name.replace("meter", "metre" + s): name for name in SYMBOLS for s in ("", "s")}


def unit_name(text: str) -> str:
    """Return the full name of a unit, e.g. ``"micrometer"`` for ``"µm"``; others as they are.

    Plurals and British spellings of known units are theirs.
    """
    text = text.strip()
    return _NAMES.get(text, _NAMES.get(text.lower(), text))


@dataclass(frozen=True, slots=True)
class AxisStep:
    """Distance between neighboring pixels, or frames, along one axis.

    Parameters
    ----------
    size : float
        Distance in units.
    unit : str
        Name or symbol of the unit; stored as the full name, e.g. ``"micrometer"``.
    origin : float
        Position of the center of the first pixel, or time of the first frame, in units.
    """

    size: float = 1.0
    unit: str = PIXEL
    origin: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", unit_name(self.unit))

    @property
    def symbol(self) -> str | None:
        """Symbol of the unit, e.g. ``"µm"``; None for pixels and unknown units."""
        return SYMBOLS.get(self.unit)


@dataclass(frozen=True, eq=False, slots=True)
class Calibration:
    """Pixel sizes, origin and orientation of an image.

    Parameters
    ----------
    steps : mapping of str to AxisStep
        Step along each axis where it is known, by upper-case axis letter.
    affine : NDArray[np.float64] or None
        Homogeneous matrix (4, 4) from pixel indices (z, y, x, 1) to world coordinates (x, y, z, 1)
        in the units of the spatial steps; for NIfTI and DICOM the world is RAS+ (x to the right,
        y to the front, z to the head), in millimeters. The index of an axis that the image lacks
        is 0. None if the file states no orientation; if there is one, it contains the origin of
        the spatial axes, whose steps have origin 0.
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
        origin: Iterable[float] | None = None,
    ) -> Calibration:
        """Return the calibration with one step size and unit for each upper-case axis letter.

        The origin is 0 along all axes if it is not given.
        """
        letters = tuple(axes)
        starts = (0.0,) * len(letters) if origin is None else origin
        values = zip(letters, scale, units, starts, strict=True)
        return cls({a: AxisStep(s, u, start) for a, s, u, start in values}, affine)

    def step(self, axis: str) -> AxisStep:
        """Return the step along an axis, 1 pixel where it is unknown."""
        return self.steps.get(axis, AxisStep())

    def scale(self, axes: str) -> tuple[float, ...]:
        """Return the step sizes along ``axes``, 1 where unknown."""
        return tuple(self.step(axis).size for axis in axes)

    def units(self, axes: str) -> tuple[str, ...]:
        """Return the units along ``axes``, ``"pixel"`` where unknown."""
        return tuple(self.step(axis).unit for axis in axes)

    def origin(self, axes: str) -> tuple[float, ...]:
        """Return the position of the first pixel along ``axes``, 0 where unknown."""
        return tuple(self.step(axis).origin for axis in axes)

    def renamed(self, before: str, after: str) -> Calibration:
        """Return the calibration of the same pixels after their axes got other letters.

        A step is kept where a spatial axis stays spatial, or the same letter stays, or the letter
        is new; the affine where this holds for all its axes.

        Parameters
        ----------
        before, after : str
            The letter of each axis, in the same order.
        """
        pairs = dict(zip(before, after, strict=True))
        kept = {
            old: new
            for old, new in pairs.items()
            if old == new or (old in SPATIAL and new in SPATIAL)
        }
        new = {axis: axis for axis in after if axis not in before and axis not in kept.values()}
        names = {**kept, **new}
        steps = {names[axis]: step for axis, step in self.steps.items() if axis in names}
        return Calibration(steps, self._renamed_affine(pairs, kept))

    def _renamed_affine(
        self, pairs: Mapping[str, str], kept: Mapping[str, str]
    ) -> NDArray[np.float64] | None:
        spatial = [axis for axis in pairs if axis in SPATIAL]
        if self.affine is None or any(axis not in kept for axis in spatial):
            return None
        missing = [axis for axis in SPATIAL if axis not in spatial]
        free = [axis for axis in SPATIAL if axis not in kept.values()]
        names = {**kept, **dict(zip(missing, free, strict=True))}
        old = {new: before for before, new in names.items()}
        return self.affine[:, [*(SPATIAL.index(old[axis]) for axis in SPATIAL), 3]]

    def affine_from(self, axes: str) -> NDArray[np.float64] | None:
        """Return the affine with its columns in another order, without rounding.

        Parameters
        ----------
        axes : str
            The letters Z, Y and X in the wanted order of the indices, e.g. ``"XYZ"`` for the
            affine of a NIfTI file.
        """
        if self.affine is None:
            return None
        return self.affine[:, [*(SPATIAL.index(axis) for axis in axes), 3]]
