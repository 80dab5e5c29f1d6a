"""Cache of image embeddings: encoding is the most expensive step of a frame."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.core.lru_cache import LRUCache
from napari_sam2.images.view import View
from napari_sam2.inference.features.folder import FeatureFolder, image_key
from napari_sam2.inference.protocol import ImageEmbedding, Predictor

Image = NDArray[np.uint8]


class FeatureCache:
    """Image embeddings of one model by plane and view, bounded by bytes; thread-safe.

    Parameters
    ----------
    max_bytes : int
        Largest total size of the cached embeddings. A larger one is returned but not cached.
    folder : FeatureFolder or None
        Keeps embeddings on disk, by the contents of the image; None keeps none.

    Attributes
    ----------
    encodings : int
        Number of embeddings computed so far.
    """

    def __init__(self, max_bytes: int, folder: FeatureFolder | None = None) -> None:
        self.max_bytes = max_bytes
        self.encodings = 0
        self._folder = folder
        self._cache: LRUCache[tuple[PlaneIndex, View], ImageEmbedding] = LRUCache(max_bytes)
        self._lock = RLock()

    @property
    def nbytes(self) -> int:
        """Total size of the cached embeddings in bytes."""
        return self._cache.nbytes

    def get(
        self,
        index: PlaneIndex,
        view: View,
        image: Callable[[PlaneIndex, View], Image],
        predictor: Predictor,
    ) -> ImageEmbedding:
        """Return the embedding of a view of a plane, computed if it is not cached.

        Parameters
        ----------
        index, view
            The plane and the view.
        image : Callable
            Returns the RGB image (H, W, 3) of the view.
        predictor : Predictor
            The model.
        """
        key = index, view
        with self._lock:
            embedding = self._cache.get(key)
            if embedding is None:
                embedding = self._find(image(index, view), predictor)
                if embedding.nbytes <= self.max_bytes:
                    self._cache.put(key, embedding)
            return embedding

    def clear(self) -> None:
        """Remove all embeddings from memory, e.g. because the intensity changed."""
        with self._lock:
            self._cache.clear()

    def _find(self, image: Image, predictor: Predictor) -> ImageEmbedding:
        """Return the embedding of an image from the disk, or compute it."""
        if self._folder is None:
            return self._encode(image, predictor)
        key = image_key(image, predictor.info)
        stored = self._folder.get(key)
        if stored is not None:
            return predictor.deserialize_embedding(stored)
        embedding = self._encode(image, predictor)
        self._folder.put(key, predictor.serialize_embedding(embedding))
        return embedding

    def _encode(self, image: Image, predictor: Predictor) -> ImageEmbedding:
        self.encodings += 1
        return predictor.encode(image)
