from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_sam2.core.errors import StackReadError
from napari_sam2.core.geometry import Window
from napari_sam2.images.contrast_limits.sampling import sample_values, sample_windows
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.layout import choose_layout
from napari_sam2.images.readers.base import PlaneGrid, Source
from napari_sam2.images.stack import Stack, open_stack
from tests.helpers.stack_files import CountingStore, noise


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
