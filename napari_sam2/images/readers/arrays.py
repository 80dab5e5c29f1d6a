"""Arrays in memory: numpy, dask, zarr, xarray, and lists of pyramid levels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import axes_from_names
from napari_sam2.images.readers.base import Key, Source


@dataclass(frozen=True, eq=False)
class WrappedArray:
    """A :class:`LazyArray` on anything with ``shape``, ``dtype`` and slicing.

    Parameters
    ----------
    array : array-like
        E.g. a numpy, dask or zarr array.
    owner : object
        Object that must live as long as the array, such as its open file.
    """

    array: Any
    owner: object = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Length of the largest block along each axis; None for arrays without blocks."""
        chunks = getattr(self.array, "chunks", None)
        if not chunks:
            return None
        return tuple(max(c) if isinstance(c, tuple) else int(c) for c in chunks)

    def __getitem__(self, key: Key) -> NDArray[Any]:
        return np.asarray(self.array[key])


def is_array(source: object) -> bool:
    """Return whether ``source`` has the attributes of an array."""
    return all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__"))


def read_array(source: Any) -> Source:
    """Wrap an array, or a list of arrays that are levels of one pyramid.

    Raises
    ------
    UserError
        If the arrays of a list differ in dimensions or type, or do not shrink.
    """
    dims = getattr(source, "dims", None)
    if not is_array(source):
        return Source(_pyramid(list(source)), "the arrays")
    data = source.data if dims is not None else source
    axes = axes_from_names(dims) if dims is not None else None
    return Source((WrappedArray(data),), f"the {type(source).__name__}", axes=axes)


def read_npy(path: Path) -> Source:
    """Memory-map a file written by :func:`numpy.save`.

    Raises
    ------
    UserError
        If the file is damaged or truncated.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"Cannot open {path.name} as a numpy array: {error}.") from error
    return Source((WrappedArray(array),), path.name, files=(path,))


def _pyramid(arrays: list[Any]) -> tuple[WrappedArray, ...]:
    levels = tuple(WrappedArray(array) for array in arrays)
    for fine, coarse in pairwise(levels):
        alike = len(fine.shape) == len(coarse.shape) and fine.dtype == coarse.dtype
        grows = any(c > f for f, c in zip(fine.shape, coarse.shape, strict=False))
        if not alike or grows or fine.shape == coarse.shape:
            raise UserError(
                "A list of arrays is read as one pyramid, finest first, but shapes "
                f"{[level.shape for level in levels]} do not shrink. Stack the planes in one array."
            )
    return levels


@dataclass(frozen=True, eq=False)
class ChannelArrays:
    """Arrays of equal shape as one array with a channel axis in front; reads only what is asked.

    Parameters
    ----------
    parts : tuple of array-like
        One for each channel.
    """

    parts: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, then the shape of a part."""
        return (len(self.parts), *(int(n) for n in self.parts[0].shape))

    @property
    def dtype(self) -> np.dtype[Any]:
        """A type that holds the values of every part."""
        return np.result_type(*(part.dtype for part in self.parts))

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Largest block along each axis, None where the parts have none."""
        chunks = getattr(self.parts[0], "chunks", None)
        if not chunks:
            return None
        return (1, *(max(c) if isinstance(c, tuple) else int(c) for c in chunks))

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        channels, rest = key[0], key[1:]
        if isinstance(channels, int):
            return np.asarray(self.parts[channels][rest], self.dtype)
        planes = [np.asarray(part[rest], self.dtype) for part in self.parts[channels]]
        return np.stack(planes)
