"""Values of a few chunks that are spread evenly over a stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import StackReadError
from napari_sam2.core.geometry import PlaneIndex, Window

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

MAX_CHUNKS = 32
"""Default largest number of chunks that are sampled."""
MAX_BYTES = 24 << 20
"""Number of bytes that are read, as long as this allows at least ``_MIN_CHUNKS`` chunks."""
_MIN_CHUNKS = 4
_VALUES_PER_CHUNK = 1 << 16
_GOLDEN_RATIO = 0.6180339887498949


def sample_windows(
    stack: Stack, max_chunks: int = MAX_CHUNKS
) -> Iterator[tuple[PlaneIndex, Window]]:
    """Yield plane index and window of chunks spread over frames and plane.

    They are the same for the same stack. Where chunks are large, fewer are yielded, so that about
    24 MiB are read.
    """
    budget = MAX_BYTES // max(1, _cost(stack))
    count = max(1, min(max_chunks, max(_MIN_CHUNKS, budget)))
    height, width = stack.chunk_shape
    rows, columns = -(-stack.shape[0] // height), -(-stack.shape[1] // width)
    count = min(count, stack.n_frames * rows * columns)
    for number in range(count):
        frame = int((number + 0.5) * stack.n_frames / count)
        cell = int((0.5 + number * _GOLDEN_RATIO) % 1 * rows * columns)
        if stack.n_frames * rows * columns == count:
            frame, cell = divmod(number, rows * columns)
        y, x = cell // columns * height, cell % columns * width
        yield stack.index(frame), Window(y, x, y + height, x + width).clip(stack.shape)


def _cost(stack: Stack) -> int:
    height, width = stack.chunk_shape
    return max(stack.chunk_bytes, height * width * stack.dtype.itemsize) * stack.n_channels


def sample_values(stack: Stack, max_chunks: int = MAX_CHUNKS) -> list[NDArray[Any]]:
    """Return the finite values of each channel from the sampled chunks, subsampled.

    Chunks of planes that cannot be read, e.g. of a file that is missing, are left out.

    Raises
    ------
    StackReadError
        If no chunk can be read.
    """
    taken: list[NDArray[Any]] = []
    errors: list[StackReadError] = []
    for index, window in sample_windows(stack, max_chunks):
        try:
            planes = stack.read(index, window).reshape(stack.n_channels, -1)
        except StackReadError as error:
            errors.append(error)
            continue
        taken.append(planes[:, :: max(1, planes.shape[1] // _VALUES_PER_CHUNK)])
    if errors and not taken:
        raise errors[0]
    values = np.concatenate(taken, axis=1)
    return [channel[np.isfinite(channel)] for channel in values]
