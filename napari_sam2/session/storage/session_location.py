"""Where the session of an image is saved."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import uuid4

import numpy as np
from platformdirs import user_data_path

from napari_sam2.images.readers.arrays import ChannelArrays
from napari_sam2.images.stack import Stack
from napari_sam2.session.storage.fingerprint import Fingerprint
from napari_sam2.session.storage.session_description import source_path

SUFFIX = ".sam2-session"
"""Ending of the names of session folders."""


def session_paths(stack: Stack) -> tuple[Path, ...]:
    """Return where the session of an image is saved: the first path that can be written.

    The session of a file is saved beside it, else in the user's data folder. The session of an
    image without a file is saved in the user's data folder, under its name and a hash of its
    pixels, or under a new name if its pixels are not in memory.
    """
    source = source_path(stack)
    if not source:
        return (data_folder() / _file_name(stack, stack.name, _hash_of_array(stack)),)
    path = Path(source)
    stem = path.name.split(".")[0] or path.name
    scene = stack.source.scene or ""
    elsewhere = hashlib.sha256(source.encode()).hexdigest()[:12]
    return (
        path.parent / _file_name(stack, stem, scene),
        data_folder() / _file_name(stack, stem, scene, elsewhere),
    )


def data_folder() -> Path:
    """Return the user's folder of sessions, which need not exist."""
    return user_data_path("napari-sam2", appauthor=False) / "sessions"


def _file_name(stack: Stack, *parts: str) -> str:
    channels = stack.layout.channels if stack.n_channels > 1 and not stack.rgb else ()
    names = [*parts, "".join(f"c{channel}" for channel in channels), stack.along]
    text = "-".join(name for name in names if name)
    return "".join(c if c.isalnum() or c in " -_" else "_" for c in text).strip() + SUFFIX


def _hash_of_array(stack: Stack) -> str:
    if not _in_memory(stack.source.levels[0]):
        return uuid4().hex[:12]
    fingerprint = Fingerprint.of(stack)
    text = f"{fingerprint.axes} {fingerprint.shape} {fingerprint.dtype} {fingerprint.pixels}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _in_memory(array: object) -> bool:
    if isinstance(array, ChannelArrays):
        return all(map(_in_memory, array.parts))
    while not isinstance(array, np.ndarray) and hasattr(array, "array"):
        array = array.array
    return isinstance(array, np.ndarray)
