"""Image features, kept while they fit: the encoder is the dearest part of a frame."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import ImageEmbedding


@dataclass(frozen=True, slots=True)
class FeatureKey:
    """What features depend on.

    Parameters
    ----------
    index : tuple of int
        The plane's full index.
    view : View
        The window of it.
    model : str
        Hash of the weights.
    """

    index: PlaneIndex
    view: View
    model: str


class FeatureCache:
    """Least-recently-used features, bounded by bytes; safe to share between threads.

    Parameters
    ----------
    max_bytes : int
        What the kept features may hold together. A larger one is handed out but not kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.encodings = 0
        self._kept: OrderedDict[FeatureKey, ImageEmbedding] = OrderedDict()
        self._lock = RLock()

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        with self._lock:
            return sum(encoding.nbytes for encoding in self._kept.values())

    def get(self, key: FeatureKey, encode: Callable[[], ImageEmbedding]) -> ImageEmbedding:
        """Return the features of ``key``, made by ``encode`` where they are not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            encoding = encode()
            self.encodings += 1
            self._keep(key, encoding)
            return encoding

    def holds(self, key: FeatureKey) -> bool:
        """Whether the features are at hand."""
        with self._lock:
            return key in self._kept

    def clear(self) -> None:
        """Forget everything, e.g. because the intensity changed."""
        with self._lock:
            self._kept.clear()

    def _keep(self, key: FeatureKey, encoding: ImageEmbedding) -> None:
        if encoding.nbytes > self.max_bytes:
            return
        self._kept[key] = encoding
        total = sum(kept.nbytes for kept in self._kept.values())
        while total > self.max_bytes:
            _, dropped = self._kept.popitem(last=False)
            total -= dropped.nbytes
