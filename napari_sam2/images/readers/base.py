"""The interface of readers: lazy arrays, with what the file states about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.calibration import Calibration

Key = tuple[int | slice, ...]
"""An integer or slice for each axis of an array."""


class LazyArray(Protocol):
    """An array whose values are read when they are indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Shape of the smallest block that can be read; None if single elements can."""

    def __getitem__(self, key: Key, /) -> NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class Source:
    """An opened input, as its reader returns it.

    Parameters
    ----------
    levels : tuple of LazyArray
        Pyramid levels with the same axes, full resolution first.
    name : str
        Short name for messages.
    axes : str or None
        One letter per axis as stated by the file, ``"?"`` for unknown ones; None if the file
        states none.
    calibration : Calibration
        Pixel sizes, units and orientation, where the file states them.
    files : tuple of Path
        Local files that hold the data; a run cannot be resumed after they change.
    notes : tuple of str
        Messages for the user about assumptions and about data that are not read.
    """

    levels: tuple[LazyArray, ...]
    name: str
    axes: str | None = None
    calibration: Calibration = field(default_factory=Calibration)
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


class FrameArray:
    """An array of frames that are decoded one by one; each frame is one chunk.

    Parameters
    ----------
    count : int
        Number of frames.
    frame_shape : tuple of int
        Shape of a frame.
    dtype : dtype
        Type of the values.
    load : callable
        Returns the frame of a number from 0 to ``count - 1``.
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
