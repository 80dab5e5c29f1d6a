"""A lazy stack of 2-D planes: any input, read plane by plane or window by window."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.axes import CHANNEL_AXES, check_array, complete_axes, parse_at, parse_axes
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.layout import AxisLayout, Slices, choose_layout
from napari_sam2.images.pyramid import large_chunk_warnings, usable_levels
from napari_sam2.images.readers import LazyArray, Source, read_source
from napari_sam2.images.readers.chunk_cache import ChunkCachedArray
from napari_sam2.images.readers.transposed import canonical_source

_ATTEMPTS = 3
"""Number of attempts to read a plane."""
_FIRST_WAIT = 0.05
"""Seconds before the second attempt; each further wait is four times as long."""


@dataclass(frozen=True, eq=False)
class Stack:
    """Planes along one axis of an input, read when needed; see :func:`open_stack`.

    Parameters
    ----------
    source : Source
        The opened input, with its arrays in the order T, C, Z, Y, X, S.
    layout : AxisLayout
        Roles of the axes: frames, plane, channels and fixed positions.
    arrays : tuple of LazyArray
        The usable pyramid levels of the source, full resolution first.
    levels : tuple of int
        Downsampling factor of each level; the first is 1.
    notes : tuple of str
        Messages for the user about assumptions and about data that are not read.
    """

    source: Source
    layout: AxisLayout
    arrays: tuple[LazyArray, ...]
    levels: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def assemble(cls, source: Source, layout: AxisLayout, notes: tuple[str, ...] = ()) -> Stack:
        """Return the stack of an opened input.

        Parameters
        ----------
        source, layout, notes
            See the class; notes about pyramid levels and chunks are added.
        """
        arrays, factors, skipped = usable_levels(source.levels, layout)
        axis = layout.axes.find(layout.along)
        cached = tuple(
            array if array.chunks is None else ChunkCachedArray(array, axis) for array in arrays
        )
        row, column = (layout.axes.index(letter) for letter in layout.plane)
        large = large_chunk_warnings(arrays[0], source.name, (row, column))
        return cls(source, layout, cached, factors, notes + skipped + large)

    @property
    def name(self) -> str:
        """Short name for messages and outputs."""
        return self.source.name

    @property
    def axes(self) -> str:
        """One upper-case letter per axis of the input, in the order of ``"TCZYXS"``."""
        return self.layout.axes

    @property
    def native_axes(self) -> str:
        """The same letters in the order of the input's arrays."""
        return self.source.native_axes or self.axes

    @property
    def full_shape(self) -> tuple[int, ...]:
        """Shape of the whole input, with all axes."""
        return self.layout.lengths

    @cached_property
    def along(self) -> str:
        """The propagated axis, lower case."""
        return self.layout.along.lower()

    @cached_property
    def plane(self) -> tuple[str, str]:
        """Axes of rows and columns, lower case; ``yx`` of prompts refers to them."""
        row, column = self.layout.plane
        return row.lower(), column.lower()

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane at full resolution, in pixels."""
        return self.layout.plane_shape

    @cached_property
    def n_frames(self) -> int:
        """Number of planes along the propagated axis."""
        return self.layout.n_frames

    @cached_property
    def n_channels(self) -> int:
        """Number of channels that are read: 3 for RGB."""
        return len(self.layout.channels)

    @property
    def rgb(self) -> bool:
        """Whether the channels are red, green and blue samples."""
        return self.layout.channel_axis == "S" and self.n_channels == 3

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, in native byte order."""
        return np.dtype(self.source.levels[0].dtype).newbyteorder("=")

    @cached_property
    def label_axes(self) -> str:
        """Upper-case axes of the input without channels, in the order of ``"TZYX"``."""
        return self.layout.label_axes

    @property
    def native_label_axes(self) -> str:
        """The same letters in the order of the input's arrays."""
        return "".join(axis for axis in self.native_axes if axis not in CHANNEL_AXES)

    @cached_property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of a label array for the whole input."""
        return self.layout.label_shape

    @property
    def calibration(self) -> Calibration:
        """Pixel sizes, units, origin and orientation as stated by the input."""
        return self.source.calibration

    @property
    def scale(self) -> tuple[float, ...]:
        """Pixel size along each label axis, 1 where unknown."""
        return self.calibration.scale(self.label_axes)

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of :attr:`scale` along each label axis, ``"pixel"`` where unknown."""
        return self.calibration.units(self.label_axes)

    @property
    def origin(self) -> tuple[float, ...]:
        """Position of the first pixel along each label axis, in units, 0 where unknown."""
        return self.calibration.origin(self.label_axes)

    @property
    def affine(self) -> NDArray[np.float64] | None:
        """Affine (4, 4) from z, y, x indices to world coordinates, see :class:`Calibration`."""
        return self.calibration.affine

    @cached_property
    def chunk_shape(self) -> tuple[int, int]:
        """Height and width of the smallest block of a plane that can be read, in pixels."""
        chunks = self.source.levels[0].chunks
        if chunks is None:
            return min(self.shape[0], 512), min(self.shape[1], 512)
        row, column = (chunks[self.axes.index(axis)] for axis in self.layout.plane)
        return min(row, self.shape[0]), min(column, self.shape[1])

    @property
    def chunk_bytes(self) -> int:
        """Number of decompressed bytes that are read for one pixel."""
        array = self.source.levels[0]
        if array.chunks is None:
            return self.dtype.itemsize
        lengths = zip(array.chunks, array.shape, strict=True)
        return self.dtype.itemsize * int(np.prod([min(c, n) for c, n in lengths]))

    def index(self, frame: int) -> PlaneIndex:
        """Return the plane index of a frame: one int per axis that is neither plane nor channels.

        Raises
        ------
        IndexError
            If there is no such frame.
        """
        return self.layout.index(frame)

    def level_shape(self, level: int) -> tuple[int, int]:
        """Return height and width of a plane at a pyramid level."""
        lengths = self.arrays[level].shape
        row, column = (lengths[self.axes.index(axis)] for axis in self.layout.plane)
        return row, column

    def level_window(self, window: Window, level: int) -> Window:
        """Return the window of a level that covers a window of the full-resolution plane."""
        factor = self.levels[level]
        ends = (-(-window.y1 // factor), -(-window.x1 // factor))
        return Window(window.y0 // factor, window.x0 // factor, *ends).clip(self.level_shape(level))

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Return the pixels of one plane, or of a window of it; only the needed chunks are read.

        Parameters
        ----------
        index : tuple of int
            Plane index, see :meth:`index`.
        window : Window or None
            Window inside the plane, in full-resolution pixels (see :meth:`Window.clip`); None
            reads the whole plane.
        level : int
            Pyramid level, a position in :attr:`levels`. Pixel i of a level covers the
            full-resolution pixels from ``factor * i`` to ``factor * (i + 1) - 1``; all pixels
            that overlap the window are returned.

        Returns
        -------
        NDArray
            (C, h, w) in the type of the input, native byte order; a copy.

        Raises
        ------
        IndexError
            If there is no such plane.
        ValueError
            If the window is empty or extends beyond the plane.
        StackReadError
            If the plane cannot be read in several attempts.
        """
        height, width = self.shape
        window = Window(0, 0, height, width) if window is None else window
        inside = 0 <= window.y0 < window.y1 <= height and 0 <= window.x0 < window.x1 <= width
        if not inside:
            self.layout.check_index(index)
            raise ValueError(f"{window} is empty or reaches beyond the plane {self.shape}.")
        array = self.arrays[level]
        part = window if level == 0 else self.level_window(window, level)
        keys = self.layout.image_slices(index, part)
        blocks = [self.layout.to_planes(self._fetch(array, key, index)) for key in keys]
        planes = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return np.array(planes, dtype=self.dtype, order="C")

    def _fetch(self, array: LazyArray, key: Slices, index: PlaneIndex) -> NDArray[Any]:
        wait = _FIRST_WAIT
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return np.asarray(array[key])
            except (UserError, MemoryError):
                raise
            except Exception as error:
                if attempt == _ATTEMPTS:
                    raise self._unreadable(index, error) from error
            time.sleep(wait)
            wait *= 4
        raise AssertionError

    def _unreadable(self, index: PlaneIndex, error: Exception) -> StackReadError:
        place = ", ".join(
            f"{a.lower()}={i}" for a, i in zip(self.layout.index_axes, index, strict=True)
        )
        reason = str(error) or type(error).__name__
        return StackReadError(
            f"The plane {place or 'of the image'} of {self.name} could not be read "
            f"(tried {_ATTEMPTS} times): {reason}",
            index,
        )

    def label_slices(self, index: PlaneIndex, window: Window | None = None) -> Slices:
        """Return the slices of a window of one plane in an array of :attr:`label_shape`."""
        return self.layout.label_slices(index, Window.of(self.shape) if window is None else window)

    def with_along(self, along: str, at: Mapping[str, int] | Iterable[str] | None = None) -> Stack:
        """Return a stack of the same input with frames along another axis.

        Parameters
        ----------
        along : str
            The new propagated axis: any of t, z, y, x that the input has.
        at : mapping of str to int
            Fixed positions on the other axes, as for :func:`open_stack`.

        Raises
        ------
        UserError
            If an axis or position does not exist.
        """
        layout, notes = choose_layout(
            self.axes, self.full_shape, along, parse_at(at), self.layout.channels
        )
        return Stack.assemble(self.source, layout, self.source.notes + notes)


def open_stack(
    source: Any,
    *,
    axes: str | None = None,
    along: str | None = None,
    at: Mapping[str, int] | Iterable[str] | None = None,
    channels: Sequence[int] | None = None,
    scene: str | int | None = None,
) -> Stack:
    """Return a lazy stack of any supported input, with axes in the order T, C, Z, Y, X, S.

    Parameters
    ----------
    source : path, URL, array or list of arrays
        See :func:`napari_sam2.images.readers.read_source`.
    axes : str or None
        One letter of ``TCZYXS`` per dimension of the input, in its order and in any case. None
        takes the axes of the file; axes that it does not name are guessed, which is stated in
        :attr:`Stack.notes`.
    along : str or None
        The axis to propagate along: t, z, y or x. None chooses t, else z.
    at : mapping of str to int, or strings such as ``"z=3"``
        Positions on axes that are neither frames nor plane nor channels; 0 where not given.
    channels : sequence of int or None
        Channels to read, in this order; None reads all.
    scene : str, int or None
        Name or number (from 0) of the image in a file of several; None opens the reader's
        default, which is stated in :attr:`Stack.notes`.

    Raises
    ------
    UserError
        If the input is missing, empty, damaged, complex or not 2- to 5-dimensional, or if an
        axis, position, channel or scene does not exist.
    """
    found = read_source(source, scene)
    array = found.levels[0]
    check_array(array.shape, array.dtype, found.name)
    if axes is None:
        named, guesses = complete_axes(found.axes, array.shape, array.dtype, along)
    else:
        named, guesses = parse_axes(axes, array.shape), ()
    picked = None if channels is None else tuple(channels)
    # A stack along another axis is made of the source, so the guesses belong to it.
    ordered = replace(canonical_source(found, named), notes=found.notes + guesses)
    shape = ordered.levels[0].shape
    layout, notes = choose_layout(ordered.axes or "", shape, along, parse_at(at), picked)
    return Stack.assemble(ordered, layout, ordered.notes + notes)
