"""Lazy arrays of TIFF series: mapped, chunked, appended, and with planes that are missing."""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.base import Key, LazyArray, PlaneGrid
from napari_sam2.images.readers.tiff.images import TiffImage, joins_along_first

if TYPE_CHECKING:
    import tifffile


class OpenFile:
    """A TIFF file that stays open until no array uses it.

    Parameters
    ----------
    file : TiffFile
        The open file.
    name : str
        Short name for messages.
    local : bool
        Whether the file can be mapped to memory.
    """

    def __init__(self, file: tifffile.TiffFile, name: str, local: bool) -> None:
        self.file, self.name, self.local = file, name, local
        self._mapped: NDArray[np.uint8] | None = None
        file.filehandle.lock = True
        weakref.finalize(self, file.close)

    @property
    def bytes(self) -> NDArray[np.uint8]:
        """All bytes of the file, mapped to memory."""
        if self._mapped is None:
            self._mapped = np.memmap(self.file.filehandle.path, np.uint8, mode="r")
        return self._mapped


def open_levels(image: TiffImage, file: OpenFile, missing: str) -> tuple[LazyArray, ...]:
    """Return the pyramid levels of an image, full resolution first.

    Parameters
    ----------
    image : TiffImage
        The image.
    file : OpenFile
        Its file.
    missing : str
        Why planes without data cannot be read, for messages.
    """
    if len(image.parts) > 1:
        return (_joined(image, file),)
    levels = [_open(image.series, n, file) for n in range(len(image.series.levels))]
    absent = absent_planes(image.series)
    if absent is None:
        return tuple(levels)
    return tuple(IncompleteArray(level, absent, missing) for level in levels)


def absent_planes(series: tifffile.TiffPageSeries) -> NDArray[np.bool_] | None:
    """Return which planes have no data, by the axes in front of the plane; None if all have."""
    pages = list(series) if series.kind == "ome" else []
    if all(page is not None for page in pages):
        return None
    for depth in range(len(series.shape) + 1):
        if math.prod(series.shape[:depth]) == len(pages):
            missing = np.array([page is None for page in pages])
            return missing.reshape(series.shape[:depth])
    return None


def _open(series: tifffile.TiffPageSeries, level: int, file: OpenFile) -> LazyArray:
    stored = series.levels[level]
    if stored.dataoffset is not None and not stored.is_multifile and file.local:
        return WrappedArray(_mapped(stored, file), file)
    import zarr

    store: Any = series.aszarr(level=level)
    # A store on a stream that can also be written, e.g. in memory, is not opened in mode "r".
    return WrappedArray(zarr.open_array(store, mode="r" if store.read_only else "r+"), file)


def _mapped(series: tifffile.TiffPageSeries, file: OpenFile) -> NDArray[Any]:
    """Map uncompressed, contiguous pixels, so that a window reads only its own rows."""
    dtype = np.dtype(series.dtype).newbyteorder(file.file.byteorder)
    start = series.dataoffset or 0
    if start + dtype.itemsize * math.prod(series.shape) > file.bytes.size:
        raise UserError(
            f"{file.name} is truncated: it ends before its last plane. Copy or download it again."
        )
    return np.ndarray(series.shape, dtype, file.bytes, start)


def _joined(image: TiffImage, file: OpenFile) -> LazyArray:
    """Return appended series as one array with the frames in the order of the file."""
    shape, first = image.series.shape, joins_along_first(image.series)
    if image.series.kind != "shaped" and _one_page_a_plane(image):
        return _paged(image, file)
    counts = [part.shape[0] if first else 1 for part in image.parts]
    frame = shape[1:] if first else shape
    return AppendedArray(counts, frame, lambda number: _open(image.parts[number], 0, file), first)


def _paged(image: TiffImage, file: OpenFile) -> PlaneGrid:
    """Return an array of the pages of series that differ in compression, in file order."""
    every = (page for part in image.parts for page in part if page is not None)
    pages = sorted(every, key=lambda page: page.index)

    def load(position: tuple[int, ...]) -> NDArray[Any]:
        with file.file.filehandle.lock:
            return np.asarray(pages[position[0]].asarray())

    return PlaneGrid((len(pages),), pages[0].shape, image.series.dtype, load)


def _one_page_a_plane(image: TiffImage) -> bool:
    """Return whether each page of the series is one frame."""
    first = joins_along_first(image.series)
    return all(
        len(part.pages) == (part.shape[0] if first else 1)
        and part.keyframe.shape == (part.shape[1:] if first else part.shape)
        for part in image.parts
    )


class AppendedArray:
    """Arrays that follow one another along the first axis; each is opened when it is read.

    Parameters
    ----------
    counts : list of int
        Number of frames of each array.
    frame_shape : tuple of int
        Shape of a frame.
    open_part : callable
        Opens the array of a number.
    stacked : bool
        Whether the arrays have the first axis; else each is one frame.
    """

    def __init__(
        self,
        counts: list[int],
        frame_shape: tuple[int, ...],
        open_part: Callable[[int], LazyArray],
        stacked: bool,
    ) -> None:
        self._ends = np.cumsum(counts)
        self._open, self._stacked = open_part, stacked
        self._parts: dict[int, LazyArray] = {}
        self._guard = threading.Lock()
        first = self._part(0)
        self.shape: tuple[int, ...] = (int(self._ends[-1]), *frame_shape)
        self.dtype: np.dtype[Any] = first.dtype
        inner = first.chunks
        if inner is not None:
            inner = inner if stacked else (1, *inner)
        self.chunks: tuple[int, ...] | None = inner

    def _part(self, number: int) -> LazyArray:
        with self._guard:
            if number not in self._parts:
                self._parts[number] = self._open(number)
            return self._parts[number]

    def __getitem__(self, key: Key) -> NDArray[Any]:
        first, inside = key[0], key[1:]
        if isinstance(first, int):
            return self._frame(first, inside)
        numbers = range(*first.indices(self.shape[0]))
        return np.stack([self._frame(number, inside) for number in numbers])

    def _frame(self, frame: int, inside: Key) -> NDArray[Any]:
        number = int(np.searchsorted(self._ends, frame, side="right"))
        part = self._part(number)
        if not self._stacked:
            return part[inside]
        start = int(self._ends[number - 1]) if number else 0
        return part[(frame - start, *inside)]


class IncompleteArray:
    """An array some of whose planes are missing: reading those is an error.

    Parameters
    ----------
    array : LazyArray
        The array, with any values where planes are missing.
    absent : NDArray[np.bool_]
        Which planes are missing, by the first axes of the array.
    message : str
        Why they are missing.
    """

    def __init__(self, array: LazyArray, absent: NDArray[np.bool_], message: str) -> None:
        self._array, self._absent, self._message = array, absent, message

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self._array.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the smallest block that can be read."""
        return self._array.chunks

    def __getitem__(self, key: Key) -> NDArray[Any]:
        if np.any(self._absent[key[: self._absent.ndim]]):
            raise OSError(self._message)
        return self._array[key]


def existing_files(folder: Path, names: tuple[str, ...]) -> tuple[tuple[Path, ...], list[str]]:
    """Return the files of a set that exist in a folder, and the names of those that do not."""
    paths = [folder / name for name in names]
    return (
        tuple(path for path in paths if path.is_file()),
        [name for name, path in zip(names, paths, strict=True) if not path.is_file()],
    )
