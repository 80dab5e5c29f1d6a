"""An array whose first axis is files or video frames, decoded one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.readers.base import Key


class FrameArray:
    """Frames decoded on demand, each as one chunk.

    Parameters
    ----------
    count : int
        Number of frames.
    frame_shape : tuple of int
        Shape of each.
    dtype : dtype
        Of the values.
    load : callable
        Decodes the frame of a number.
    """

    def __init__(
        self,
        count: int,
        frame_shape: tuple[int, ...],
        dtype: np.dtype[Any],
        load: Callable[[int], NDArray[Any]],
    ) -> None:
        self.shape = (count, *frame_shape)
        self.dtype = dtype
        self.chunks = (1, *frame_shape)
        self._load = load

    def __getitem__(self, key: Key) -> NDArray[Any]:
        first, inside = key[0], key[1:]
        if isinstance(first, int):
            return self._frame(first)[inside]
        numbers = range(*first.indices(self.shape[0]))
        return np.stack([self._frame(number)[inside] for number in numbers])

    def _frame(self, number: int) -> NDArray[Any]:
        frame = self._load(number)
        if frame.shape != self.shape[1:]:
            raise ValueError(f"frame {number} has shape {frame.shape}, not {self.shape[1:]}")
        return frame
