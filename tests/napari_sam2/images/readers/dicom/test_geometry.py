"""Positions of slices: grouping, gaps and spacing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.images.readers.dicom.geometry import SlicePositions, arrange_slices
from napari_sam2.images.readers.dicom.headers import FrameHeader

AXIAL = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def frame(z: float, y: float = 0.0, number: int = 0) -> FrameHeader:
    position = np.array([0.0, y, z])
    return FrameHeader(
        Path(f"{z}.dcm"), 0, number, position, AXIAL, (0.5, 0.5), 1, 0, None, None, {}
    )


def arrange(*frames: FrameHeader) -> SlicePositions:
    found = arrange_slices(frames, "ct")
    assert found is not None
    return found


@given(
    st.lists(st.integers(0, 40), min_size=12, max_size=30, unique=True),
    st.floats(0.05, 20, allow_subnormal=False),
    st.floats(-500, 500),
)
def test_slots_hold_each_slice_at_its_place(places: list[int], step: float, start: float) -> None:
    found = arrange(*(frame(start + place * step) for place in places))
    ordered = sorted(places)
    assert [group[0].position[2] for group in found.groups] == pytest.approx(
        [start + place * step for place in ordered]
    )
    gaps = np.diff(ordered)
    regular = gaps.min() * round(float(np.median(gaps[gaps < 1.5 * gaps.min()])) / gaps.min())
    if (gaps == regular).all():
        assert None not in found.slots
        assert found.notes == ()
    elif None in found.slots:
        places_of_slices = [i for i, slot in enumerate(found.slots) if slot is not None]
        assert [(p - ordered[0]) / regular for p in ordered] == places_of_slices
        assert "are missing" in found.notes[0]
    else:
        assert "unevenly spaced" in found.notes[0]


def test_positions_that_differ_by_rounding_are_one_position() -> None:
    found = arrange(frame(0), frame(2.5), frame(2.5001), frame(5))
    assert [len(group) for group in found.groups] == [1, 2, 1]


def test_one_missing_slice_among_three() -> None:
    assert arrange(frame(0), frame(2), frame(6)).slots == (0, 1, None, 2)


def test_rounded_positions_are_evenly_spaced() -> None:
    found = arrange(*(frame(round(0.7 * number, 2)) for number in range(30)))
    assert found.notes == ()
    assert found.affine[2, 0] == pytest.approx(0.7, rel=1e-3)


def test_slices_without_positions_are_not_arranged() -> None:
    loose = FrameHeader(Path("a"), 0, 0, None, AXIAL, None, 1, 0, None, None, {})
    assert arrange_slices([loose, frame(1)], "ct") is None


def test_a_tilt_is_the_angle_between_normal_and_step() -> None:
    found = arrange(*(frame(2.0 * n, y=2.0 * n) for n in range(4)))
    assert "tilted by 45.0 degrees" in found.notes[0]
