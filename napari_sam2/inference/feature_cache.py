"""Cache of image embeddings: encoding is the most expensive step of a frame."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.core.lru_cache import LRUCache
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import ImageEmbedding


class FeatureCache:
    """Image embeddings of one model by plane and view, bounded by bytes; thread-safe.

    Parameters
    ----------
    max_bytes : int
        Largest total size of the cached embeddings. A larger one is returned but not cached.

    Attributes
    ----------
    encodings : int
        Number of embeddings computed so far.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.encodings = 0
        self._cache: LRUCache[tuple[PlaneIndex, View], ImageEmbedding] = LRUCache(max_bytes)
        self._lock = RLock()

    @property
    def nbytes(self) -> int:
        """Total size of the cached embeddings in bytes."""
        return self._cache.nbytes

    def get(
        self, index: PlaneIndex, view: View, encode: Callable[[PlaneIndex, View], ImageEmbedding]
    ) -> ImageEmbedding:
        """Return the embedding of a view of a plane, computed by ``encode`` if it is not cached."""
        key = index, view
        with self._lock:
            embedding = self._cache.get(key)
            if embedding is None:
                embedding = encode(index, view)
                self.encodings += 1
                if embedding.nbytes <= self.max_bytes:
                    self._cache.put(key, embedding)
            return embedding

    def clear(self) -> None:
        """Remove all embeddings, e.g. because the intensity changed."""
        with self._lock:
            self._cache.clear()
