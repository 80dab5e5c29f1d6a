"""A least-recently-used cache bounded by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """A value that knows its size in memory, such as a numpy array."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Sized)


class LRUCache(Generic[K, V]):
    """Values by key; the least recently used are dropped first. Safe to share between threads.

    Parameters
    ----------
    max_bytes : int
        Largest total size of all values. The newest value is kept even if it alone is larger.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._values: OrderedDict[K, V] = OrderedDict()
        self._nbytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Total size of all values in bytes."""
        return self._nbytes

    def __contains__(self, key: K) -> bool:
        with self._lock:
            return key in self._values

    def get(self, key: K) -> V | None:
        """Return the value of ``key``, which becomes the most recently used, or None."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Add or replace a value, and drop others until the rest fits."""
        with self._lock:
            self._remove(key)
            self._values[key] = value
            self._nbytes += value.nbytes
            while self._nbytes > self.max_bytes and len(self._values) > 1:
                self._remove(next(iter(self._values)))

    def clear(self) -> None:
        """Remove all values."""
        with self._lock:
            self._values.clear()
            self._nbytes = 0

    def _remove(self, key: K) -> None:
        if (value := self._values.pop(key, None)) is not None:
            self._nbytes -= value.nbytes
