"""DICOM files for tests, written by pydicom."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
OBLIQUE = tuple(np.linalg.qr([[3.0, 1, 2], [1, 4, -1], [-2, 1, 5]])[0][:, :2].T.ravel())


@dataclass(frozen=True)
class Geometry:
    """Orientation, spacing and position of a series, in DICOM's coordinates (LPS, mm)."""

    orientation: tuple[float, ...] = AXIAL
    spacing: tuple[float, float] = (0.7, 0.5)
    step: float = 2.5
    corner: tuple[float, float, float] = (-10.0, 20.0, 30.0)
    shear: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def normal(self) -> NDArray[np.float64]:
        return np.cross(self.orientation[:3], self.orientation[3:])

    @property
    def slice_vector(self) -> NDArray[np.float64]:
        return self.normal * self.step + np.array(self.shear)

    def position(self, number: int) -> list[float]:
        return [float(v) for v in np.array(self.corner) + number * self.slice_vector]

    @property
    def affine(self) -> NDArray[np.float64]:
        """The affine from (z, y, x) to RAS+, from the definition."""
        affine = np.eye(4)
        affine[:3, 0] = self.slice_vector
        affine[:3, 1] = np.array(self.orientation[3:]) * self.spacing[0]
        affine[:3, 2] = np.array(self.orientation[:3]) * self.spacing[1]
        affine[:3, 3] = self.corner
        return np.diag([-1, -1, 1, 1.0]) @ affine


@dataclass
class SeriesWriter:
    """Writes the slices of one series into a folder."""

    folder: Path
    geometry: Geometry = field(default_factory=Geometry)
    series: str = field(default_factory=generate_uid)
    tags: dict[str, Any] = field(default_factory=dict)

    def slice(
        self, pixels: NDArray[Any], number: int, name: str | None = None, **tags: Any
    ) -> Path:
        """Write one slice at its position and return the file."""
        dataset = new_dataset()
        dataset.SeriesInstanceUID = self.series
        dataset.InstanceNumber = number + 1
        dataset.ImagePositionPatient = self.geometry.position(number)
        dataset.ImageOrientationPatient = list(self.geometry.orientation)
        dataset.PixelSpacing = list(self.geometry.spacing)
        dataset.SliceThickness = 99
        set_pixels(dataset, pixels)
        for keyword, value in (self.tags | tags).items():
            setattr(dataset, keyword, value)
        path = self.folder / (name or f"slice{number:03}.dcm")
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
        return path

    def volume(self, pixels: NDArray[Any], **tags: Any) -> list[Path]:
        """Write the planes of a (z, y, x) volume, one file each."""
        return [self.slice(plane, number, **tags) for number, plane in enumerate(pixels)]


def new_dataset(syntax: str = ExplicitVRLittleEndian) -> FileDataset:
    """Return a data set with the fields that every file has."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID = generate_uid()
    dataset.Modality = "CT"
    return dataset


def set_pixels(dataset: Dataset, pixels: NDArray[Any], bits: int | None = None) -> None:
    """Set (y, x), (y, x, 3), or (frame, y, x) pixels of any integer type."""
    color = pixels.ndim == 3 and pixels.shape[2] == 3
    rows, columns = pixels.shape[:2] if color else pixels.shape[-2:]
    dataset.Rows, dataset.Columns = rows, columns
    dataset.SamplesPerPixel = 3 if color else 1
    dataset.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        dataset.PlanarConfiguration = 0
    if pixels.ndim == 3 and not color:
        dataset.NumberOfFrames = len(pixels)
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"


def enhanced_volume(path: Path, pixels: NDArray[Any], geometry: Geometry) -> Path:
    """Write a (z, y, x) volume as one multi-frame file with functional groups."""
    dataset = new_dataset()
    set_pixels(dataset, pixels)
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(geometry.spacing), 99
    orientation.ImageOrientationPatient = list(geometry.orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for number in range(len(pixels)):
        place, frame = Dataset(), Dataset()
        place.ImagePositionPatient = geometry.position(number)
        frame.PlanePositionSequence = [place]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    dataset.save_as(path, enforce_file_format=True)
    return path
