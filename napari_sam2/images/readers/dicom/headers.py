"""Headers of DICOM files, one record for each frame (DICOM PS3.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
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
        padding=_number(dataset.get("PixelPaddingValue")),
        frame_time=_frame_time(dataset),
        frames=tuple(_frame(dataset, path, index) for index in range(count)),
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
    spacing = find(dataset, index, "PixelSpacing")
    if spacing is None:
        spacing = dataset.get("ImagerPixelSpacing") or _ultrasound_spacing(dataset)
    orientation = find(dataset, index, "ImageOrientationPatient")
    slope, intercept = (find(dataset, index, f"Rescale{part}") for part in ("Slope", "Intercept"))
    return FrameHeader(
        path=path,
        index=index,
        number=int(dataset.get("InstanceNumber") or 0),
        position=_position(dataset, index),
        orientation=None if orientation is None else np.array(orientation, float).reshape(2, 3),
        spacing=None if spacing is None else (float(spacing[0]), float(spacing[1])),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        thickness=_number(find(dataset, index, "SliceThickness")),
        window=_window(dataset, index),
        markers=read_markers(dataset, index, find),
    )


def find(dataset: Dataset, index: int, keyword: str) -> Any:
    """Return a value from the functional groups of a frame, else of the file; None if unset.

    Functional groups (PS3.3 C.7.6.16) hold one sequence for each group of values; the groups of
    the frame come before those shared by all frames.
    """
    for groups in _functional_groups(dataset, index):
        for element in groups:
            items: Any = element.value if element.VR == "SQ" else ()
            value = items[0].get(keyword) if len(items) else None
            if value not in (None, ""):
                return value
    value = dataset.get(keyword)
    return None if value == "" else value


def _functional_groups(dataset: Dataset, index: int) -> Iterator[Dataset]:
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    if index < len(frames):
        yield frames[index]
    yield from dataset.get("SharedFunctionalGroupsSequence") or ()


def _position(dataset: Dataset, index: int) -> NDArray[np.float64] | None:
    position = find(dataset, index, "ImagePositionPatient")
    if position is None:
        return None
    offsets = dataset.get("GridFrameOffsetVector")
    place: NDArray[np.float64] = np.array(position, float)
    if not offsets:
        return place
    rows = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
    relative = float(offsets[index]) - float(offsets[0])
    return place + relative * np.cross(rows[0], rows[1])


def _window(dataset: Dataset, index: int) -> tuple[float, float] | None:
    """Return the limits of the first window of a frame (PS3.3 C.11.2.1.2)."""
    center, width = (find(dataset, index, f"Window{part}") for part in ("Center", "Width"))
    if center is None or width is None:
        return None
    middle, extent = float(np.ravel(center)[0]), float(np.ravel(width)[0])
    if find(dataset, index, "VOILUTFunction") != "LINEAR_EXACT":
        middle, extent = middle - 0.5, extent - 1
    return (middle - extent / 2, middle + extent / 2) if extent > 0 else None


def _frame_time(dataset: Dataset) -> float | None:
    times = dataset.get("FrameTimeVector")
    if times is not None and len(np.ravel(times)) > 1:
        return float(np.mean(np.ravel(times)[1:].astype(float)))
    time = _number(dataset.get("FrameTime"))
    rate = _number(dataset.get("CineRate"))
    return time or (1000 / rate if rate else None)


def _ultrasound_spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Return the pixel size of an ultrasound picture with one region in cm (PS3.3 C.8.5.5)."""
    regions = dataset.get("SequenceOfUltrasoundRegions") or ()
    sizes = {
        (abs(float(region.PhysicalDeltaY)) * 10, abs(float(region.PhysicalDeltaX)) * 10)
        for region in regions
        if (region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection")) == (3, 3)
    }
    return sizes.pop() if len(sizes) == 1 == len(regions) else None


def _number(value: Any) -> float | None:
    return None if value in (None, "") else float(value)
