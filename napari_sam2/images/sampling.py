"""A bounded look at a stack: few chunks, spread evenly, and limits that outliers do not move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex, Window

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

MAX_CHUNKS = 32
MAX_BYTES = 24 << 20
_MIN_CHUNKS = 4
_VALUES_PER_CHUNK = 1 << 16
_GOLDEN = 0.6180339887498949
_PERCENTILES = (0.1, 50, 99.9)
_FAR = 3.0
_SKEW = 4.0
_SIGNAL = 2e-5
_LEAST = 8


def sample_windows(
    stack: Stack, max_chunks: int = MAX_CHUNKS
) -> Iterator[tuple[PlaneIndex, Window]]:
    """Yield chunks spread over frames and plane: always the same ones for the same stack.

    Fewer are taken where chunks are large, so that about 24 MiB are read.
    """
    budget = MAX_BYTES // max(1, _cost(stack))
    count = max(1, min(max_chunks, max(_MIN_CHUNKS, budget)))
    height, width = stack.chunk_shape
    rows, columns = -(-stack.shape[0] // height), -(-stack.shape[1] // width)
    count = min(count, stack.n_frames * rows * columns)
    for number in range(count):
        frame = int((number + 0.5) * stack.n_frames / count)
        cell = int((0.5 + number * _GOLDEN) % 1 * rows * columns)
        if stack.n_frames * rows * columns == count:
            frame, cell = divmod(number, rows * columns)
        y, x = cell // columns * height, cell % columns * width
        yield stack.index(frame), Window(y, x, y + height, x + width).clip(stack.shape)


def _cost(stack: Stack) -> int:
    height, width = stack.chunk_shape
    return max(stack.chunk_bytes, height * width * stack.dtype.itemsize) * stack.n_channels


def sample_values(stack: Stack, max_chunks: int = MAX_CHUNKS) -> list[NDArray[Any]]:
    """Return finite values of each channel from the sampled chunks, thinned by stride."""
    taken: list[NDArray[Any]] = []
    for index, window in sample_windows(stack, max_chunks):
        planes = stack.read(index, window).reshape(stack.n_channels, -1)
        taken.append(planes[:, :: max(1, planes.shape[1] // _VALUES_PER_CHUNK)])
    values = np.concatenate(taken, axis=1)
    return [channel[np.isfinite(channel)] for channel in values]


def robust_limits(values: NDArray[Any]) -> tuple[float, float]:
    """Return contrast limits that a few hot pixels do not move and rare objects still do.

    The 0.1 and 99.9 percentiles. Where these hold nothing but background (about as far above
    the median as below) and more than 2 in 100,000 values lie far above, objects fill less than
    a thousandth of the picture: the upper limit then reaches into those. Where the percentiles
    meet (a constant background), the differing values decide.

    Parameters
    ----------
    values : NDArray
        Finite values, any shape.

    Returns
    -------
    tuple of float
        Low and high, low < high always; (v, v + 1) for constant v, (0, 1) for no values.
    """
    if not values.size:
        return 0.0, 1.0
    exact = values.astype(np.float64, copy=False).ravel()
    low, middle, high = (float(v) for v in np.percentile(exact, _PERCENTILES))
    if low == high:
        return _off_background(exact, low)
    far = exact[exact > high + (_FAR - 1) * (high - low)]
    background = high - middle <= _SKEW * (middle - low)
    if background and far.size >= max(_LEAST, _SIGNAL * exact.size):
        high = float(np.percentile(far, 90))
    return low, high


def _off_background(values: NDArray[np.float64], background: float) -> tuple[float, float]:
    others = values[values != background]
    if not others.size:
        return background, background + max(1.0, abs(background) * 1e-6)
    low, high = (float(v) for v in np.percentile(others, (1, 99)))
    return min(low, background), max(high, background)
