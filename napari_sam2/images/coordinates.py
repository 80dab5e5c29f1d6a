"""Where the rows of a layer's coordinates lie in a stack, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

FixedPosition = tuple[tuple[str, int], ...]
"""Positions (axis, position) on the axes that are neither frames nor in the plane."""


@dataclass(frozen=True)
class LayerCoordinates:
    """Which column of a coordinate is what; layers share the label axes of the stack.

    Parameters
    ----------
    axes : str
        Label axes, lower case.
    lengths : tuple of int
        Along each of them.
    along : str
        The propagated axis; perhaps not among the axes of a lone plane.
    plane : tuple of str
        Row and column.
    """

    axes: str
    lengths: tuple[int, ...]
    along: str
    plane: tuple[str, str]

    @classmethod
    def of(cls, stack: Stack) -> LayerCoordinates:
        """Return the grid of a stack."""
        return cls(stack.label_axes.lower(), stack.label_shape, stack.along, stack.plane)

    @property
    def others(self) -> str:
        """Axes that are fixed for a session."""
        return "".join(a for a in self.axes if a != self.along and a not in self.plane)

    def frame(self, point: Sequence[float]) -> int:
        """Return the frame of a coordinate, the nearest that exists."""
        return self._position(point, self.along) if self.along in self.axes else 0

    def fixed(self, point: Sequence[float]) -> FixedPosition:
        """Return the positions of a coordinate on the other axes."""
        return tuple((axis, self._position(point, axis)) for axis in self.others)

    def yx(self, point: Sequence[float]) -> tuple[float, float]:
        """Return row and column of a coordinate."""
        row, column = (float(point[self.axes.index(axis)]) for axis in self.plane)
        return row, column

    def point(
        self, fixed: FixedPosition, frame: int, yx: tuple[float, float]
    ) -> NDArray[np.float64]:
        """Return the coordinate of a place."""
        where = {**dict(fixed), self.along: frame, **dict(zip(self.plane, yx, strict=True))}
        return np.array([where[axis] for axis in self.axes], dtype=np.float64)

    def inside(self, yx: tuple[float, float]) -> bool:
        """Whether row and column lie on the plane."""
        lengths = [self.lengths[self.axes.index(axis)] for axis in self.plane]
        return all(-0.5 <= v <= n - 0.5 for v, n in zip(yx, lengths, strict=True))

    def _position(self, point: Sequence[float], axis: str) -> int:
        at = self.axes.index(axis)
        return int(np.clip(np.round(point[at]), 0, self.lengths[at] - 1))
