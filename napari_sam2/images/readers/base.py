"""What a reader hands over: lazy arrays with what the file says about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Key = tuple[int | slice, ...]


class LazyArray(Protocol):
    """An array of which only what is indexed is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The smallest block that can be read; None where any element can."""

    def __getitem__(self, key: Key, /) -> NDArray[Any]: ...


@dataclass(frozen=True, eq=False)
class Source:
    """One input as its reader sees it.

    Parameters
    ----------
    levels : tuple of LazyArray
        Full resolution first, then coarser copies of the same axes.
    name : str
        Short name for messages.
    axes : str or None
        Names as the file gives them (unknown letters allowed), None where it gives none.
    scale : mapping of str to float
        Size of a pixel (or step in time) by upper-case axis name, where known.
    units : mapping of str to str
        Unit of ``scale`` by axis name, e.g. ``"micrometer"``.
    affine : NDArray[np.float64] or None
        Homogeneous matrix from array indices of the spatial axes, in array order, to the world.
    files : tuple of Path
        Local files whose change would mean other data.
    notes : tuple of str
        What the user should know about how this is read.
    """

    levels: tuple[LazyArray, ...]
    name: str
    axes: str | None = None
    scale: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    affine: NDArray[np.float64] | None = None
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


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
