"""Orientation of an image: how stored rows and columns become those that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.calibration import AxisStep
from napari_sam2.images.readers.base import Key, LazyArray


@dataclass(frozen=True)
class Orientation:
    """A transposition of rows and columns, followed by flips.

    Parameters
    ----------
    transpose : bool
        Whether rows become columns.
    flip_rows, flip_columns : bool
        Whether the result is turned upside down, or mirrored from left to right.
    """

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def apply(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the oriented pixels of a plane (H, W) or (H, W, S); a view."""
        if self.transpose:
            pixels = pixels.swapaxes(0, 1)
        return pixels[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


AS_STORED = Orientation()

EXIF_ORIENTATIONS: Mapping[int, Orientation] = {
    2: Orientation(False, False, True),
    3: Orientation(False, True, True),
    4: Orientation(False, True, False),
    5: Orientation(True, False, False),
    6: Orientation(True, False, True),
    7: Orientation(True, True, True),
    8: Orientation(True, True, False),
}
"""Orientation by the value of the tag Orientation of EXIF and TIFF 6.0; others are as stored."""


def exif_orientation(value: object) -> Orientation:
    """Return the orientation of a value of the tag Orientation, as stored if it is unknown."""
    return EXIF_ORIENTATIONS.get(value, AS_STORED) if isinstance(value, int) else AS_STORED


def turned_steps(steps: Mapping[str, AxisStep], orientation: Orientation) -> Mapping[str, AxisStep]:
    """Return pixel sizes after an orientation was applied."""
    if not orientation.transpose:
        return steps
    swapped = {"X": "Y", "Y": "X"}
    return {swapped.get(axis, axis): step for axis, step in steps.items()}


class OrientedArray:
    """An array whose rows and columns are turned when a part of it is read.

    Parameters
    ----------
    array : LazyArray
        The array as stored; columns follow rows.
    orientation : Orientation
        How rows and columns are turned.
    row : int
        Number of the axis of the rows; that of the columns is the next one.
    """

    def __init__(self, array: LazyArray, orientation: Orientation, row: int) -> None:
        self._array, self._orientation, self._row = array, orientation, row
        self.shape = self._turned(array.shape)
        self.dtype = array.dtype
        self.chunks = None if array.chunks is None else self._turned(array.chunks)

    def __getitem__(self, key: Key) -> NDArray[Any]:
        row, column = self._row, self._row + 1
        flips = (self._orientation.flip_rows, self._orientation.flip_columns)
        parts = [
            _mirrored(key[axis], self.shape[axis]) if flip else key[axis]
            for axis, flip in zip((row, column), flips, strict=True)
        ]
        stored = parts[::-1] if self._orientation.transpose else parts
        block = np.asarray(self._array[(*key[:row], *stored, *key[column + 1 :])])
        first = sum(isinstance(part, slice) for part in key[:row])
        kept = [flip for flip, part in zip(flips, parts, strict=True) if isinstance(part, slice)]
        if self._orientation.transpose and len(kept) == 2:
            block = block.swapaxes(first, first + 1)
        turned = [first + i for i, flip in enumerate(kept) if flip]
        return np.flip(block, tuple(turned)) if turned else block

    def _turned(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        if not self._orientation.transpose:
            return lengths
        row, column = lengths[self._row : self._row + 2]
        return (*lengths[: self._row], column, row, *lengths[self._row + 2 :])


def _mirrored(part: int | slice, length: int) -> int | slice:
    """Return the part of a mirrored axis that holds the same pixels."""
    if isinstance(part, int):
        return length - 1 - part
    start, stop, _ = part.indices(length)
    return slice(length - stop, length - start)
