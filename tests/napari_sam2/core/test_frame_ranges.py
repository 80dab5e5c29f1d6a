from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.frame_ranges import FrameRanges

frames = st.sets(st.integers(0, 30))


@given(frames, frames)
def test_operations_are_those_of_sets(first, second):
    a, b = FrameRanges.of(first), FrameRanges.of(second)
    assert list(a) == sorted(first)
    assert len(a) == len(first)
    assert set(a | b) == first | second
    assert set(a & b) == first & second
    assert set(a - b) == first - second
    assert all((frame in a) is (frame in first) for frame in range(-1, 32))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20))))
def test_equal_sets_are_equal_values(ranges):
    value = FrameRanges(tuple(ranges))
    assert value == FrameRanges.of(value)
    assert set(value) == {f for first, stop in ranges for f in range(first, stop)}


def test_text():
    assert str(FrameRanges(((3, 4), (8, 13)))) == "3, 8 to 12"
    assert FrameRanges(((3, 4), (8, 13))).text == "frames 3, 8 to 12"
    assert FrameRanges.of([3]).text == "frame 3"
