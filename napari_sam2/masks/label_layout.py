"""Shape, chunks and data type of label arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window

CHUNK = 2048
"""Largest length of a chunk along the axes of the plane; it is 1 along the others."""


class LabelGeometry(Protocol):
    """Axes and shape of a stack and of its label array; a Stack is one."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane."""

    @property
    def n_frames(self) -> int:
        """Number of planes along the propagated axis."""

    @property
    def along(self) -> str:
        """The propagated axis, lower case."""

    @property
    def axes(self) -> str:
        """One upper-case letter per axis of the input."""

    @property
    def plane(self) -> tuple[str, str]:
        """The plane's (row, column) axes, lower case."""

    @property
    def label_axes(self) -> str:
        """The input's axes without channels."""

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of the label array."""

    def index(self, frame: int) -> PlaneIndex:
        """Return the full index of a frame."""

    def label_slices(
        self, index: PlaneIndex, window: Window | None = None
    ) -> tuple[int | slice, ...]:
        """Return the index of a window of a plane in the label array."""

    def oriented(self, crop: NDArray[Any]) -> NDArray[Any]:
        """Return a crop (h, w) with its axes in array order, or back."""


def label_dtype(ids: Iterable[int], requested: DTypeLike | None = None) -> np.dtype[Any]:
    """Return the data type for labels: the requested one, else uint16 or uint32 as ids require.

    Raises
    ------
    UserError
        If an id does not fit, or the requested type is not an unsigned integer.
    """
    largest = max(ids, default=0)
    if requested is None:
        dtype = np.dtype(np.uint16 if largest < 2**16 else np.uint32)
    else:
        dtype = np.dtype(requested)
    if dtype.kind != "u":
        raise UserError(f"Labels cannot be {dtype}: use uint8, uint16 or uint32.")
    most = 2 ** (8 * dtype.itemsize) - 1
    if largest > most:
        raise UserError(
            f"Object id {largest} does not fit labels of type {dtype} (at most {most}): "
            "renumber the objects or choose a wider type."
        )
    return dtype


def label_chunks(geometry: LabelGeometry) -> tuple[int, ...]:
    """Return the chunk shape: 1 along every axis but the plane's, at most :data:`CHUNK` there."""
    planes = geometry.label_slices(geometry.index(0))
    return tuple(
        min(CHUNK, length) if isinstance(where, slice) else 1
        for where, length in zip(planes, geometry.label_shape, strict=True)
    )


def tiles(window: Window, side: int = CHUNK) -> Iterable[Window]:
    """Yield the parts of a window in the cells of a grid of ``side`` pixels, to bound memory."""
    for y in range(window.y0 // side * side, window.y1, side):
        for x in range(window.x0 // side * side, window.x1, side):
            tile = window.intersect(Window(y, x, y + side, x + side))
            if not tile.empty:
                yield tile
