"""Pixels of DICOM frames, decoded one frame at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.dicom.headers import DicomHeader, FrameHeader, PixelFormat

if TYPE_CHECKING:
    from pydicom import Dataset

_PACKAGES = {
    "JPEG 2000": "pylibjpeg-openjpeg",
    "JPEG-LS": "pyjpegls",
    "High-Throughput": "pylibjpeg pylibjpeg-openjpeg",
    "JPEG": "python-gdcm",
}
"""Packages that decode a transfer syntax, by the start of its name."""
_DEFLATED = "1.2.840.10008.1.2.1.99"
"""Transfer syntax of files that are compressed as a whole, and have to be read as a whole."""


@dataclass(frozen=True, eq=False)
class FrameDecoder:
    """Decodes frames of one format to values.

    Parameters
    ----------
    pixels : PixelFormat
        Format of the stored frames.
    dtype : dtype
        Type of the values after rescaling.
    transfer_syntax : str
        Identifier of the encoding.
    """

    pixels: PixelFormat
    dtype: np.dtype[Any]
    transfer_syntax: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a decoded frame: (Y, X), or (Y, X, 3) for color."""
        plane = (self.pixels.rows, self.pixels.columns)
        return (*plane, 3) if self.pixels.color else plane

    def __call__(self, frame: FrameHeader) -> NDArray[Any]:
        """Return the values of a frame.

        Raises
        ------
        OSError
            If the frame cannot be decoded; the message names the file.
        """
        try:
            stored = self._stored(frame)
        except Exception as error:
            raise OSError(f"{frame.name}: {_decoding_message(error)}") from error
        if self.pixels.photometric == "MONOCHROME1":
            stored = sum(self.pixels.stored_range) - stored.astype(np.int64)
        if (frame.slope, frame.intercept) == (1, 0):
            return stored.astype(self.dtype, copy=False)
        values = stored * np.float64(frame.slope) + frame.intercept
        return np.asarray(np.rint(values) if self.dtype.kind in "iu" else values, self.dtype)

    def _stored(self, frame: FrameHeader) -> NDArray[Any]:
        import pydicom
        from pydicom.pixels.processing import apply_color_lut
        from pydicom.pixels.utils import pixel_array

        if self.transfer_syntax == _DEFLATED:
            header: Dataset = pydicom.dcmread(frame.path)
            values = pixel_array(header, index=frame.index)
        else:
            header = pydicom.Dataset()
            values = pixel_array(frame.path, ds_out=header, index=frame.index)
        if self.pixels.photometric == "PALETTE COLOR":
            values = _to_bytes(apply_color_lut(values, header), header)
        return values


def _decoding_message(error: Exception) -> str:
    reason = str(error) or type(error).__name__
    if "all available plugins" not in reason:
        return reason
    return (
        "none of the installed packages can decode it; for rare kinds of JPEG try: pip install "
        "pylibjpeg pylibjpeg-libjpeg (GPL)"
    )


def _to_bytes(values: NDArray[Any], header: Dataset) -> NDArray[Any]:
    if values.dtype == np.uint8:
        return values
    bits = int(header.RedPaletteColorLookupTableDescriptor[2])
    return np.asarray(values >> (bits - 8), np.uint8)


def value_type(pixels: PixelFormat, frames: Iterable[FrameHeader]) -> np.dtype[Any]:
    """Return the smallest type that holds the rescaled values of all frames.

    Integers stay integers if slope and intercept are whole numbers; other values are float32.
    """
    if pixels.photometric == "PALETTE COLOR":
        return np.dtype(np.uint8)
    if pixels.real:
        return np.dtype(f"f{pixels.bits_allocated // 8}")
    size = max(1, pixels.bits_allocated // 8)
    stored = np.dtype(f"{'i' if pixels.signed else 'u'}{size}")
    scales = {(frame.slope, frame.intercept) for frame in frames}
    if scales == {(1.0, 0.0)}:
        return stored
    if not all(float(part).is_integer() for scale in scales for part in scale):
        return np.dtype(np.float32)
    ends = [slope * end + intercept for slope, intercept in scales for end in pixels.stored_range]
    for candidate in (stored, np.dtype(np.int16), np.dtype(np.int32)):
        limits = np.iinfo(candidate)
        if limits.min <= min(ends) and max(ends) <= limits.max:
            return candidate
    return np.dtype(np.float32)


def display_window(pixels: PixelFormat, frame: FrameHeader) -> tuple[float, float] | None:
    """Return the window of a frame in the values that :class:`FrameDecoder` returns."""
    if frame.window is None or pixels.photometric != "MONOCHROME1":
        return frame.window
    total = frame.slope * sum(pixels.stored_range) + 2 * frame.intercept
    return total - frame.window[1], total - frame.window[0]


def fill_value(header: DicomHeader) -> float | None:
    """Return the value of pixels without data after rescaling, None if the file states none."""
    if header.padding is None:
        return None
    frame, pixels = header.frames[0], header.pixels
    stored = header.padding
    if pixels.photometric == "MONOCHROME1":
        stored = sum(pixels.stored_range) - stored
    return stored * frame.slope + frame.intercept


def check_decoders(headers: Sequence[DicomHeader]) -> None:
    """Check that the pixels of all files can be decoded.

    Raises
    ------
    UserError
        If a package is missing, or the encoding cannot be decoded by any.
    """
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    for syntax, path in {header.transfer_syntax: header.path for header in headers}.items():
        name = UID(syntax).name
        try:
            available = get_decoder(syntax).is_available
        except NotImplementedError as error:
            raise UserError(
                f"{path.name} is encoded as {name}, which cannot be decoded: export it as a video "
                "or uncompressed."
            ) from error
        if not available:
            package = next((p for start, p in _PACKAGES.items() if name.startswith(start)), None)
            advice = f"pip install {package}" if package else "see the documentation of pydicom"
            raise UserError(
                f"{path.name} is compressed as {name}, which needs another package: {advice}."
            )
