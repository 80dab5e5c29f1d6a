"""Fingerprints of inputs: a few pixels and file attributes, without reading all of the data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.contrast_limits.sampling import sample_windows
from napari_sam2.images.layout import choose_layout
from napari_sam2.images.stack import Stack

MAX_BLOCKS = 8
"""How many blocks of pixels are read."""
_BLOCK_SIDE = 256
_VERSION = 1


@dataclass(frozen=True)
class Fingerprint:
    """Identifies an input by its axes, shape, files and a sample of its pixels.

    Parameters
    ----------
    axes : str
        Axes of the input, one letter per dimension.
    shape : tuple of int
        Shape of the whole input.
    dtype : str
        Data type of the values.
    files : str
        SHA-256 of the names, sizes and modification times of the local files; empty if there are
        none.
    pixels : str
        SHA-256 of at most 8 blocks of at most 256 x 256 pixels, spread over the stack.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: str
    files: str
    pixels: str

    @classmethod
    def of(cls, stack: Stack) -> Fingerprint:
        """Compute the fingerprint of an input.

        Raises
        ------
        StackReadError
            If no sampled block can be read.
        """
        return cls(
            axes=stack.axes,
            shape=stack.full_shape,
            dtype=stack.dtype.str,
            files=_hash_files(stack.source.files),
            pixels=_hash_pixels(_in_default_layout(stack)),
        )

    def differences(self, other: Fingerprint) -> tuple[str, ...]:
        """Return a text for each change from ``self`` to ``other``; empty if they are equal."""
        pairs = {
            "axes": (self.axes, other.axes),
            "shape": (self.shape, other.shape),
            "type": (self.dtype, other.dtype),
        }
        changed = [f"{name} was {a}, now {b}" for name, (a, b) in pairs.items() if a != b]
        if not changed and self.pixels != other.pixels:
            changed.append("pixel values changed")
        if not changed and self.files != other.files:
            changed.append("files were written or renamed")
        return tuple(changed)

    def to_json(self) -> dict[str, Any]:
        """Return a value that :mod:`json` can write; see :meth:`from_json`."""
        return {"version": _VERSION, **vars(self), "shape": list(self.shape)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fingerprint:
        """Return the fingerprint written by :meth:`to_json`.

        Raises
        ------
        UserError
            If the value is of another version or damaged.
        """
        if data.get("version") != _VERSION:
            raise UserError(
                f"The input fingerprint has version {data.get('version')}, but this napari-sam2 "
                f"reads version {_VERSION}. Update napari-sam2."
            )
        try:
            names = ("axes", "dtype", "files", "pixels")
            shape = tuple(int(n) for n in data["shape"])
            return cls(shape=shape, **{name: str(data[name]) for name in names})
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"The input fingerprint is damaged ({error}). Start the run again."
            ) from error


def _in_default_layout(stack: Stack) -> Stack:
    """Return the stack in its default layout, so that the chosen slicing does not matter."""
    layout, _ = choose_layout(stack.axes, stack.full_shape, None, {}, None)
    return Stack.assemble(stack.source, layout)


def _hash_files(files: tuple[Path, ...]) -> str:
    if not files:
        return ""
    digest = hashlib.sha256()
    for path in files:
        status = path.stat()
        digest.update(os.fsencode(path.name))
        digest.update(f" {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _hash_pixels(stack: Stack) -> str:
    """Return the hash of the sampled blocks; a block that cannot be read counts as such."""
    digest = hashlib.sha256()
    errors: list[StackReadError] = []
    windows = list(sample_windows(stack, MAX_BLOCKS))
    for index, window in windows:
        y0, x0 = window.offset
        corner = Window(y0, x0, y0 + _BLOCK_SIDE, x0 + _BLOCK_SIDE).intersect(window)
        try:
            digest.update(stack.read(index, corner).tobytes())
        except StackReadError as error:
            errors.append(error)
            digest.update(b"unreadable")
    if len(errors) == len(windows):
        raise errors[0]
    return digest.hexdigest()
