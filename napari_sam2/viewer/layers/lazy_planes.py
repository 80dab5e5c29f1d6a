"""Labels on disk or compressed, as napari's Labels layers need them on large planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class LazyPlanes:
    """An array whose first item is not read before its values are needed.

    With each selected label napari takes ``data[0].dtype``, which reads a whole plane of a zarr
    array; this takes seconds for a plane of 20000 x 20000 pixels. All else is passed on.

    Parameters
    ----------
    array : array_like
        An array with ``shape``, ``dtype`` and items that can be read and set.
    first : tuple of int
        The first items that were taken, e.g. (0, 3) for ``array[0][3]``.
    """

    def __init__(self, array: Any, first: tuple[int, ...] = ()) -> None:
        self._array, self._first = array, first

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""
        return tuple(self._array.shape[len(self._first) :])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self._array.dtype)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer) and self.ndim > 1:
            place = int(key)
            if not -len(self) <= place < len(self):
                raise IndexError(f"Item {place} is outside 0..{len(self) - 1}.")
            return LazyPlanes(self._array, (*self._first, place % len(self)))
        return self._array[self._whole(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._array[self._whole(key)] = value

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all values."""
        return np.asarray(self._array[self._whole(...)], dtype=dtype)

    def _whole(self, key: Any) -> Any:
        if not self._first:
            return key
        return (*self._first, *(key if isinstance(key, tuple) else (key,)))


def lazy_planes(array: Any) -> Any:
    """Return an array for a layer; arrays in memory as they are."""
    return array if isinstance(array, np.ndarray) else LazyPlanes(array)
