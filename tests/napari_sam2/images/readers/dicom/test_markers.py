"""Times and other values that tell frames apart."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from napari_sam2.images.readers.dicom.headers import find
from napari_sam2.images.readers.dicom.markers import read_markers


def markers(**tags: object) -> dict[str, float | str]:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return read_markers(dataset, 0, find)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("010203.25", 3723.25), ("0102", 3720.0), ("235959", 86399.0)],
)
def test_times_are_seconds(text: str, seconds: float) -> None:
    assert markers(AcquisitionTime=text) == {"AcquisitionTime": seconds}


def test_dates_count_across_midnight() -> None:
    before = markers(AcquisitionDateTime="20240229235959.5")["AcquisitionDateTime"]
    after = markers(AcquisitionDateTime="20240301000000.5+0100")["AcquisitionDateTime"]
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert after - before == 1.0


def test_milliseconds_are_converted_and_counts_are_not() -> None:
    assert markers(TriggerTime=250, TemporalPositionIdentifier=3) == {
        "TriggerTime": 0.25,
        "TemporalPositionIdentifier": 3.0,
    }


def test_texts_stay() -> None:
    found = markers(ImageType=["ORIGINAL", "PRIMARY", "M"], EchoTime=5)
    assert found["EchoTime"] == 5.0
    assert "'M'" in str(found["ImageType"])


def test_values_of_functional_groups_come_first() -> None:
    content, frame = Dataset(), Dataset()
    content.TemporalPositionIndex = 7
    frame.FrameContentSequence = [content]
    found = markers(PerFrameFunctionalGroupsSequence=[frame], AcquisitionNumber=2)
    assert found == {"TemporalPositionIndex": 7.0, "AcquisitionNumber": 2.0}
