"""Reading ahead: same planes, bounded, errors where they belong, closed cleanly."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import StackReadError
from napari_sam2.core.geometry import Window
from napari_sam2.images.plane_readers import MissingValueMonitor, PlaneRequest, Prefetcher
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

ARRAY = noise((8, 20, 30))


class Slow:
    """A stack whose reads wait for leave and are counted."""

    levels = (1,)

    def __init__(self, broken: int | None = None) -> None:
        self.stack = open_stack(ARRAY)
        self.shape = self.stack.shape
        self.broken = broken
        self.leave = threading.Event()
        self.leave.set()
        self.began: list[tuple[int, ...]] = []
        self.threads: set[int] = set()

    def index(self, frame):
        return (frame,)

    def read(self, index, window=None, level=0):
        self.began.append(index)
        self.threads.add(threading.get_ident())
        assert self.leave.wait(10)
        if index == (self.broken,):
            raise StackReadError("broken", index)
        return self.stack.read(index, window, level)


def until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("waited in vain")


def requests(*frames):
    return [PlaneRequest((frame,)) for frame in frames]


def test_planes_are_read_before_they_are_asked_for():
    slow = Slow()
    with Prefetcher(slow) as ahead:
        ahead.prefetch(requests(0, 1, 2))
        until(lambda: len(slow.began) == 3)
        for frame in range(3):
            np.testing.assert_array_equal(ahead.read((frame,))[0], ARRAY[frame])
    assert slow.began == [(0,), (1,), (2,)]
    assert threading.get_ident() not in slow.threads


def test_a_read_under_way_is_awaited_not_repeated():
    slow = Slow()
    slow.leave.clear()
    with Prefetcher(slow) as ahead:
        ahead.prefetch(requests(4))
        until(lambda: slow.began)
        threading.Timer(0.05, slow.leave.set).start()
        np.testing.assert_array_equal(ahead.read((4,))[0], ARRAY[4])
    assert slow.began == [(4,)]


def test_what_was_not_announced_is_read_at_once():
    slow = Slow()
    with Prefetcher(slow) as ahead:
        np.testing.assert_array_equal(ahead.read((5,))[0], ARRAY[5])
    assert slow.threads == {threading.get_ident()}


def test_no_more_wait_than_may():
    slow = Slow()
    with Prefetcher(slow, max_planes=2) as ahead:
        ahead.prefetch(requests(0, 1, 2, 3))
        until(lambda: len(slow.began) == 2)
        time.sleep(0.05)
        assert len(slow.began) == 2
    with Prefetcher(slow, max_bytes=1) as ahead:
        slow.began.clear()
        ahead.prefetch(requests(0, 1, 2))
        until(lambda: slow.began)
        time.sleep(0.05)
        assert slow.began == [(0,)]


def test_an_error_comes_where_the_plane_is_asked_for():
    slow = Slow(broken=1)
    with Prefetcher(slow) as ahead:
        ahead.prefetch(requests(0, 1, 2))
        until(lambda: len(slow.began) == 3)
        ahead.read((0,))
        with pytest.raises(StackReadError, match="broken"):
            ahead.read((1,))
        np.testing.assert_array_equal(ahead.read((2,))[0], ARRAY[2])


def test_windows_are_cut_from_wider_ones():
    slow = Slow()
    with Prefetcher(slow) as ahead:
        ahead.prefetch([PlaneRequest((3,), Window(2, 2, 18, 28))])
        until(lambda: slow.began)
        inner = Window(4, 5, 10, 20)
        np.testing.assert_array_equal(ahead.read((3,), inner)[0], ARRAY[3][inner.slices])
        outer = Window(0, 5, 10, 20)
        np.testing.assert_array_equal(ahead.read((3,), outer)[0], ARRAY[3][outer.slices])
    assert len(slow.began) == 2


def test_closing_waits_for_the_thread_and_reading_goes_on():
    slow = Slow()
    before = threading.active_count()
    ahead = Prefetcher(slow)
    ahead.prefetch(requests(0, 1, 2, 3))
    ahead.close()
    ahead.close()
    assert threading.active_count() == before
    np.testing.assert_array_equal(ahead.read((7,))[0], ARRAY[7])
    ahead.prefetch(requests(1))
    assert threading.active_count() == before


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 7), max_size=5), st.integers(0, 7)), max_size=8),
    st.integers(1, 3),
)
def test_it_reads_what_the_stack_reads(steps, size):
    stack = open_stack(ARRAY)
    with Prefetcher(stack, max_planes=size) as ahead:
        for wanted, frame in steps:
            ahead.prefetch(requests(*wanted))
            np.testing.assert_array_equal(ahead.read((frame,)), stack.read((frame,)))


@pytest.mark.parametrize("ahead", [False, True])
def test_nan_is_reported_once(ahead):
    array = noise((4, 8, 9), "float32")
    array[1:, 3] = np.nan
    array[2] = np.nan
    said = []
    watch = MissingValueMonitor(open_stack(array, axes="TYX"), said.append)
    with Prefetcher(watch) as reader:
        if ahead:
            reader.prefetch([PlaneRequest((1,)), PlaneRequest((2,))])
        for frame in range(4):
            np.testing.assert_array_equal(reader.read(reader.index(frame))[0], array[frame])
    assert said == ["Plane (1) holds some NaN, which is shown as black on all planes."]


def test_a_plane_of_nan_is_reported_as_such():
    said = []
    array = np.full((2, 8, 9), np.nan)
    MissingValueMonitor(open_stack(array, axes="TYX"), said.append).read((1,))
    assert "only NaN" in said[0]
    MissingValueMonitor(open_stack(noise((2, 8, 9))), said.append).read((1,))
    assert len(said) == 1
