"""Chunks deeper than a frame are read once for all the frames in them."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.geometry import Window
from napari_sam2.images.readers import chunk_cache
from napari_sam2.images.readers.chunk_cache import ChunkCachedArray
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import CountingStore, noise


class Counted:
    """An array with chunks, counting its reads."""

    def __init__(self, array, chunks):
        self.array, self.chunks, self.reads = array, chunks, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        self.reads += 1
        return self.array[key]


@given(
    chunks=st.tuples(*[st.integers(1, 12)] * 3),
    axis=st.integers(-1, 2),
    limit=st.sampled_from((1, 300, 4000)),
    seed=st.integers(0, 10**6),
)
def test_it_reads_what_the_array_holds(chunks, axis, limit, seed):
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 1000, rng.integers(1, 12, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunk_cache, "_BLOCK_BYTES", limit)
        cached = ChunkCachedArray(Counted(array, chunks), axis)
        for _ in range(6):
            starts = [int(rng.integers(n)) for n in array.shape]
            key = tuple(
                start if i == axis else slice(start, int(rng.integers(start + 1, n + 1)))
                for i, (start, n) in enumerate(zip(starts, array.shape, strict=True))
            )
            np.testing.assert_array_equal(cached[key], array[key])


def test_a_deep_chunk_is_read_once(tmp_path):
    array = noise((16, 32, 32))
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(8, 32, 32))
    store = CountingStore(tmp_path / "a.zarr")
    stack = open_stack(zarr.open_array(store, mode="r"), axes="TYX")
    for frame in range(16):
        np.testing.assert_array_equal(stack.read((frame,))[0], array[frame])
    assert len(store.chunks) == 2


def test_other_axes_read_every_chunk_once(tmp_path):
    array = noise((8, 32, 32))
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(1, 16, 32))
    store = CountingStore(tmp_path / "a.zarr")
    stack = open_stack(zarr.open_array(store, mode="r"), axes="ZYX", along="y")
    for frame in range(32):
        np.testing.assert_array_equal(stack.read((frame,))[0], array[:, frame])
    assert len(store.chunks) == 16


def test_windows_of_one_chunk_read_it_once():
    lazy = Counted(noise((3, 64, 64)), (1, 64, 64))
    stack = open_stack(lazy, axes="TYX")
    for y in range(0, 60, 10):
        crop = stack.read((1,), Window(y, 3, y + 4, 9))
        np.testing.assert_array_equal(crop[0], lazy.array[1, y : y + 4, 3:9])
    assert lazy.reads == 1


def test_what_is_read_may_be_changed_by_the_reader():
    stack = open_stack(Counted(noise((3, 64, 64)), (3, 64, 64)), axes="TYX")
    before = stack.read((1,)).copy()
    stack.read((1,))[:] = 0
    np.testing.assert_array_equal(stack.read((1,)), before)


def test_large_chunks_are_reported():
    huge = np.broadcast_to(np.uint16(0), (2, 8192, 8192))
    notes = open_stack(Counted(huge, (1, 8192, 8192)), axes="TYX").notes
    assert any("are large (1 x 8192 x 8192, 134 MB)" in note for note in notes)
    assert not open_stack(Counted(huge, (1, 1024, 1024)), axes="TYX").notes


def test_reading_never_changes_a_given_array():
    array = noise((3, 8, 9))
    kept = array.copy()
    open_stack(array).read((1,))[:] = 0
    np.testing.assert_array_equal(array, kept)
