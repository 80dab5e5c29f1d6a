"""A cache of blocks, for planes that share chunks, e.g. y planes of a stack stored by z."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.lru_cache import LRUCache
from napari_sam2.images.readers.base import Key, LazyArray

_BLOCK_BYTES = 96 << 20
_CACHE_BYTES = 2 * _BLOCK_BYTES


class ChunkCachedArray:
    """An array that reads whole chunks, with their neighboring frames, and caches them.

    A read touches the same chunks as a read of the array itself. Reads of whole chunks that are
    one frame deep are not cached.

    Parameters
    ----------
    array : LazyArray
        An array with chunks.
    axis : int
        Position of the axis of the frames, -1 if the array has none.
    """

    def __init__(self, array: LazyArray, axis: int) -> None:
        self._array, self._axis = array, axis
        self._chunks = tuple(array.chunks or array.shape)
        self._blocks: LRUCache[Hashable, NDArray[Any]] = LRUCache(_CACHE_BYTES)
        self._lock = threading.Lock()

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
        """Chunk shape of the array."""
        return self._array.chunks

    def __getitem__(self, key: Key) -> NDArray[Any]:
        region = self._region(key)
        size = int(np.prod([s.stop - s.start for s in region if isinstance(s, slice)]))
        if region == key or size * self.dtype.itemsize > _BLOCK_BYTES:
            return self._array[key]
        place = tuple((s.start, s.stop) if isinstance(s, slice) else s for s in region)
        with self._lock:
            block = self._blocks.get(place)
            if block is None:
                block = self._array[region]
                self._blocks.put(place, block)
        return block[_inside(key, region)]

    def _region(self, key: Key) -> Key:
        """Extend a key to whole chunks in the plane and to a range of frames."""
        wide = [
            part if isinstance(part, int) else _widen(part, chunk, length)
            for part, chunk, length in zip(key, self._chunks, self.shape, strict=True)
        ]
        frame = wide[self._axis] if 0 <= self._axis < len(wide) else 0
        if isinstance(frame, int) and self._axis >= 0:
            cells = np.prod([s.stop - s.start for s in wide if isinstance(s, slice)])
            frames = self._frame_range(frame, int(cells) * self.dtype.itemsize)
            wide[self._axis] = frames if frames.stop - frames.start > 1 else frame
        return tuple(wide)

    def _frame_range(self, frame: int, plane_bytes: int) -> slice:
        chunk = min(self._chunks[self._axis], self.shape[self._axis])
        depth = max(1, min(chunk, _BLOCK_BYTES // max(1, plane_bytes)))
        first = frame // chunk * chunk
        start = first + (frame - first) // depth * depth
        return slice(start, min(start + depth, first + chunk, self.shape[self._axis]))


def _widen(part: slice, chunk: int, length: int) -> slice:
    return slice(part.start // chunk * chunk, min(-(-part.stop // chunk) * chunk, length))


def _inside(key: Key, region: Key) -> Key:
    """Return ``key`` relative to a block of ``region``, without the axes that the block lacks."""
    local: list[int | slice] = []
    for part, wide in zip(key, region, strict=True):
        if isinstance(wide, int):
            continue
        if isinstance(part, int):
            local.append(part - wide.start)
        else:
            local.append(slice(part.start - wide.start, part.stop - wide.start))
    return tuple(local)
