"""A stack of planes that is read one plane, or one window of it, at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.axes import check_dimensions, complete_axes, parse_at, parse_axes
from napari_sam2.images.layout import AxisLayout, Slices, choose_layout
from napari_sam2.images.pyramid import large_chunk_warnings, usable_levels
from napari_sam2.images.readers import LazyArray, Source, read_source
from napari_sam2.images.readers.chunk_cache import ChunkCachedArray

_TRIES = 3
_FIRST_WAIT = 0.05


@dataclass(frozen=True, eq=False)
class Stack:
    """Planes along one axis of an input; nothing is held but how to read them.

    Parameters
    ----------
    source : Source
        The input as its reader sees it.
    layout : AxisLayout
        Which axis is what.
    arrays : tuple of LazyArray
        What is read: the usable levels of the source, finest first.
    levels : tuple of int
        Downsampling factor of each pyramid level, finest (1) first.
    notes : tuple of str
        What was assumed in opening it, in words for the user.
    """

    source: Source
    layout: AxisLayout
    arrays: tuple[LazyArray, ...]
    levels: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def assemble(cls, source: Source, layout: AxisLayout, notes: tuple[str, ...] = ()) -> Stack:
        """Return the stack of a source that is laid out in some way.

        Parameters
        ----------
        source, layout, notes
            As the attributes; what is worth knowing about levels and chunks is added to the notes.
        """
        arrays, factors, skipped = usable_levels(source.levels, layout)
        axis = layout.axes.find(layout.along)
        slabs = tuple(
            array if array.chunks is None else ChunkCachedArray(array, axis) for array in arrays
        )
        row, column = (layout.axes.index(letter) for letter in layout.plane)
        large = large_chunk_warnings(arrays[0], source.name, (row, column))
        return cls(source, layout, slabs, factors, notes + skipped + large)

    @property
    def name(self) -> str:
        """Short name for messages and outputs."""
        return self.source.name

    @property
    def axes(self) -> str:
        """One upper-case letter per dimension of the input, e.g. ``"TCZYX"``."""
        return self.layout.axes

    @property
    def full_shape(self) -> tuple[int, ...]:
        """Shape of the whole input, with all axes."""
        return self.layout.lengths

    @property
    def along(self) -> str:
        """The propagated axis, lower case."""
        return self.layout.along.lower()

    @property
    def plane(self) -> tuple[str, str]:
        """The plane's (row, column) axes, lower case; prompts' ``yx`` mean these."""
        row, column = self.layout.plane
        return row.lower(), column.lower()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane at full resolution, in pixels."""
        return self.layout.plane_shape

    @property
    def n_frames(self) -> int:
        """Number of planes along the propagated axis."""
        return self.layout.frames

    @property
    def n_channels(self) -> int:
        """Number of channels that are read: 3 for RGB."""
        return len(self.layout.channels)

    @property
    def rgb(self) -> bool:
        """Whether the channels are red, green and blue samples."""
        return self.layout.channel_axis == "S" and self.n_channels == 3

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, native byte order."""
        return np.dtype(self.source.levels[0].dtype).newbyteorder("=")

    @property
    def label_axes(self) -> str:
        """The input's axes and order without channels."""
        return self.layout.label_axes

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of a label array for the whole input."""
        return self.layout.label_shape

    @property
    def scale(self) -> tuple[float, ...]:
        """Size of a pixel along each label axis, 1 where unknown."""
        return tuple(self.source.scale.get(axis, 1.0) for axis in self.label_axes)

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of :attr:`scale` along each label axis, ``"pixel"`` where unknown."""
        return tuple(self.source.units.get(axis, "pixel") for axis in self.label_axes)

    @property
    def affine(self) -> NDArray[np.float64] | None:
        """Matrix from the spatial indices, in array order, to the world, where the file has one."""
        return self.source.affine

    @cached_property
    def chunk_shape(self) -> tuple[int, int]:
        """Height and width of the smallest block of a plane that can be read."""
        chunks = self.source.levels[0].chunks
        if chunks is None:
            return min(self.shape[0], 512), min(self.shape[1], 512)
        row, column = (chunks[self.axes.index(axis)] for axis in self.layout.plane)
        return min(row, self.shape[0]), min(column, self.shape[1])

    @property
    def chunk_bytes(self) -> int:
        """Bytes, decompressed, that reading one pixel costs."""
        array = self.source.levels[0]
        if array.chunks is None:
            return self.dtype.itemsize
        lengths = zip(array.chunks, array.shape, strict=True)
        return self.dtype.itemsize * int(np.prod([min(c, n) for c, n in lengths]))

    def index(self, frame: int) -> PlaneIndex:
        """Return the full index of a frame: one int per axis that is neither plane nor channels.

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
        """Return the pixels of a level that cover a window of the full plane."""
        factor = self.levels[level]
        ends = (-(-window.y1 // factor), -(-window.x1 // factor))
        return Window(window.y0 // factor, window.x0 // factor, *ends).clip(self.level_shape(level))

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Read one plane, or a window of it, touching only the chunks it needs.

        Parameters
        ----------
        index : tuple of int
            The plane, from :meth:`index`.
        window : Window or None
            In pixels of the full-resolution plane and inside it (see :meth:`Window.clip`); None is
            the whole plane.
        level : int
            Position in :attr:`levels`. Coarse pixel i covers full-resolution pixels
            ``factor * i`` up to ``factor * (i + 1)``; all that touch the window are read.

        Returns
        -------
        NDArray
            (C, h, w) of the input's type, native byte order; the caller's own.

        Raises
        ------
        IndexError
            If there is no such plane.
        ValueError
            If the window is empty or reaches beyond the plane.
        StackReadError
            If the plane cannot be read, after some tries.
        """
        self.layout.check_index(index)
        whole = Window.of(self.shape)
        window = whole if window is None else window
        if window.empty or not whole.contains(window):
            raise ValueError(f"{window} is empty or reaches beyond the plane {self.shape}.")
        part = window if level == 0 else self.level_window(window, level)
        array = self.arrays[level]
        keys = [self.layout.slices(index, part, run) for run in self.layout.channel_runs()]
        blocks = [self.layout.planes(self._fetch(array, key, index)) for key in keys]
        planes = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return np.array(planes, dtype=self.dtype, order="C")

    def _fetch(self, array: LazyArray, key: Slices, index: PlaneIndex) -> NDArray[Any]:
        wait = _FIRST_WAIT
        for attempt in range(1, _TRIES + 1):
            try:
                return np.asarray(array[key])
            except (UserError, MemoryError):
                raise
            except Exception as error:
                if attempt == _TRIES:
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
            f"(tried {_TRIES} times): {reason}",
            index,
        )

    def label_slices(self, index: PlaneIndex, window: Window | None = None) -> Slices:
        """Return where a window of one plane lies in an array of :attr:`label_shape`.

        What they address is in array order: pass it, or what is put there, through
        :meth:`oriented`.
        """
        self.layout.check_index(index)
        return self.layout.label_slices(index, Window.of(self.shape) if window is None else window)

    def oriented(self, crop: NDArray[Any]) -> NDArray[Any]:
        """Turn (row, column) to array order or back; it matters only for axes such as XYZ."""
        return self.layout.oriented(crop)

    def with_along(self, along: str, at: Mapping[str, int] | Iterable[str] | None = None) -> Stack:
        """Return the same input with frames along another axis.

        Parameters
        ----------
        along : str
            Any of t, z, y, x that the input has.
        at : mapping of str to int
            Fixed positions on the other axes.

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
) -> Stack:
    """Open an input of any supported kind; its pixels are read later, plane by plane.

    Parameters
    ----------
    source : path, URL, array or list of arrays
        See :func:`napari_sam2.images.readers.read_source`.
    axes : str or None
        One letter per dimension of ``TCZYXS``; None takes what the file says, else guesses and
        says so in :attr:`Stack.notes`.
    along : str or None
        The axis to propagate along: t, z, y or x. None takes t, else z.
    at : mapping of str to int, or strings such as ``"z=3"``
        Positions on axes that are neither frames, plane nor channels; 0 where not given.
    channels : sequence of int or None
        Which channels are read; None is all.

    Raises
    ------
    UserError
        If the input is missing, empty, damaged, complex, not 2 to 5 dimensional, or if an axis,
        position or channel does not exist.
    """
    found = read_source(source)
    array = found.levels[0]
    check_dimensions(array.shape, found.name)
    _check_dtype(array.dtype, found.name)
    if axes is None:
        named, guesses = complete_axes(found.axes, array.shape, array.dtype, along)
    else:
        named, guesses = parse_axes(axes, array.shape), ()
    picked = None if channels is None else tuple(channels)
    layout, notes = choose_layout(named, array.shape, along, parse_at(at), picked)
    return Stack.assemble(found, layout, found.notes + guesses + notes)


def _check_dtype(dtype: np.dtype[Any], name: str) -> None:
    if dtype.kind == "c":
        raise UserError(f"{name} holds complex numbers: give its magnitude (abs) or one part.")
    if dtype.kind not in "buif":
        raise UserError(f"{name} holds {dtype}, not numbers: give integers, floats or booleans.")
