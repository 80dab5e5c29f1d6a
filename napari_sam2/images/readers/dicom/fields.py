"""Values in DICOM headers that several fields state, or that need a conversion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset


def read_notes(dataset: Dataset) -> tuple[str, ...]:
    """Return messages for the user about what the pixels of a file and their size mean."""
    notes: tuple[str, ...] = ()
    if dataset.get("ModalityLUTSequence"):
        notes += ("The file maps stored values by a table: the stored values are read.",)
    if find(dataset, 0, "PixelSpacing") is None and dataset.get("ImagerPixelSpacing"):
        notes += ("The pixel size is that at the detector: in the body, pixels are smaller.",)
    if dataset.get("DoseGridScaling"):
        notes += ("The dose is read as stored integers, without its scaling to gray.",)
    return notes


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


def read_position(dataset: Dataset, index: int) -> NDArray[np.float64] | None:
    """Return the center of the first pixel of a frame in mm (LPS), None if it is not stated."""
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


def read_window(dataset: Dataset, index: int) -> tuple[float, float] | None:
    """Return the limits of the first window of a frame (PS3.3 C.11.2.1.2)."""
    center, width = (find(dataset, index, f"Window{part}") for part in ("Center", "Width"))
    if center is None or width is None:
        return None
    middle, extent = float(np.ravel(center)[0]), float(np.ravel(width)[0])
    if find(dataset, index, "VOILUTFunction") != "LINEAR_EXACT":
        middle, extent = middle - 0.5, extent - 1
    return (middle - extent / 2, middle + extent / 2) if extent > 0 else None


def read_frame_time(dataset: Dataset) -> float | None:
    """Return the mean time between the frames of a cine file in ms, None if it is not stated."""
    times = dataset.get("FrameTimeVector")
    if times is not None and len(np.ravel(times)) > 1:
        return float(np.mean(np.ravel(times)[1:].astype(float)))
    time = to_number(dataset.get("FrameTime"))
    rate = to_number(dataset.get("CineRate"))
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


def to_number(value: Any) -> float | None:
    """Return a number, None for a value that is not set."""
    return None if value in (None, "") else float(value)


def read_spacing(dataset: Dataset, index: int) -> tuple[float, float] | None:
    """Return the distance between rows and between columns in mm, at the detector if need be."""
    spacing = find(dataset, index, "PixelSpacing") or dataset.get("ImagerPixelSpacing")
    if spacing is None:
        return _ultrasound_spacing(dataset)
    return float(spacing[0]), float(spacing[1])
