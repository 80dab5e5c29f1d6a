"""Image features in a folder, which outlive the process and are shared by all sessions."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from napari_sam2.inference.protocol import EmbeddingArrays, ModelInfo

_VERSION = 1
_SUFFIX = ".zarr.zip"
_PARTIAL = ".partial"
_PARTIAL_SECONDS = 3600
_KEPT_SHARE = 0.9
_DAMAGE = (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error)


def default_folder() -> Path:
    """Return the folder of features in the user's cache, which need not exist."""
    return user_cache_path("napari-sam2", appauthor=False) / "features"


def image_key(image: NDArray[np.uint8], info: ModelInfo) -> str:
    """Return the name of the features of an image: a hash of its pixels and of the model.

    Parameters
    ----------
    image : NDArray[np.uint8]
        (H, W, 3), what the model is shown.
    info : ModelInfo
        The model. Devices of different kinds round differently, so their features are apart.
    """
    from napari_sam2 import __version__

    device = info.device.partition(":")[0]
    text = f"{_VERSION} {__version__} {info.identity} {info.image_size} {device} {image.shape}"
    digest = hashlib.blake2b(text.encode(), digest_size=20)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


class FeatureFolder:
    """Image features in files, the least recently used of which are deleted first.

    Several processes and threads may use a folder at the same time. A file is written under
    another name and then renamed, so that a process that is killed leaves no incomplete one. A
    damaged file counts as missing.

    Parameters
    ----------
    path : Path
        The folder; created when the first features are stored.
    max_bytes : int
        Largest total size of the files. On a disk that is almost full it is half of what they and
        the free space are together.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._unchecked = max_bytes
        self._writable = True

    def get(self, key: str) -> EmbeddingArrays | None:
        """Return the features of an image, which become the most recently used, or None."""
        path = self._file(key)
        try:
            found = _read(path)
            os.utime(path)
        except FileNotFoundError:
            return None
        except _DAMAGE:
            _remove(path)
            return None
        return found

    def put(self, key: str, features: EmbeddingArrays) -> None:
        """Store the features of an image; nothing happens where the folder cannot be written."""
        if not self._writable or features.nbytes > self.max_bytes:
            return
        path = self._file(key)
        partial = path.with_name(f"{key}-{uuid4().hex}{_PARTIAL}")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _write(partial, features)
            partial.replace(path)
        except OSError:
            # A full disk or a missing permission: images are encoded again, nothing is lost.
            self._writable = False
            _remove(partial)
            return
        self._unchecked += features.nbytes
        # Other processes add files too, so the folder is read again from time to time.
        if self._unchecked > self.max_bytes * (1 - _KEPT_SHARE) / 2:
            self._unchecked = 0
            self._trim()

    def _file(self, key: str) -> Path:
        return self.path / f"{key}{_SUFFIX}"

    def _trim(self) -> None:
        """Delete leftovers of processes that were killed, and files beyond the limit."""
        sizes = dict(_entries(self.path, _SUFFIX))
        for path, (changed, _) in _entries(self.path, _PARTIAL):
            if changed < time.time() - _PARTIAL_SECONDS:
                _remove(path)
        total = sum(size for _, size in sizes.values())
        limit = min(self.max_bytes, (total + shutil.disk_usage(self.path).free) // 2)
        if total <= limit:
            return
        for path in sorted(sizes, key=lambda path: sizes[path][0]):
            if total <= limit * _KEPT_SHARE:
                break
            _remove(path)
            total -= sizes[path][1]


def _entries(folder: Path, suffix: str) -> Iterator[tuple[Path, tuple[float, int]]]:
    """Yield files with the times of their last use in seconds, and their sizes in bytes."""
    for path in folder.glob(f"*{suffix}"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield path, (status.st_mtime, status.st_size)


def _write(path: Path, features: EmbeddingArrays) -> None:
    import zarr

    described = {"shape": list(features.shape), "dtypes": dict(features.dtypes)}
    with zarr.storage.ZipStore(path, mode="w") as store:
        group = zarr.create_group(store, attributes=described)
        for name, array in features.arrays.items():
            group.create_array(name, data=array, chunks=array.shape, compressors=None)


def _read(path: Path) -> EmbeddingArrays:
    import zarr

    store = zarr.storage.ZipStore(path, mode="r")
    try:
        group: Any = zarr.open_group(store, mode="r")
        dtypes = {str(name): str(kind) for name, kind in group.attrs["dtypes"].items()}
        height, width = group.attrs["shape"]
        arrays = {name: np.asarray(group[name][...]) for name in dtypes}
        return EmbeddingArrays((int(height), int(width)), arrays, dtypes)
    finally:
        # zarr cannot close a store whose file it could not open.
        with suppress(AttributeError):
            store.close()


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        # Another process has deleted it, or reads it, which Windows does not allow.
        return
