"""Arrays of planes that a function reads one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.readers.base import Key


class PlaneGrid:
    """An array whose last axes are a plane that is read at once, for files of planes.

    Parameters
    ----------
    grid : tuple of int
        Lengths of the axes in front of the plane, e.g. time, channel and depth; may be empty.
    plane : tuple of int
        Shape of a plane, (Y, X) or (Y, X, S).
    dtype : dtype
        Type of the values.
    load : callable
        Returns the plane at a position in ``grid``.
    """

    def __init__(
        self,
        grid: tuple[int, ...],
        plane: tuple[int, ...],
        dtype: np.dtype[Any],
        load: Callable[[tuple[int, ...]], NDArray[Any]],
    ) -> None:
        self.shape = (*grid, *plane)
        self.dtype = dtype
        self.chunks = (*(1 for _ in grid), *plane)
        self._depth = len(grid)
        self._load = load

    def __getitem__(self, key: Key) -> NDArray[Any]:
        return self._read((), key[: self._depth], key[self._depth :])

    def _read(self, done: tuple[int, ...], rest: Key, inside: Key) -> NDArray[Any]:
        if not rest:
            return self._plane(done)[inside]
        first = rest[0]
        if isinstance(first, int):
            return self._read((*done, first), rest[1:], inside)
        numbers = range(*first.indices(self.shape[len(done)]))
        return np.stack([self._read((*done, number), rest[1:], inside) for number in numbers])

    def _plane(self, position: tuple[int, ...]) -> NDArray[Any]:
        plane = np.asarray(self._load(position))
        expected = self.shape[self._depth :]
        if plane.shape != expected:
            raise ValueError(f"plane {position} has shape {plane.shape}, not {expected}")
        return plane.astype(self.dtype, copy=False)
