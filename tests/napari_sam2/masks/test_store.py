"""Masks: exact signs, firmness of statuses, and one behavior in memory and on disk."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from napari_sam2.core.geometry import Window
from napari_sam2.masks.codec import STEP, compress, decompress, dequantize, quantize
from napari_sam2.masks.database import Database, MaskTable
from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin, MaskStatus
from napari_sam2.masks.sqlite_store import SqliteMaskStore
from napari_sam2.masks.store import MaskInfo, MaskRecord, MemoryMaskStore
from tests.helpers.mask_strategies import records

WINDOW = Window(2, 3, 5, 7)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryMaskStore()
        return
    database = Database(tmp_path / "masks.sqlite")
    yield SqliteMaskStore(database)
    database.close()


def square(object_id=1, frame=0, status=MaskStatus.FINAL, offset=(2, 3)):
    return MaskRecord.from_mask(object_id, (frame,), np.ones((4, 5)), offset, status)


@given(arrays(np.float32, (3, 4), elements=st.floats(width=32, allow_nan=True)))
def test_quantisation_keeps_every_sign(logits):
    steps = quantize(logits)
    np.testing.assert_array_equal(steps > 0, logits > 0)
    assert steps.min() >= -127


@given(arrays(np.float32, (4, 4), elements=st.floats(-15.875, 15.875, width=32)))
def test_quantisation_errs_by_at_most_one_step(logits):
    error = np.abs(dequantize(quantize(logits)) - logits)
    assert error.max() <= STEP


def test_quantisation_of_special_values():
    steps = quantize([np.nan, np.inf, -np.inf, 0.0, 1e-30, -1e-30, 15.875, 1e30])
    np.testing.assert_array_equal(steps, [-127, 127, -127, 0, 1, 0, 127, 127])


@given(arrays(np.int8, st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_compression_round_trip(steps):
    np.testing.assert_array_equal(decompress(compress(steps), steps.shape), steps)


def test_record_of_a_result():
    logits = np.array([[3.0, -1.0], [0.0, 0.01]], np.float32)
    window = Window(4, 5, 6, 7)
    crop = MaskCrop(window, logits)
    result = FrameResult(7, 3, (3, 1), crop, 0.5, 2.0, MaskOrigin.BLEND)
    record = MaskRecord.from_result(result)
    np.testing.assert_array_equal(record.steps > 0, [[True, False], [False, True]])
    np.testing.assert_allclose(record.crop.logits, [[3, -1], [0, STEP]])
    assert record.area == 2
    assert record.window == record.crop.window == window
    assert (record.status, record.origin) == (MaskStatus.FINAL, MaskOrigin.BLEND)
    draft = MaskRecord.from_result(dataclasses.replace(result, final=False))
    assert draft.status is MaskStatus.DRAFT


def test_absent_object_is_a_record_without_pixels():
    result = FrameResult(1, 0, (0,), MaskCrop.empty(), 0.1, -3.0, MaskOrigin.FORWARD)
    record = MaskRecord.from_result(result)
    assert record.area == 0
    assert record.payload == b""
    assert record.steps.shape == (0, 0)


def test_users_mask_is_kept_to_the_pixel():
    mask = np.random.default_rng(0).random((31, 17)) > 0.5
    record = MaskRecord.from_mask(1, (0,), mask, (5, 6))
    np.testing.assert_array_equal(record.steps > 0, mask)
    np.testing.assert_array_equal(np.abs(record.steps), 127)
    assert record.status is MaskStatus.ACCEPTED
    assert record.object_score > 0
    assert MaskRecord.from_mask(1, (0,), np.zeros((2, 2))).object_score < 0


def test_record_cannot_be_changed():
    record = square()
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.area = 3
    with pytest.raises(ValueError, match="read-only"):
        record.steps[0, 0] = 1


def test_accepting_cuts_only_pixels_that_others_own():
    """1 lost its left half; 2 keeps that half when it is accepted, and 3 loses nothing to it."""
    lost = np.zeros((4, 4), bool)
    lost[:, :2] = True
    whole = MaskRecord.from_mask(1, (0,), np.ones((4, 4))).result(0)
    first = MaskRecord.from_result(dataclasses.replace(whole, lost=lost))
    left = MaskRecord.from_mask(2, (0,), lost)
    assert left.without([first]) is left
    right = MaskRecord.from_mask(3, (0,), ~lost)
    assert right.without([first]).area == 0
    cut = first.without([MaskRecord.from_mask(4, (0,), np.ones((4, 3)))])
    assert cut.area == 4
    np.testing.assert_array_equal(cut.own_crop.logits > 0, np.arange(4) == np.full((4, 1), 3))


def test_large_masks_take_little_memory():
    y, x = np.mgrid[:1000, :1000]
    disc = (400 - np.hypot(y - 500, x - 500)).astype(np.float32) / 20
    crop = MaskCrop(Window.of((1000, 1000)), disc)
    result = FrameResult(1, 0, (0,), crop, 0.9, 5, MaskOrigin.FORWARD)
    assert len(MaskRecord.from_result(result).payload) < 100_000


@pytest.mark.parametrize("high", MaskStatus)
@pytest.mark.parametrize("low", MaskStatus)
def test_lower_status_never_overwrites(store, low, high):
    firm, weak = square(status=high), square(status=low, offset=(0, 0))
    assert store.put([firm]) == (firm,)
    expected = weak if low >= high else firm
    assert store.put([weak]) == ((weak,) if expected is weak else ())
    assert store.get(1, (0,)) == expected


def test_restore_goes_below(store):
    locked, draft = square(status=MaskStatus.LOCKED), square(status=MaskStatus.DRAFT)
    store.put([locked])
    store.restore([draft])
    assert store.get(1, (0,)) == draft


def test_removed_records_can_be_put_back(store):
    kept = [square(frame=f) for f in range(3)]
    store.put(kept)
    before = store.infos()
    taken = [store.get(1, index) for index in store.indices(1)]
    assert [h.index for h in store.delete(1)] == [(0,), (1,), (2,)]
    assert store.objects() == ()
    store.restore(taken)
    assert store.infos() == before
    assert [store.get(1, (f,)) for f in range(3)] == kept


def test_headers_tell_all_but_pixels(store):
    record = square(object_id=4)
    store.put([record])
    (header,) = store.infos()
    assert type(header) is MaskInfo
    assert header == record.info
    assert store.infos(5) == ()


def test_indices_sort_as_numbers(store):
    store.put([MaskRecord.from_mask(1, index, np.ones((1, 1))) for index in [(10, 2), (9, 11)]])
    assert store.indices(1) == ((9, 11), (10, 2))


def test_empty_index(store):
    store.put([MaskRecord.from_mask(1, (), np.ones((1, 1)))])
    assert store.indices(1) == ((),)
    assert [record.object_id for record in store.at(())] == [1]


def test_threads_share_a_store(store):
    def write(object_id):
        for frame in range(25):
            store.put([square(object_id, frame)])
            store.at((frame,))

    threads = [Thread(target=write, args=(n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.infos()) == 75


def test_drafts_lie_beside_masks(tmp_path):
    database = Database(tmp_path / "m.sqlite")
    masks, drafts = SqliteMaskStore(database), SqliteMaskStore(database, MaskTable.DRAFTS)
    drafts.put([square(status=MaskStatus.DRAFT)])
    assert masks.objects() == ()
    assert drafts.objects() == (1,)
    database.close()


def test_deleting_an_object_frees_the_disk(tmp_path):
    path = tmp_path / "m.sqlite"
    database = Database(path)
    masks = SqliteMaskStore(database)
    random = np.random.default_rng(0)
    masks.put(
        MaskRecord.from_mask(n, (f,), random.random((200, 200)) > 0.5)
        for n in (1, 2)
        for f in range(10)
    )
    before = path.stat().st_size
    masks.delete(1)
    assert path.stat().st_size < before - 40_000
    assert len(masks.infos()) == 10
    database.close()


class TwoStores(RuleBasedStateMachine):
    """Memory and disk must answer alike after any sequence of operations."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = MemoryMaskStore()
        self.open()

    def open(self):
        self.database = Database(self.folder / "masks.sqlite")
        self.disk = SqliteMaskStore(self.database)

    @rule(batch=st.lists(records(), max_size=4))
    def put(self, batch):
        assert self.memory.put(batch) == self.disk.put(batch)

    @rule(batch=st.lists(records(), max_size=2))
    def restore(self, batch):
        self.memory.restore(batch)
        self.disk.restore(batch)

    @rule(object_id=st.integers(1, 5), frame=st.none() | st.integers(0, 3))
    def delete(self, object_id, frame):
        index = None if frame is None else (frame, 2)
        assert self.memory.delete(object_id, index) == self.disk.delete(object_id, index)

    @rule()
    def reopen(self):
        self.database.close()
        self.open()

    @invariant()
    def agree(self):
        assert self.memory.objects() == self.disk.objects()
        assert self.memory.infos() == self.disk.infos()
        for object_id in self.memory.objects():
            assert self.memory.indices(object_id) == self.disk.indices(object_id)
            assert self.memory.infos(object_id) == self.disk.infos(object_id)
        for frame in range(4):
            everything = self.memory.at((frame, 2))
            assert everything == self.disk.at((frame, 2))
            touching = self.memory.at((frame, 2), WINDOW)
            assert touching == self.disk.at((frame, 2), WINDOW)
            assert touching == tuple(r for r in everything if not r.window.intersect(WINDOW).empty)

    def teardown(self):
        self.database.close()
        shutil.rmtree(self.folder)


TwoStores.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestTwoStores = TwoStores.TestCase


def test_the_union_of_two_objects_has_the_pixels_that_one_lost_to_the_other() -> None:
    """1 lost its left half to 2, and its first row to a third object, which keeps it."""
    left, first = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], first[0, 2:] = True, True
    whole = MaskRecord.from_mask(1, (0,), np.ones((4, 4)), status=MaskStatus.FINAL)
    one = MaskRecord.from_result(dataclasses.replace(whole.result(0), lost=left | first))
    two = MaskRecord.from_mask(2, (0,), np.ones((4, 3)), (0, 0), MaskStatus.ACCEPTED)
    two = MaskRecord.from_result(
        dataclasses.replace(two.result(0), lost=np.tile([False, False, True], (4, 1)))
    )
    union = one.merged_into(2, two)
    assert (union.object_id, union.lost, union.excluded) == (2, None, None)
    np.testing.assert_array_equal(union.crop.logits > 0, ~first)
    assert union.area == 14
    gone = dataclasses.replace(two, excluded=MaskOrigin.FORWARD)
    assert gone.merged_into(1, one).area == 16 - np.count_nonzero(left | first)
    assert one.merged_into(5, None) == dataclasses.replace(one, object_id=5)
