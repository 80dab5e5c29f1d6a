"""Mask logits as few bytes: quantised to 8 bits with the exact sign, then compressed."""

from __future__ import annotations

import numpy as np
from numcodecs import Zstd
from numpy.typing import ArrayLike, NDArray

STEP = 0.125
"""Logits are stored in steps of this, clipped to 127 steps on either side (15.875)."""
CERTAIN_LOGIT = 127
"""Steps that a user's own mask stands above or below zero."""

_zstd = Zstd(level=3)


def quantise(logits: ArrayLike) -> NDArray[np.int8]:
    """Return logits in steps of :data:`STEP`; positive stays positive, all else never becomes so.

    NaN counts as the surest background.
    """
    values = np.asarray(logits)
    most = CERTAIN_LOGIT * STEP
    clipped = np.clip(np.nan_to_num(values, nan=-most), -most, most).astype(np.float32)
    steps = np.rint(clipped / np.float32(STEP))
    signed = np.where(values > 0, np.maximum(steps, 1), np.minimum(steps, 0))
    return np.asarray(signed, dtype=np.int8)


def dequantise(steps: NDArray[np.int8]) -> NDArray[np.float32]:
    """Undo :func:`quantise` but for rounding; the sign of every pixel is exact."""
    return np.asarray(steps * np.float32(STEP), dtype=np.float32)


def compress(steps: NDArray[np.int8]) -> bytes:
    """Return the bytes of a crop: differences along rows (modulo 256), then Zstandard.

    Logits change slowly from pixel to pixel, so the differences take about half the space.
    """
    if steps.size == 0:
        return b""
    differences = np.diff(steps.view(np.uint8), axis=1, prepend=np.uint8(0))
    return bytes(_zstd.encode(np.ascontiguousarray(differences)))


def decompress(payload: bytes, shape: tuple[int, int]) -> NDArray[np.int8]:
    """Undo :func:`compress`; the array is read-only."""
    if not payload:
        return np.zeros(shape, dtype=np.int8)
    differences = np.frombuffer(_zstd.decode(payload), dtype=np.uint8).reshape(shape)
    steps = np.cumsum(differences, axis=1, dtype=np.uint8).view(np.int8)
    steps.flags.writeable = False
    return steps
