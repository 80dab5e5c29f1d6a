"""Blocks read once where planes share chunks, such as y planes of a stack stored by z."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.lru_cache import LRUCache
from napari_sam2.images.readers.base import Key, LazyArray

_SLAB_BYTES = 96 << 20
_HELD_BYTES = 2 * _SLAB_BYTES


class ChunkCachedArray:
    """Reads whole chunks, as many neighbouring frames of them as fit, and keeps the latest.

    The chunks that a read touches are those that the array itself would touch; with chunks one
    frame deep and reads of whole chunks, nothing is kept.

    Parameters
    ----------
    array : LazyArray
        With chunks.
    axis : int
        Position of the frames' axis.
    """

    def __init__(self, array: LazyArray, axis: int) -> None:
        self._array, self._axis = array, axis
        self._chunks = tuple(array.chunks or array.shape)
        self._held = LRUCache(_HELD_BYTES)
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
        """Chunks of the array behind."""
        return self._array.chunks

    def __getitem__(self, key: Key) -> NDArray[Any]:
        region = self._region(key)
        size = int(np.prod([s.stop - s.start for s in region if isinstance(s, slice)]))
        if region == key or size * self.dtype.itemsize > _SLAB_BYTES:
            return self._array[key]
        place = tuple((s.start, s.stop) if isinstance(s, slice) else s for s in region)
        with self._lock:
            block = self._held.get(place)
            if block is None:
                block = self._array[region]
                self._held.put(place, block)
        return block[_inside(key, region)]

    def _region(self, key: Key) -> Key:
        """Widen to whole chunks in the plane, and to a slab of frames."""
        wide = [
            part if isinstance(part, int) else _widen(part, chunk, length)
            for part, chunk, length in zip(key, self._chunks, self.shape, strict=True)
        ]
        frame = wide[self._axis] if 0 <= self._axis < len(wide) else 0
        if isinstance(frame, int) and self._axis >= 0:
            cells = np.prod([s.stop - s.start for s in wide if isinstance(s, slice)])
            slab = self._slab(frame, int(cells) * self.dtype.itemsize)
            wide[self._axis] = slab if slab.stop - slab.start > 1 else frame
        return tuple(wide)

    def _slab(self, frame: int, plane_bytes: int) -> slice:
        chunk = min(self._chunks[self._axis], self.shape[self._axis])
        depth = max(1, min(chunk, _SLAB_BYTES // max(1, plane_bytes)))
        first = frame // chunk * chunk
        start = first + (frame - first) // depth * depth
        return slice(start, min(start + depth, first + chunk, self.shape[self._axis]))


def _widen(part: slice, chunk: int, length: int) -> slice:
    return slice(part.start // chunk * chunk, min(-(-part.stop // chunk) * chunk, length))


def _inside(key: Key, region: Key) -> Key:
    """Address ``key`` in a block that holds ``region``; axes that the block lacks fall away."""
    local: list[int | slice] = []
    for part, wide in zip(key, region, strict=True):
        if isinstance(wide, int):
            continue
        if isinstance(part, int):
            local.append(part - wide.start)
        else:
            local.append(slice(part.start - wide.start, part.stop - wide.start))
    return tuple(local)
