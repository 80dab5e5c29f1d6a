"""Axes, pixel sizes and units in the words of the file formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from napari_sam2.core.errors import UserError

_KINDS = {"t": "time", "z": "space", "y": "space", "x": "space"}
_SYMBOLS = {
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
_CENTIMETERS = {"nm": 1e-7, "µm": 1e-4, "mm": 0.1, "cm": 1.0, "m": 100.0}
_LONG = {symbol: unit for unit, symbol in _SYMBOLS.items()} | {"um": "micrometer"}


class Calibrated(Protocol):
    """What is needed of a stack."""

    @property
    def label_axes(self) -> str:
        """One letter per axis of the labels."""

    @property
    def scale(self) -> tuple[float, ...]:
        """Size of a step along each of them."""

    @property
    def units(self) -> tuple[str, ...]:
        """Its unit."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Pixel sizes of a label array.

    Parameters
    ----------
    axes : str
        Lower-case letters.
    scale : tuple of float
        Size of a step along each axis.
    units : tuple of str
        Its unit, e.g. ``"micrometer"``; ``"pixel"`` where unknown.
    """

    axes: str
    scale: tuple[float, ...]
    units: tuple[str, ...]

    @classmethod
    def of(cls, stack: Calibrated) -> Calibration:
        """Take the calibration of a stack's label axes; units under their long names."""
        units = tuple(_LONG.get(unit, unit) for unit in stack.units)
        return cls(stack.label_axes.lower(), tuple(stack.scale), units)

    def step(self, axis: str) -> tuple[float, str] | None:
        """Return size and symbol of an axis' unit, or None where it has none."""
        if axis not in self.axes:
            return None
        at = self.axes.index(axis)
        symbol = _SYMBOLS.get(self.units[at])
        return None if symbol is None else (self.scale[at], symbol)

    def check_ngff(self) -> None:
        """Refuse axes that OME-Zarr cannot order as the input does.

        Raises
        ------
        UserError
            If time comes after space.
        """
        if "t" in self.axes[1:]:
            raise UserError(
                f"OME-Zarr needs time before space, but the axes are {self.axes.upper()}: "
                "write .zarr or .tif."
            )

    def ngff_axes(self) -> list[dict[str, str]]:
        """Return the axes as OME-Zarr (NGFF 0.5) describes them."""
        return [
            {"name": axis, "type": _KINDS[axis], **({"unit": unit} if unit in _SYMBOLS else {})}
            for axis, unit in zip(self.axes, self.units, strict=True)
        ]

    def ome(self) -> dict[str, Any]:
        """Return what an OME-TIFF says: PhysicalSizeX and so on, TimeIncrement."""
        found: dict[str, Any] = {}
        for axis in "zyx":
            if step := self.step(axis):
                found[f"PhysicalSize{axis.upper()}"], found[f"PhysicalSize{axis.upper()}Unit"] = (
                    step
                )
        if step := self.step("t"):
            found["TimeIncrement"], found["TimeIncrementUnit"] = step
        return found

    def pixels_per_centimeter(self) -> tuple[float, float] | None:
        """Return the TIFF resolution along (x, y), or None where the sizes are unknown."""
        x, y = self.step("x"), self.step("y")
        if x is None or y is None or x[0] <= 0 or y[0] <= 0:
            return None
        return 1 / (x[0] * _CENTIMETERS[x[1]]), 1 / (y[0] * _CENTIMETERS[y[1]])
