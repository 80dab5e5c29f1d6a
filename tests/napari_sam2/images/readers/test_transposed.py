from __future__ import annotations

import numpy as np
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.transposed import TransposedArray, transposed
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import CountingStore, noise


@given(st.permutations(range(4)), st.data())
def test_reads_and_writes_are_those_of_numpy(order, data):
    array = noise((2, 3, 4, 5))
    expected = array.transpose(order)
    view = TransposedArray(WrappedArray(array), tuple(order))
    assert (view.shape, view.dtype, view.chunks) == (expected.shape, array.dtype, None)
    key = tuple(
        data.draw(st.one_of(st.integers(0, n - 1), st.just(slice(n // 2, n)), st.just(slice(0, n))))
        for n in expected.shape
    )
    np.testing.assert_array_equal(view[key], expected[key])
    store = noise((2, 3, 4, 5), seed=1)
    wanted = store.copy().transpose(order)
    TransposedArray(store, tuple(order))[key] = expected[key]
    wanted[key] = expected[key]
    np.testing.assert_array_equal(store.transpose(order), wanted)


def test_an_array_in_order_is_not_wrapped():
    array = WrappedArray(noise((3, 4)))
    assert transposed(array, "YX", "YX") is array


def test_chunks_are_turned_too():
    array = zarr.create_array(MemoryStore(), shape=(6, 7, 8), chunks=(2, 7, 3), dtype="u1")
    stack = open_stack(array, axes="XYZ")
    assert stack.source.levels[0].chunks == (3, 7, 2)
    assert stack.chunk_shape == (7, 2)


def test_only_the_needed_chunks_of_a_turned_array_are_read(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(8, 9, 6), chunks=(4, 9, 1), dtype="u2")
    array[...] = noise((8, 9, 6))
    store = CountingStore(tmp_path / "a.zarr")
    stack = open_stack(zarr.open_array(store, mode="r"), axes="XYZ")
    plane = stack.read((2,))[0]
    np.testing.assert_array_equal(plane, array[:, :, 2].T)
    assert len(store.chunks) == 2
