"""Pixels of a decoded video frame: bit depth and display matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.readers.orientation import AS_STORED, Orientation

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.format import VideoFormat

_MATRIX_BYTES = 36


def display_orientation(frame: VideoFrame) -> Orientation | None:
    """Return the orientation in which a frame is shown; None if it is not a multiple of 90 degrees.

    The display matrix (ISO 14496-12, 8.3.2) maps the column p and the row q of a stored pixel to
    the column a p + c q and the row b p + d q.
    """
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return AS_STORED
    values = np.frombuffer(bytes(data)[:_MATRIX_BYTES], np.int32)
    a, b, c, d = (float(values[i]) for i in (0, 1, 3, 4))
    if not b and not c and a and d:
        return Orientation(False, flip_rows=d < 0, flip_columns=a < 0)
    if not a and not d and b and c:
        return Orientation(True, flip_rows=b < 0, flip_columns=c < 0)
    return None


@dataclass(frozen=True)
class PixelFormat:
    """How the pixels of a video are read.

    Parameters
    ----------
    gray : bool
        Whether there is one channel without color.
    bits : int
        Number of bits of a value in the file.
    big_endian : bool
        Whether the file stores the most significant byte first.
    floating : bool
        Whether the values are float32.
    """

    gray: bool
    bits: int
    big_endian: bool = False
    floating: bool = False

    @classmethod
    def of(cls, stored: VideoFormat) -> PixelFormat:
        """Return how to read a pixel format of FFmpeg."""
        parts = stored.components
        gray = len(parts) == 1 and not (stored.is_rgb or stored.has_palette or stored.is_bayer)
        floating = stored.name.startswith("grayf32")
        return cls(gray, max(part.bits for part in parts), stored.is_big_endian, floating)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the returned values: gray ones keep their depth, colors have 8 bits."""
        if self.gray and self.floating:
            return np.dtype(np.float32)
        return np.dtype(np.uint16 if self.gray and self.bits > 8 else np.uint8)

    def pixels(self, frame: VideoFrame) -> NDArray[Any]:
        """Return the values of a frame as stored, (H, W), or as RGB of 8 bits, (H, W, 3)."""
        if not self.gray:
            return np.asarray(frame.to_ndarray(format="rgb24"))
        if self.dtype.itemsize == 1:
            return np.asarray(frame.to_ndarray(format="gray"))
        plane = frame.planes[0]
        stored = self.dtype.newbyteorder(">" if self.big_endian else "<")
        rows = np.frombuffer(bytes(plane), stored).reshape(plane.height, -1)
        return np.ascontiguousarray(rows[:, : plane.width], self.dtype)
