"""Compression of mask logits: quantized to 8 bits with exact sign, then Zstandard."""

from __future__ import annotations

import numpy as np
from numcodecs import Zstd
from numpy.typing import ArrayLike, NDArray

STEP = 0.125
"""Logit difference of one quantization step."""
CERTAIN_STEP = 127
"""Largest step; logits beyond 127 steps (15.875) on either side are clipped."""

_zstd = Zstd(level=3)


def quantize(logits: ArrayLike) -> NDArray[np.int8]:
    """Return logits as integers in steps of :data:`STEP`.

    Positive logits give positive steps, all others steps of at most 0; NaN gives the lowest step.
    """
    values = np.asarray(logits)
    limit = CERTAIN_STEP * STEP
    clipped = np.clip(np.nan_to_num(values, nan=-limit), -limit, limit).astype(np.float32)
    steps = np.rint(clipped / np.float32(STEP))
    signed = np.where(values > 0, np.maximum(steps, 1), np.minimum(steps, 0))
    return np.asarray(signed, dtype=np.int8)


def dequantize(steps: NDArray[np.int8]) -> NDArray[np.float32]:
    """Return logits from the steps of :func:`quantize`; exact in sign, otherwise rounded."""
    return np.asarray(steps * np.float32(STEP), dtype=np.float32)


def compress(steps: NDArray[np.int8]) -> bytes:
    """Return the compressed bytes of a crop (h, w).

    Differences along rows (modulo 256) are compressed with Zstandard: logits change slowly from
    pixel to pixel, so differences take about half the space of the values.
    """
    if steps.size == 0:
        return b""
    differences = np.diff(steps.view(np.uint8), axis=1, prepend=np.uint8(0))
    return bytes(_zstd.encode(np.ascontiguousarray(differences)))


def compress_bits(mask: NDArray[np.bool_] | None) -> bytes:
    """Return the compressed bytes of a mask (h, w); no bytes for None or a mask that is false."""
    if mask is None or not mask.any():
        return b""
    return bytes(_zstd.encode(np.packbits(mask)))


def decompress_bits(payload: bytes, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return the mask of ``shape`` (h, w) from the bytes of :func:`compress_bits`, or None."""
    if not payload:
        return None
    bits = np.frombuffer(_zstd.decode(payload), dtype=np.uint8)
    return np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).astype(bool)


def decompress(payload: bytes, shape: tuple[int, int]) -> NDArray[np.int8]:
    """Return the read-only crop of ``shape`` (h, w) from the bytes of :func:`compress`."""
    if not payload:
        return np.zeros(shape, dtype=np.int8)
    differences = np.frombuffer(_zstd.decode(payload), dtype=np.uint8).reshape(shape)
    steps = np.cumsum(differences, axis=1, dtype=np.uint8).view(np.int8)
    steps.flags.writeable = False
    return steps
