from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam2.core.errors import StackReadError
from napari_sam2.core.geometry import Window
from napari_sam2.images.intensity import Intensity, choose_intensity
from napari_sam2.images.layout import choose_layout
from napari_sam2.images.readers.base import PlaneGrid, Source
from napari_sam2.images.sampling import robust_limits, sample_values, sample_windows
from napari_sam2.images.stack import Stack, open_stack
from tests.helpers.stack_files import CountingStore, noise


def test_percentiles_ignore_a_few_hot_pixels():
    values = np.random.default_rng(0).normal(100, 10, 10**6)
    values[:5] = 65535
    low, high = robust_limits(values)
    assert 60 < low < 75
    assert 125 < high < 140


def test_rare_bright_objects_still_have_gray_levels():
    values = np.random.default_rng(0).normal(100, 10, 10**6)
    values[:300] = np.linspace(2000, 4000, 300)
    _, high = robust_limits(values)
    assert 3000 < high <= 4000


@pytest.mark.parametrize("background", [0.0, 4000.0])
def test_a_constant_background_does_not_hide_what_differs(background):
    values = np.full(10**6, background)
    values[:300] = np.linspace(1000, 2000, 300)
    low, high = robust_limits(values)
    assert low == min(background, low)
    assert low < high
    shown = Intensity(((low, high),)).to_rgb(values[None, None, ::1])
    assert len(np.unique(shown[0, :300, 0])) > 50


@given(hnp.arrays("f8", st.integers(0, 50), elements=st.floats(-1e100, 1e100)))
def test_limits_always_rise(values):
    low, high = robust_limits(values)
    Intensity(((low, high),))


class Counted:
    """A movie that counts its reads."""

    def __init__(self, array, chunks):
        self.array, self.chunks, self.keys = array, chunks, []
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        self.keys.append(key)
        return self.array[key]


@pytest.mark.parametrize("frames", [1, 7, 40, 4000])
def test_at_most_32_chunks_spread_over_the_stack(frames):
    lazy = Counted(np.broadcast_to(np.uint16(5), (frames, 256, 256)), (1, 64, 64))
    stack = open_stack(lazy, axes="TYX")
    choose_intensity(stack)
    read = [key[0] for key in lazy.keys]
    assert len(read) <= 32
    assert len(set(read)) == min(frames, 32)
    assert max(read) - min(read) >= 0.9 * (frames - 1) - 1
    assert len({str(key) for key in lazy.keys}) == len(lazy.keys)


def test_large_chunks_are_fewer():
    lazy = Counted(np.broadcast_to(np.uint16(5), (100, 8192, 8192)), (1, 4096, 4096))
    taken = list(sample_windows(open_stack(lazy, axes="TYX")))
    assert len(taken) == 4


@pytest.mark.parametrize("side", [256, 512, 1024])
def test_a_slide_is_sampled_within_32_mb(tmp_path, side):
    path = tmp_path / "slide.zarr"
    zarr.create_array(
        path, shape=(60_000, 60_000), chunks=(side, side), dtype="u2", compressors=None
    )
    slide = zarr.open_array(path, mode="r+")
    spread = sample_windows(open_stack(slide))
    for _, window in spread:
        slide[window.slices] = np.arange(side * side, dtype="u2").reshape(side, side) % 3000
    store = CountingStore(path)
    stack = open_stack(zarr.open_array(store, mode="r"))
    rule = choose_intensity(stack)
    stack.read((), Window(30_000, 30_000, 31_024, 31_024))
    assert 2900 < rule.limits[0][1] <= 3000
    assert 0 < store.bytes <= 32 << 20


def test_every_chunk_is_sampled_where_there_are_few():
    lazy = Counted(noise((2, 60, 60)), (1, 32, 32))
    taken = {(index, window) for index, window in sample_windows(open_stack(lazy, axes="TYX"))}
    assert len(taken) == 8
    assert ((1,), Window(32, 32, 60, 60)) in taken


def unreadable_planes(*missing: int):
    def plane(position):
        if position[0] in missing:
            raise OSError("this slice is missing")
        return np.full((8, 9), position[0], np.uint16)

    array = PlaneGrid((4,), (8, 9), np.dtype(np.uint16), plane)
    layout, _ = choose_layout("ZYX", array.shape, None, {}, None)
    return Stack.assemble(Source((array,), "test", "ZYX"), layout)


def test_planes_that_cannot_be_read_are_left_out():
    (values,) = sample_values(unreadable_planes(1, 2))
    assert set(values) == {0, 3}


def test_a_stack_without_a_readable_plane_is_an_error():
    with pytest.raises(StackReadError, match="slice is missing"):
        sample_values(unreadable_planes(0, 1, 2, 3))
