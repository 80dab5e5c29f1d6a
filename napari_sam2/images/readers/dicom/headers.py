"""Headers of DICOM files, one record for each frame (DICOM PS3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.dicom.fields import (
    find,
    read_frame_time,
    read_notes,
    read_position,
    read_spacing,
    read_window,
    to_number,
)
from napari_sam2.images.readers.dicom.markers import read_markers

if TYPE_CHECKING:
    from pydicom import Dataset

_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
"""Transfer syntaxes of uncompressed pixels: implicit and explicit little endian, big endian."""
_REAL_PIXELS = (b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")
"""Tags of pixels of single and of double precision, little endian."""


@dataclass(frozen=True)
class PixelFormat:
    """Shape and type of the stored frames of a file.

    Parameters
    ----------
    rows, columns, samples : int
        Size of a frame in pixels, and samples of a pixel: 1, or 3 for color.
    bits_allocated, bits_stored : int
        Size of a stored sample, and the number of its bits that are used.
    signed : bool
        Whether samples are signed.
    photometric : str
        Photometric interpretation, e.g. ``"MONOCHROME2"``.
    real : bool
        Whether samples are floating-point numbers.
    """

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str
    real: bool = False

    @property
    def color(self) -> bool:
        """Whether a decoded frame has red, green and blue samples."""
        return self.samples > 1 or self.photometric == "PALETTE COLOR"

    @property
    def stored_range(self) -> tuple[int, int]:
        """Smallest and largest value that can be stored."""
        if self.signed:
            return -(1 << self.bits_stored - 1), (1 << self.bits_stored - 1) - 1
        return 0, (1 << self.bits_stored) - 1


@dataclass(frozen=True, eq=False)
class FrameHeader:
    """What a file states about one frame.

    Parameters
    ----------
    path : Path
        The file.
    index : int
        Number of the frame in the file, from 0.
    number : int
        Instance number of the file, 0 if it has none.
    position : NDArray[np.float64] or None
        Center of the first pixel (3,): x to the left, y to the back, z to the head, in mm (LPS).
    orientation : NDArray[np.float64] or None
        Unit vectors along a row and along a column (2, 3), in the same coordinates.
    spacing : tuple of float or None
        Distance between rows and between columns in mm.
    slope, intercept : float
        Rescaling of stored values.
    thickness : float or None
        Slice thickness in mm.
    window : (float, float) or None
        Values shown as black and as white, after rescaling.
    markers : mapping of str to float or str
        Values that tell frames at one position apart, see :mod:`.markers`.
    """

    path: Path
    index: int
    number: int
    position: NDArray[np.float64] | None
    orientation: NDArray[np.float64] | None
    spacing: tuple[float, float] | None
    slope: float
    intercept: float
    thickness: float | None
    window: tuple[float, float] | None
    markers: dict[str, float | str]

    @property
    def name(self) -> str:
        """Name of the frame for messages."""
        return self.path.name if self.index == 0 else f"{self.path.name}, frame {self.index}"


@dataclass(frozen=True, eq=False)
class DicomHeader:
    """What a file states about all its frames.

    Parameters
    ----------
    path : Path
        The file.
    instance, series : str
        Unique identifiers of the file's content and of its series.
    series_number : int
        Number of the series in its study, 0 if the file has none.
    description : str
        Description of the series; may be empty.
    image_type : tuple of str
        E.g. ``("ORIGINAL", "PRIMARY", "AXIAL")``.
    pixels : PixelFormat
        Shape and type of a frame.
    transfer_syntax : str
        Identifier of the encoding of the pixels.
    padding : float or None
        Stored value of pixels without data.
    frame_time : float or None
        Time between frames of a cine file in ms.
    frames : tuple of FrameHeader
        One for each frame of the file.
    notes : tuple of str
        Messages for the user about what the pixels and their size mean.
    """

    path: Path
    instance: str
    series: str
    series_number: int
    description: str
    image_type: tuple[str, ...]
    pixels: PixelFormat
    transfer_syntax: str
    padding: float | None
    frame_time: float | None
    frames: tuple[FrameHeader, ...]
    notes: tuple[str, ...] = ()


def read_header(path: Path) -> DicomHeader | None:
    """Return the header of a DICOM file, or None if the file holds no pixels.

    Raises
    ------
    UserError
        If the file is damaged or truncated, or is a kind of picture that is no stack of planes.
    """
    import pydicom

    try:
        with path.open("rb") as file:
            dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
            remaining = path.stat().st_size - file.tell()
            real = file.read(4) in _REAL_PIXELS
        if not all(keyword in dataset for keyword in ("Rows", "Columns", "BitsAllocated")):
            return None
        _check_kind(dataset, path)
        header = _header(dataset, path, real)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path.name} is not a readable DICOM file: {error}.") from error
    _check_complete(header, remaining)
    return header


def _header(dataset: Dataset, path: Path, real: bool) -> DicomHeader:
    count = int(dataset.get("NumberOfFrames") or 1)
    meta = getattr(dataset, "file_meta", {})
    return DicomHeader(
        path=path,
        instance=str(dataset.get("SOPInstanceUID", path)),
        series=str(dataset.get("SeriesInstanceUID", "")),
        series_number=int(dataset.get("SeriesNumber") or 0),
        description=str(dataset.get("SeriesDescription", "")).strip(),
        image_type=tuple(str(part) for part in dataset.get("ImageType", ())),
        pixels=_pixel_format(dataset, real),
        transfer_syntax=str(meta.get("TransferSyntaxUID", _NATIVE[0])),
        padding=to_number(dataset.get("PixelPaddingValue")),
        frame_time=read_frame_time(dataset),
        frames=tuple(_frame(dataset, path, index) for index in range(count)),
        notes=read_notes(dataset),
    )


def _check_kind(dataset: Dataset, path: Path) -> None:
    if "TotalPixelMatrixRows" in dataset:
        raise UserError(
            f"{path.name} is a whole-slide image of tiles: convert it to OME-TIFF or OME-Zarr, "
            "for example with bioformats2raw."
        )
    if "MOSAIC" in dataset.get("ImageType", ()):
        raise UserError(
            f"{path.name} is a mosaic: its slices lie side by side in one picture. Convert it to "
            "NIfTI with dcm2niix."
        )


def _pixel_format(dataset: Dataset, real: bool) -> PixelFormat:
    return PixelFormat(
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        samples=int(dataset.get("SamplesPerPixel") or 1),
        bits_allocated=int(dataset.BitsAllocated),
        bits_stored=int(dataset.get("BitsStored") or dataset.BitsAllocated),
        signed=bool(dataset.get("PixelRepresentation") or 0),
        photometric=str(dataset.get("PhotometricInterpretation", "MONOCHROME2")),
        real=real,
    )


def _check_complete(header: DicomHeader, remaining: int) -> None:
    pixels = header.pixels
    values = pixels.rows * pixels.columns * pixels.samples * len(header.frames)
    if pixels.photometric == "YBR_FULL_422":
        values = values * 2 // 3
    expected = values * pixels.bits_allocated // 8
    remaining -= 8 if header.transfer_syntax == _NATIVE[0] else 12
    if header.transfer_syntax in _NATIVE and remaining < expected:
        raise UserError(
            f"{header.path.name} is truncated: its header states {expected} bytes of pixels, but "
            f"{max(0, remaining)} follow. Copy or download it again."
        )


def _frame(dataset: Dataset, path: Path, index: int) -> FrameHeader:
    spacing = read_spacing(dataset, index)
    orientation = find(dataset, index, "ImageOrientationPatient")
    slope, intercept = (find(dataset, index, f"Rescale{part}") for part in ("Slope", "Intercept"))
    return FrameHeader(
        path=path,
        index=index,
        number=int(dataset.get("InstanceNumber") or 0),
        position=read_position(dataset, index),
        orientation=None if orientation is None else np.array(orientation, float).reshape(2, 3),
        spacing=spacing,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        thickness=to_number(find(dataset, index, "SliceThickness")),
        window=read_window(dataset, index),
        markers=read_markers(dataset, index),
    )
