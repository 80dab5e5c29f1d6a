"""The label array: derived, cropped, and never written where nothing changed."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.label_layout import label_chunks, label_dtype, tiles
from napari_sam2.masks.store import MaskRecord, MemoryMaskStore
from tests.helpers.mask_strategies import PLANE, records


def stack_of(shape=(4, 3, *PLANE), axes="TZYX", **options):
    return open_stack(np.broadcast_to(np.uint8(0), shape), axes=axes, **options)


AT_Z2 = stack_of(at={"z": 2})


@pytest.fixture(params=["zarr", "memory", "numpy"])
def labels(request, tmp_path):
    if request.param == "numpy":
        return LabelArray(np.zeros(AT_Z2.label_shape, np.uint16), AT_Z2)
    return LabelArray.create(tmp_path / "l.zarr" if request.param == "zarr" else None, AT_Z2)


def test_write_and_read_by_crop(labels):
    labels.write((1, 2), Window(3, 4, 5, 7), [[1, 2, 3], [4, 5, 6]])
    expected = np.zeros(AT_Z2.label_shape, np.uint16)
    expected[1, 2, 3:5, 4:7] = [[1, 2, 3], [4, 5, 6]]
    np.testing.assert_array_equal(labels.array[...], expected)
    np.testing.assert_array_equal(labels.read((1, 2)), expected[1, 2])
    np.testing.assert_array_equal(labels.read((1, 2), Window(4, 4, 5, 6)), [[4, 5]])


@pytest.mark.parametrize("path", [None, "labels.zarr"])
def test_stored_axes_may_have_another_order(tmp_path, path):
    folder = tmp_path / path if path else None
    labels = LabelArray.create(folder, AT_Z2, axes="XZYT")
    labels.write((1, 2), Window(3, 4, 5, 7), [[1, 2, 3], [4, 5, 6]])
    assert labels.array.shape == (PLANE[1], 3, PLANE[0], 4)
    np.testing.assert_array_equal(labels.array[4:7, 2, 3:5, 1], [[1, 4], [2, 5], [3, 6]])
    if folder:
        again = LabelArray.open(folder, AT_Z2)
        assert again.axes == "XZYT"
        np.testing.assert_array_equal(again.read((1, 2)), labels.read((1, 2)))


def test_what_lies_beyond_the_plane_is_dropped(labels):
    labels.write((0, 0), Window(-1, -2, 2, 1), np.arange(9).reshape(3, 3))
    np.testing.assert_array_equal(labels.read((0, 0))[:2, :2], [[5, 0], [8, 0]])
    labels.write((0, 0), Window(50, 50, 52, 52), np.ones((2, 2)))
    assert labels.read((0, 0)).sum() == 13


def test_wrong_writes_are_refused(labels):
    with pytest.raises(UserError, match="65536 does not fit"):
        labels.write((0, 0), Window(0, 0, 1, 1), [[65536]])
    with pytest.raises(ValueError, match="do not fill"):
        labels.write((0, 0), Window(0, 0, 1, 1), [1, 2])
    with pytest.raises(ValueError, match="beyond the plane"):
        labels.read((0, 0), Window(0, 0, 99, 99))
    with pytest.raises(IndexError):
        labels.write((9, 0), Window(0, 0, 1, 1), [[1]])


def composed(masks):
    labels = LabelArray(np.zeros(AT_Z2.label_shape, np.uint16), AT_Z2)
    store = MemoryMaskStore()
    for record in masks:
        old = store.get(record.object_id, record.index)
        store.restore([record])
        for window in {record.window, old.window if old else record.window}:
            labels.refresh(record.index, window, store)
    return labels, store


@given(st.lists(records(), max_size=8), records())
def test_delete_and_refresh_equals_never_added(masks, extra):
    plain, _ = composed([r for r in masks if r.object_id != extra.object_id])
    labels, store = composed([*masks, extra])
    for header in store.delete(extra.object_id):
        labels.refresh(header.index, header.window, store)
    np.testing.assert_array_equal(labels.array, plain.array)


@settings(deadline=None)
@given(st.lists(records(), max_size=8, unique_by=lambda r: (r.object_id, r.index)), st.randoms())
def test_the_order_of_results_does_not_matter(masks, random):
    labels, _ = composed(masks)
    shuffled, _ = composed(random.sample(masks, len(masks)))
    np.testing.assert_array_equal(labels.array, shuffled.array)


@pytest.mark.parametrize(
    ("axes", "along", "chunks"),
    [("TYX", "t", (1, 2048, 2048)), ("ZYX", "y", (2048, 1, 2048)), ("XYZ", "z", (1, 2048, 2048))],
)
def test_chunks_span_the_plane(axes, along, chunks):
    stack = stack_of((3000, 3000, 3000), axes, along=along)
    assert label_chunks(stack) == chunks


def test_a_huge_plane_costs_only_its_crop(tmp_path):
    stack = stack_of((3, 60_000, 60_000), "TYX")
    labels = LabelArray.create(tmp_path / "huge.zarr", stack)
    store = MemoryMaskStore()
    store.put([MaskRecord.from_mask(9, (1,), np.ones((100, 90)), (2000, 40_000))])
    labels.refresh((1,), Window(1990, 39_990, 2200, 40_200), store)
    assert labels.array.nchunks_initialized == 2
    assert labels.read((1,), Window(1999, 40_000, 2003, 40_001)).ravel().tolist() == [0, 9, 9, 9]


def test_emptied_chunks_are_deleted(tmp_path):
    labels = LabelArray.create(tmp_path / "l.zarr", AT_Z2)
    labels.write((0, 0), Window(0, 0, 1, 1), [[1]])
    assert labels.array.nchunks_initialized == 1
    labels.refresh((0, 0), Window(0, 0, 1, 1), MemoryMaskStore())
    assert labels.array.nchunks_initialized == 0
    again = LabelArray.open(tmp_path / "l.zarr", AT_Z2)
    again.write((0, 1), Window(0, 0, 1, 1), [[0]])
    assert again.array.nchunks_initialized == 0


def test_tiles_cover_a_window_once():
    window = Window(3, 5, 21, 30)
    covered = np.zeros((40, 40), int)
    for tile in tiles(window, 8):
        assert window.contains(tile)
        assert tile.y0 // 8 == (tile.y1 - 1) // 8
        covered[tile.slices] += 1
    assert covered.sum() == 18 * 25
    assert covered[window.slices].all()


def test_threads_write_neighbouring_crops(labels):
    def write(n):
        for value in range(20):
            labels.write((0, 0), Window(n, 0, n + 1, PLANE[1]), np.full((1, PLANE[1]), value + n))

    threads = [Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(labels.read((0, 0))[:6, 3], np.arange(6) + 19)


@pytest.mark.parametrize(
    ("ids", "wanted", "expected"),
    [
        ([], None, "uint16"),
        ([65535], None, "uint16"),
        ([65536], None, "uint32"),
        ([2**32 - 1], None, "uint32"),
        ([255], "uint8", "uint8"),
    ],
)
def test_types_hold_their_ids(ids, wanted, expected):
    assert label_dtype(ids, wanted) == expected


@pytest.mark.parametrize(("ids", "wanted"), [([2**32], None), ([256], "uint8"), ([1], "int32")])
def test_types_that_do_not(ids, wanted):
    with pytest.raises(UserError):
        label_dtype(ids, wanted)


def test_open_refuses_what_is_no_label_array(tmp_path):
    with pytest.raises(UserError, match="no label array"):
        LabelArray.open(tmp_path / "none.zarr", AT_Z2)
    zarr.create_group(tmp_path / "group.zarr")
    with pytest.raises(UserError, match="no label array"):
        LabelArray.open(tmp_path / "group.zarr", AT_Z2)
    with pytest.raises(UserError, match="cannot be float"):
        LabelArray(np.zeros(AT_Z2.label_shape), AT_Z2)
    with pytest.raises(UserError, match="shape"):
        LabelArray(np.zeros((2, 2), np.uint16), AT_Z2)
