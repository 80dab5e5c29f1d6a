"""Orientation of an image: how stored rows and columns become those that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


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
