"""Conversion between coordinates of napari layers and positions in a stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

FixedPosition = tuple[tuple[str, int], ...]
"""Pairs (axis, position) for the axes that are neither the propagated one nor in the plane."""


@dataclass(frozen=True)
class LayerCoordinates:
    """Meaning of the elements of a layer coordinate; layers have the label axes of the stack.

    Parameters
    ----------
    axes : str
        Label axes in the order of the layer, lower case.
    lengths : tuple of int
        Length of each label axis.
    along : str
        The propagated axis; a single plane may lack it.
    plane : tuple of str
        Axes of rows and columns.
    """

    axes: str
    lengths: tuple[int, ...]
    along: str
    plane: tuple[str, str]

    @classmethod
    def of(cls, stack: Stack) -> LayerCoordinates:
        """Return the layer coordinates of a stack."""
        axes = stack.native_label_axes
        lengths = tuple(stack.layout.length(axis) for axis in axes)
        return cls(axes.lower(), lengths, stack.along, stack.plane)

    @property
    def others(self) -> str:
        """Axes that are neither the propagated one nor in the plane."""
        return "".join(a for a in self.axes if a != self.along and a not in self.plane)

    def frame(self, point: Sequence[float]) -> int:
        """Return the frame of a coordinate, clipped to the stack."""
        return self._position(point, self.along) if self.along in self.axes else 0

    def fixed(self, point: Sequence[float]) -> FixedPosition:
        """Return the positions of a coordinate on :attr:`others`, clipped to the stack."""
        return tuple((axis, self._position(point, axis)) for axis in self.others)

    def position(self, index: PlaneIndex) -> FixedPosition:
        """Return the positions of a plane, given by its full index, on :attr:`others`."""
        axes = [axis for axis in self.axes if axis not in self.plane]
        values = dict(zip(sorted(axes, key="tzyx".index), index, strict=True))
        return tuple((axis, values[axis]) for axis in self.others)

    def yx(self, point: Sequence[float]) -> tuple[float, float]:
        """Return row and column (y, x) of a coordinate, in plane pixels."""
        row, column = (float(point[self.axes.index(axis)]) for axis in self.plane)
        return row, column

    def point(
        self, fixed: FixedPosition, frame: int, yx: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Return the layer coordinate of a point (y, x) on a frame."""
        values = {**dict(fixed), self.along: frame, **dict(zip(self.plane, yx, strict=True))}
        return np.array([values[axis] for axis in self.axes], dtype=np.float64)

    def inside(self, yx: tuple[float, float]) -> bool:
        """Return whether a point (y, x) lies on the plane."""
        lengths = [self.lengths[self.axes.index(axis)] for axis in self.plane]
        return all(-0.5 <= v <= n - 0.5 for v, n in zip(yx, lengths, strict=True))

    def _position(self, point: Sequence[float], axis: str) -> int:
        at = self.axes.index(axis)
        return int(np.clip(np.floor(point[at] + 0.5), 0, self.lengths[at] - 1))
