"""Values in DICOM headers that tell frames at one position apart: time points or channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

TIME_MARKERS: Mapping[str, float] = {
    "TemporalPositionIndex": 0,
    "TemporalPositionIdentifier": 0,
    "TemporalPositionTimeOffset": 1,
    "TriggerTime": 1e-3,
    "NominalCardiacTriggerDelayTime": 1e-3,
    "FrameReferenceDateTime": 1,
    "FrameAcquisitionDateTime": 1,
    "AcquisitionDateTime": 1,
    "AcquisitionTime": 1,
    "AcquisitionNumber": 0,
}
"""Keywords of time points, the most specific first, and the seconds of one unit; 0 for counts."""

CHANNEL_MARKERS = (
    "EchoTime",
    "EffectiveEchoTime",
    "DiffusionBValue",
    "ComplexImageComponent",
    "ReferencedSegmentNumber",
    "ImageType",
)
"""Keywords of images of one position at one time, the most specific first."""


def read_markers(
    dataset: Dataset, index: int, find: Callable[[Dataset, int, str], Any]
) -> dict[str, float | str]:
    """Return the markers that a frame has, times in seconds, texts as they are.

    Parameters
    ----------
    dataset : Dataset
        The header of the file.
    index : int
        Number of the frame in the file.
    find : callable
        Returns a value of a frame by its keyword, None if it is not set.
    """
    markers: dict[str, float | str] = {}
    for keyword in (*TIME_MARKERS, *CHANNEL_MARKERS):
        value = find(dataset, index, keyword)
        if value is None:
            continue
        if keyword.endswith(("DateTime", "AcquisitionTime")):
            markers[keyword] = _seconds(str(value))
        elif keyword in TIME_MARKERS:
            markers[keyword] = float(value) * (TIME_MARKERS[keyword] or 1)
        else:
            markers[keyword] = _number_or_text(value)
    return markers


def _number_or_text(value: Any) -> float | str:
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _seconds(text: str) -> float:
    """Return the seconds of a DICOM time (HHMMSS.F) or date and time (YYYYMMDDHHMMSS.F)."""
    import datetime

    digits, _, fraction = text.partition("+")[0].partition("-")[0].partition(".")
    date, time = (digits[:-6], digits[-6:]) if len(digits) > 8 else ("", digits.ljust(6, "0"))
    days = datetime.date(int(date[:4]), int(date[4:6]), int(date[6:8])).toordinal() if date else 0
    clock = int(time[:2]) * 3600 + int(time[2:4]) * 60 + int(time[4:6])
    return days * 86400 + clock + float(f"0.{fraction or 0}")
