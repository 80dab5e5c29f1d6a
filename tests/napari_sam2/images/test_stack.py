"""Reading planes and windows: what is touched, what is refused, what is retried."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import CountingStore, noise

DTYPES = ("bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")


@pytest.mark.parametrize("dtype", DTYPES)
def test_types_are_kept(dtype):
    array = noise((3, 6, 7), dtype)
    stack = open_stack(array, axes="TYX")
    plane = stack.read((2,))
    assert plane.dtype == stack.dtype == array.dtype
    np.testing.assert_array_equal(plane[0], array[2])


def test_foreign_byte_order_becomes_native():
    array = noise((2, 4, 5)).astype(">u2")
    plane = open_stack(array).read((1,))
    assert plane.dtype.isnative
    np.testing.assert_array_equal(plane[0], array[1])


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "datetime64[s]", "U3", "object"])
def test_types_that_are_no_pixels_are_refused(dtype):
    with pytest.raises(UserError, match="complex" if dtype.startswith("c") else "not numbers"):
        open_stack(np.zeros((3, 4, 5), dtype))


@pytest.mark.parametrize("shape", [(5,), (), (1, 2, 3, 4, 5, 6)])
def test_dimensions_outside_two_to_five_are_refused(shape):
    with pytest.raises(UserError, match=r"2 to 5, named with T \(time\)"):
        open_stack(np.zeros(shape))


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 0, 5)])
def test_empty_arrays_are_refused(shape):
    with pytest.raises(UserError, match="empty"):
        open_stack(np.zeros(shape))


def test_saved_arrays_are_mapped(tmp_path):
    array = noise((3, 8, 9))
    np.save(tmp_path / "a.npy", array)
    stack = open_stack(tmp_path / "a.npy", axes="ZYX")
    np.testing.assert_array_equal(stack.read((2,))[0], array[2])
    assert isinstance(stack.source.levels[0].array, np.memmap)
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:200])
    with pytest.raises(UserError, match="numpy array"):
        open_stack(tmp_path / "a.npy")


@pytest.mark.parametrize("source", [3, None, {"a": 1}, [], [1, 2]])
def test_things_that_are_no_stack_are_refused(source):
    with pytest.raises(UserError, match="give a path, a URL or an array"):
        open_stack(source)


def test_windows_beyond_the_plane_are_refused():
    stack = open_stack(noise((3, 8, 9)))
    for window in (Window(-1, 0, 4, 4), Window(0, 0, 9, 9), Window(2, 2, 2, 5)):
        with pytest.raises(ValueError, match="empty or reaches beyond"):
            stack.read((0,), window)
    for index in ((3,), (-1,), (), (0, 0)):
        with pytest.raises(IndexError):
            stack.read(index)


@given(st.integers(0, 19), st.integers(0, 29), st.integers(1, 20), st.integers(1, 30))
def test_a_window_is_the_plane_cut(y, x, height, width):
    array = noise((2, 20, 30))
    window = Window(y, x, min(y + height, 20), min(x + width, 30))
    crop = open_stack(array).read((1,), window)
    np.testing.assert_array_equal(crop[0], array[1][window.slices])


def test_dask_computes_only_the_blocks_it_needs():
    computed = []

    def make(block_info=None):
        place = block_info[None]["chunk-location"]
        computed.append(place)
        return np.full((1, 8, 8), place[0])

    chunks = ((1,) * 6, (8, 8), (8, 8))
    lazy = dask.array.map_blocks(make, chunks=chunks, dtype=int, meta=np.empty(0, int))
    stack = open_stack(lazy, axes="TYX")
    assert stack.chunk_shape == (8, 8)
    assert not computed
    assert (stack.read((4,), Window(9, 9, 12, 12)) == 4).all()
    assert computed == [(4, 1, 1)]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_reads_only_the_chunks_it_needs(tmp_path, zarr_format):
    array = noise((4, 64, 64))
    zarr.create_array(tmp_path / "a.zarr", data=array, chunks=(1, 16, 16), zarr_format=zarr_format)
    store = CountingStore(tmp_path / "a.zarr")
    stack = open_stack(zarr.open_array(store, mode="r"))
    assert not store.chunks
    crop = stack.read((2,), Window(15, 20, 17, 30))
    np.testing.assert_array_equal(crop[0], array[2, 15:17, 20:30])
    assert len(store.chunks) == 2


def test_a_movie_of_8_gb_opens_on_metadata_and_a_plane_costs_a_plane(tmp_path):
    path = tmp_path / "big.zarr"
    big = zarr.create_array(
        path, shape=(4000, 1024, 1024), chunks=(1, 1024, 1024), dtype="u2", compressors=None
    )
    big[1234] = 7
    store = CountingStore(path)
    stack = open_stack(zarr.open_array(store, mode="r"), axes="TYX")
    assert (stack.read((1234,)) == 7).all()
    assert store.bytes == 1024 * 1024 * 2


class Flaky:
    """An array whose reads fail at first."""

    shape, dtype = (3, 4, 5), np.dtype("u1")

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.reads = failures, error, 0

    def __getitem__(self, key):
        self.reads += 1
        if self.reads <= self.failures:
            raise self.error
        return np.ones(self.shape, self.dtype)[key]


def test_a_read_that_fails_twice_succeeds():
    flaky = Flaky(2, OSError("timeout"))
    assert open_stack(flaky, axes="TYX").read((1,)).shape == (1, 4, 5)
    assert flaky.reads == 3


def test_a_read_that_keeps_failing_names_the_plane():
    flaky = Flaky(99, OSError("connection reset"))
    with pytest.raises(StackReadError, match=r"z=2 .*tried 3 times.*connection reset") as caught:
        open_stack(flaky, axes="ZYX").read((2,))
    assert caught.value.index == (2,)
    assert flaky.reads == 3


def test_a_list_of_arrays_is_a_pyramid():
    full = noise((3, 32, 48))
    stack = open_stack([full, full[:, ::2, ::2], full[:, ::4, ::4]], axes="TYX")
    assert stack.levels == (1, 2, 4)
    crop = stack.read((1,), Window(5, 8, 11, 16), level=1)
    np.testing.assert_array_equal(crop[0], full[1, ::2, ::2][2:6, 4:8])
    with pytest.raises(UserError, match="one pyramid"):
        open_stack([full, full[:, ::2, ::2], full])
    with pytest.raises(UserError, match="Stack the planes in one array"):
        open_stack(list(full))


def test_levels_that_shrink_other_axes_are_left_out_with_a_note():
    full = noise((8, 32, 32))
    stack = open_stack([full, full[:, ::4, ::4], full[::2, ::8, ::8]], axes="ZYX", along="z")
    assert stack.levels == (1, 4)
    assert any("Pyramid levels 2 are not used" in note for note in stack.notes)


def test_xarray_like_names_are_used():
    class Named:
        dims = ("z", "row", "column")
        data = noise((3, 4, 5))
        shape, dtype = data.shape, data.dtype

        def __getitem__(self, key):
            raise AssertionError(key)

    stack = open_stack(Named())
    assert (stack.axes, stack.along, stack.notes) == ("ZYX", "z", ())


def test_guessed_axes_are_noted_along_another_axis_too() -> None:
    stack = open_stack(np.zeros((3, 40, 50), np.uint8))
    assert any("read as TYX" in note for note in stack.with_along("x").notes)
