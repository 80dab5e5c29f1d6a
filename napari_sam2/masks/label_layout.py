"""Layout of label arrays: their axes, shapes, chunks and types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window

DROPPED = "1"
"""Letter of an axis of length 1 that labels have and the image lacks."""
CHUNK = 2048
"""Largest length of a chunk along the axes of the plane; it is 1 along the others."""


class LabelGeometry(Protocol):
    """The properties of a stack that prompts and labels need; :class:`Stack` has them."""

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
        """The input's axes without channels, in the order of ``"TZYX"``."""

    @property
    def native_label_axes(self) -> str:
        """The same axes in the order of the input's arrays."""

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of the label array."""

    @property
    def affine(self) -> NDArray[np.float64] | None:
        """Position and orientation, (4, 4) from z, y, x indices to world coordinates."""

    def index(self, frame: int) -> PlaneIndex:
        """Return the full index of a frame."""

    def label_slices(
        self, index: PlaneIndex, window: Window | None = None
    ) -> tuple[int | slice, ...]:
        """Return the index of a window of a plane in the label array."""


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
            f"Object id {largest} does not fit labels of type {dtype} (at most {most}). "
            "Renumber the objects."
        )
    return dtype


def label_chunks(geometry: LabelGeometry) -> tuple[int, ...]:
    """Return the chunk shape: 1 along every axis but the plane's, at most :data:`CHUNK` there."""
    planes = geometry.label_slices(geometry.index(0))
    return tuple(
        min(CHUNK, length) if isinstance(where, slice) else 1
        for where, length in zip(planes, geometry.label_shape, strict=True)
    )


def stored_shape(geometry: LabelGeometry, axes: str) -> tuple[int, ...]:
    """Return the shape of a label array whose axes have another order."""
    return tuple(geometry.label_shape[geometry.label_axes.index(axis)] for axis in axes)


def stored_chunks(geometry: LabelGeometry, axes: str) -> tuple[int, ...]:
    """Return the chunk shape of a label array whose axes have another order."""
    chunks = label_chunks(geometry)
    return tuple(chunks[geometry.label_axes.index(axis)] for axis in axes)


def tiles(window: Window, side: int = CHUNK) -> Iterable[Window]:
    """Yield the parts of a window in the cells of a grid of ``side`` pixels, to bound memory."""
    for y in range(window.y0 // side * side, window.y1, side):
        for x in range(window.x0 // side * side, window.x1, side):
            tile = window.intersect(Window(y, x, y + side, x + side))
            if not tile.empty:
                yield tile


@dataclass(frozen=True)
class _Target:
    """The axes of a stack that labels are matched with."""

    axes: str
    native: str
    lengths: tuple[int, ...]
    along: str
    plane: str

    @classmethod
    def of(cls, geometry: LabelGeometry) -> _Target:
        plane = "".join(geometry.plane).upper()
        along = geometry.along.upper()
        shape = tuple(geometry.label_shape)
        return cls(geometry.label_axes, geometry.native_label_axes, shape, along, plane)

    def length(self, axis: str) -> int:
        return self.lengths[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def stack(self) -> str:
        """Axes of the frames and their planes."""
        return (self.along if self.along in self.axes else "") + self.plane

    def covers(self, letters: str) -> bool:
        """Return whether labels with these axes hold all frames, or are one plane."""
        if not set(self.plane) <= set(letters):
            return False
        missing = {a for a in self.axes if a not in letters and self.length(a) > 1}
        one_plane = set(letters) - set(self.plane) <= {a for a in letters if self.length(a) == 1}
        return self.along not in missing or one_plane


def match_label_axes(shape: tuple[int, ...], named: str | None, geometry: LabelGeometry) -> str:
    """Return the axes of labels made for a stack, matched by name, else by shape.

    Parameters
    ----------
    shape : tuple of int
        Shape of the labels: the whole input without channels, its frames at the fixed positions
        of the other axes, or a single plane, with any further axes of length 1.
    named : str or None
        A letter for each axis, as their file states it; ``"?"`` for unknown axes. Letters that
        the stack lacks count as unknown, as time and depth are often mistaken for each other.
    geometry : LabelGeometry
        The stack.

    Returns
    -------
    str
        For each axis of the labels an axis of the stack, or :data:`DROPPED`.

    Raises
    ------
    UserError
        If the labels do not fit, or fit in several ways.
    """
    target = _Target.of(geometry)
    known = named if named is not None and len(named) == len(shape) else "?" * len(shape)
    known = "".join(a if a in target.axes else "?" for a in known)
    found = _matches(tuple(shape), known, target)
    if not found:
        planes = "".join(a if a in target.plane else "?" for a in known)
        found = _matches(tuple(shape), planes, target)
    if not found:
        raise UserError(_mismatch(shape, named, geometry))
    if len(found) > 1:
        raise UserError(
            f"The label image has shape {shape} and does not name its axes, which may be "
            f"{' or '.join(found)}. State them with --labels-axes, e.g. {found[0]} (in Python, "
            "give an xarray.DataArray with these dims), or save the labels as OME-TIFF, OME-Zarr "
            "or NIfTI."
        )
    return found[0]


def _mismatch(shape: tuple[int, ...], named: str | None, geometry: LabelGeometry) -> str:
    axes = f" and axes {named}" if named and "?" not in named else ""
    return (
        f"The label image has shape {shape}{axes}; give a plane {geometry.shape}, a stack "
        f"{(geometry.n_frames, *geometry.shape)}, or the whole {geometry.label_axes} "
        f"{tuple(geometry.label_shape)}."
    )


@lru_cache(maxsize=64)
def _matches(shape: tuple[int, ...], known: str, target: _Target) -> tuple[str, ...]:
    """Return all different axes that labels of a shape can have; the first are most complete."""
    options = [_options(n, letter, target) for n, letter in zip(shape, known, strict=True)]
    found = [
        axes
        for axes in map("".join, product(*options))
        if _once(axes) and target.covers(axes) and ("?" not in known or _ordered(axes, target))
    ]
    if not found:
        return ()
    most = min(axes.count(DROPPED) for axes in found)
    different: dict[str, str] = {}
    for axes in found:
        if axes.count(DROPPED) == most:
            different.setdefault(_long(axes, target), axes)
    plain = _long(target.axes, target)
    if target.native == target.axes and plain in different:
        return (different[plain],)
    return tuple(different.values())


def _options(length: int, letter: str, target: _Target) -> list[str]:
    letters = target.axes if letter == "?" else letter
    fits = [axis for axis in letters if target.length(axis) == length]
    return [*fits, DROPPED] if length == 1 else fits


def _once(axes: str) -> bool:
    letters = axes.replace(DROPPED, "")
    return len(set(letters)) == len(letters)


def _long(axes: str, target: _Target) -> str:
    return "".join(axis for axis in axes if target.length(axis) > 1)


def _ordered(axes: str, target: _Target) -> bool:
    """Return whether unnamed axes have the order of T, Z, Y, X, of the input, or of the frames."""
    long = _long(axes, target)
    orders = (target.axes, target.native, target.stack)
    return any("".join(a for a in order if a in long) == long for order in orders)
