"""Arrays with their axes in another order; what is read or written stays lazy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.images.axes import canonical
from napari_sam2.images.readers.base import Key, LazyArray, Source


class TransposedArray:
    """A view of an array with its axes in another order.

    Parameters
    ----------
    array : LazyArray
        The array; it can be assigned to if this view is.
    order : tuple of int
        For each axis of the view, its position in ``array``, as for :func:`numpy.transpose`.
    """

    def __init__(self, array: LazyArray, order: tuple[int, ...]) -> None:
        self._array, self._order = array, order

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""
        return self._permuted(self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self._array.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the smallest block that can be read; None if single elements can."""
        chunks = self._array.chunks
        return None if chunks is None else self._permuted(chunks)

    def __getitem__(self, key: Key) -> NDArray[Any]:
        return self._array[self._native(key)].transpose(self._kept(key))

    def __setitem__(self, key: Key, value: ArrayLike) -> None:
        back = np.argsort(self._kept(key))
        array: Any = self._array
        array[self._native(key)] = np.asarray(value).transpose(back)

    def _permuted(self, values: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(values[position] for position in self._order)

    def _native(self, key: Key) -> Key:
        parts: list[int | slice] = [0] * len(key)
        for part, position in zip(key, self._order, strict=True):
            parts[position] = part
        return tuple(parts)

    def _kept(self, key: Key) -> tuple[int, ...]:
        """Return the order of the axes of a block: those at which ``key`` has slices."""
        kept = [p for part, p in zip(key, self._order, strict=True) if isinstance(part, slice)]
        return tuple(sorted(kept).index(position) for position in kept)


def transposed(array: LazyArray, axes: str, wanted: str) -> LazyArray:
    """Return an array with its axes in the wanted order, itself if it has that order.

    Parameters
    ----------
    array : LazyArray
        The array.
    axes, wanted : str
        The letters of its axes, in its order and in the wanted order.
    """
    if axes == wanted:
        return array
    return TransposedArray(array, tuple(axes.index(axis) for axis in wanted))


def canonical_source(source: Source, axes: str) -> Source:
    """Return a source with its arrays in the order T, C, Z, Y, X, S.

    Parameters
    ----------
    source : Source
        As its reader returns it.
    axes : str
        A letter for each axis of its arrays, in their order. Sizes stay with the array's axes if
        the letters differ from those of the source.
    """
    calibration = source.calibration
    if source.axes is not None and len(source.axes) == len(axes):
        calibration = calibration.renamed(source.axes, axes)
    wanted = canonical(axes)
    levels = tuple(
        transposed(level, axes, wanted) if len(level.shape) == len(axes) else level
        for level in source.levels
    )
    return replace(source, levels=levels, calibration=calibration, axes=wanted, native_axes=axes)
