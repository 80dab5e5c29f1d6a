"""Conversion of lengths and times between the units of file formats."""

from __future__ import annotations

from napari_sam2.images.calibration import AxisStep

_METERS = {
    "picometer": 1e-12,
    "angstrom": 1e-10,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "inch": 0.0254,
    "meter": 1.0,
}
_SECONDS = {
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}


def conversion(unit: str, wanted: str) -> float | None:
    """Return the factor from one unit to another, None if one is unknown or of another kind.

    Parameters
    ----------
    unit, wanted : str
        Full names, e.g. ``"micrometer"``; equal names give exactly 1.
    """
    if unit == wanted:
        return 1.0
    for table in (_METERS, _SECONDS):
        if unit in table and wanted in table:
            return table[unit] / table[wanted]
    return None


def is_length(unit: str) -> bool:
    """Return whether a unit, by its full name, is a known length."""
    return unit in _METERS


def is_time(unit: str) -> bool:
    """Return whether a unit, by its full name, is a known time."""
    return unit in _SECONDS


def size_in(step: AxisStep, wanted: str) -> float | None:
    """Return the size of a step in another unit, None if its unit is unknown."""
    factor = conversion(step.unit, wanted)
    return None if factor is None else step.size * factor
