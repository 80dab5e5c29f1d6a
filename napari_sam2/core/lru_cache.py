"""Planes that were just decoded, kept while they fit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from numpy.typing import NDArray


class LRUCache:
    """Arrays by key, the longest unused dropped first; safe to share between threads.

    Parameters
    ----------
    max_bytes : int
        What all arrays together may hold. The newest is kept even if it alone is larger.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        return self._bytes

    def get(self, key: Hashable) -> NDArray[Any] | None:
        """Return what was put under ``key`` if it is still held."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Hashable, array: NDArray[Any]) -> None:
        """Hold an array, dropping others as needed."""
        with self._lock:
            self._drop(key)
            self._held[key] = array
            self._bytes += array.nbytes
            while self._bytes > self._max_bytes and len(self._held) > 1:
                self._drop(next(iter(self._held)))

    def _drop(self, key: Hashable) -> None:
        if (array := self._held.pop(key, None)) is not None:
            self._bytes -= array.nbytes
