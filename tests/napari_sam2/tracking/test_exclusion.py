"""Neighbors that exclude each other in a session, with a predictor whose logits fade."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import ViewPolicy
from napari_sam2.masks.codec import quantize
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin, MaskStatus
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.types import MaskPrompt
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.exclusion import share_pixels
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from tests.helpers.fakes import FakePredictor, MemoryJournal
from tests.helpers.scenes import click, movie, session_of, straight

SHAPE = (64, 96)
FULL = SessionSettings(view=ViewPolicy.parse("full"))
OVERLAPPING = replace(FULL, exclusion=False)


class FadingPredictor(FakePredictor):
    """Follows the nearest spot; its logits fall with the number of tracked frames."""

    def _track(self, encoding, frame, state):
        found = super()._track(encoding, frame, state)
        faded = np.where(found.logits > 0, found.logits * 0.8 ** len(state.history), found.logits)
        return replace(found, logits=faded.astype(np.float32))


class StillPredictor(FakePredictor):
    """Takes the spot nearest to the prompt on each frame."""

    def _track(self, encoding, frame, state):
        return replace(super()._track(encoding, frame, state), state=state)


def column(slices=16):
    """A bright column along z, which is two objects: one below slice 9 and one above it."""
    path = straight((30, 40), (0, 0), slices)
    return movie(SHAPE, [path], radius=8), path


def session(data, prompts, along="z", settings=FULL, **options):
    chosen = {"predictor": FadingPredictor(), **options}
    return session_of(data, prompts, along=along, settings=settings, **chosen)


def labels_of(made):
    return np.stack([made.labels.read((f,)) for f in range(made.stack.n_frames)])


def ids_per_frame(made):
    return [sorted(set(np.unique(plane)) - {0}) for plane in labels_of(made)]


def test_a_track_ends_where_another_object_is_more_certain():
    data, path = column()
    made = session(data, [click(1, 4, path), click(2, 14, path)])
    list(made.propagate())
    assert ids_per_frame(made) == [[1]] * 10 + [[2]] * 6
    alone = session(data, [click(1, 4, path), click(2, 14, path)], settings=OVERLAPPING)
    list(alone.propagate())
    assert all(alone.result(i, f).area for i in (1, 2) for f in range(16))


def test_scores_and_records_agree_with_the_labels_and_keep_the_masks():
    data, path = column()
    made = session(data, [click(1, 4, path), click(2, 14, path)])
    list(made.propagate())
    for row in made.scores:
        assert row.area == np.count_nonzero(made.labels.read(row.index) == row.object_id)
        assert row.visible == (row.area > 0)
    assert made.scores.progress(1).frames == 10
    lost = made.masks.get(1, (12,))
    assert lost.excluded is MaskOrigin.BACKWARD
    assert lost.area == 0 < lost.crop.area
    assert made.scores.get(1, 12).view == "full excluded"
    assert made.masks.get(1, (15,)).ended


def test_the_model_is_not_run_after_the_end():
    data, path = column(40)
    calls = []
    for settings in (FULL, OVERLAPPING):
        made = session(data, [click(1, 4, path), click(2, 14, path)], settings=settings)
        list(made.propagate())
        calls.append(made.predictor.calls["track"])
    assert calls[1] - calls[0] >= 25


def test_numbers_of_the_objects_do_not_matter():
    data, path = column()
    first = session(data, [click(1, 4, path), click(2, 13, path)])
    second = session(data, [click(9, 4, path), click(2, 13, path)])
    for made in (first, second):
        list(made.propagate())
    expected = np.where(labels_of(first) == 1, 9, labels_of(first))
    np.testing.assert_array_equal(labels_of(second), expected)


def meeting(frames=9):
    """The second disc is absent on frames 3 to 5, on which its track finds the first one."""
    paths = [straight((30, 30), (0, 0), frames), straight((30, 50), (0, 0), frames)]
    paths[1][3:6] = np.nan
    return movie(SHAPE, paths, radius=6), paths


def test_in_time_an_object_is_lost_and_found_again():
    data, paths = meeting()
    prompts = [click(1, 0, paths[0]), click(2, 0, paths[1])]
    made = session(data, prompts, along="t", predictor=StillPredictor(reach=6))
    list(made.propagate())
    assert ids_per_frame(made) == [[1, 2]] * 3 + [[1]] * 3 + [[1, 2]] * 3
    assert [f for f in range(9) if made.result(2, f).excluded is not None] == [3, 4, 5]
    assert not any(made.result(2, f).ended for f in range(9))


def test_a_gap_between_two_prompts_does_not_end():
    """2 is prompted on both sides of slices that 1 has; it is lost there and continues after."""
    data, path = column()
    prompts = [click(1, 6, path), click(2, 2, path), click(2, 14, path)]
    made = session(data, prompts)
    list(made.propagate())
    found = ids_per_frame(made)
    assert all(len(ids) == 1 for ids in found)
    assert found[2] == found[14] == [2]
    assert found[6] == [1]
    assert not any(made.result(2, f).ended for f in range(16))


@pytest.mark.parametrize("keep", ["nothing", "accept", "lock"])
def test_objects_that_are_not_part_of_the_run_keep_their_pixels(keep):
    data, path = column()
    made = session(data, [click(1, 4, path)])
    list(made.propagate())
    if keep != "nothing":
        getattr(made, keep)(1)
    before = labels_of(made)
    half = np.zeros(SHAPE, bool)
    half[20:40, 40:60] = True
    made.prompts.add(MaskPrompt.of(2, 8, half))
    list(made.propagate(PropagationRequest(objects=(2,))))
    after = labels_of(made)
    if keep == "nothing":  # What the user drew is kept, on its own frame only.
        np.testing.assert_array_equal(after[8] == 2, half)
        before[8][half] = 0
    else:
        np.testing.assert_array_equal(after[8] == 2, half & (before[8] == 0))
    np.testing.assert_array_equal(after == 1, before == 1)


def test_pixels_return_when_the_other_object_is_deleted():
    data, path = column()
    made = session(data, [click(1, 4, path)])
    list(made.propagate())
    before = labels_of(made)[8]
    shifted = np.roll(before == 1, 10, axis=1)
    made.prompts.add(MaskPrompt.of(2, 8, shifted))
    forward = PropagationRequest(direction=PropagationDirection.FORWARD, frames=(4, 9))
    list(made.propagate(forward))
    assert made.result(1, 8).area == np.count_nonzero((before == 1) & ~shifted)
    version = made.scores.version(1)
    made.delete_object(2)
    np.testing.assert_array_equal(made.labels.read((8,)), before)
    assert made.scores.get(1, 8).area == made.result(1, 8).area == np.count_nonzero(before == 1)
    assert made.scores.version(1) > version
    made.history.undo()
    assert made.scores.get(1, 8).area == np.count_nonzero((before == 1) & ~shifted)


def test_an_excluded_mask_returns_when_the_other_one_is_deleted():
    data, paths = meeting()
    prompts = [click(1, 0, paths[0]), click(2, 0, paths[1])]
    made = session(data, prompts, along="t", predictor=StillPredictor(reach=6))
    list(made.propagate())
    kept = made.masks.get(1, (3,))
    made.delete_masks(1, [4])
    assert [f for f in range(9) if made.result(2, f).excluded is not None] == [3, 5]
    assert made.masks.get(1, (3,)) == kept
    for row in made.scores:
        assert row.area == np.count_nonzero(made.labels.read(row.index) == row.object_id)


@pytest.mark.parametrize("along", ["t", "z"])
def test_objects_that_do_not_touch_are_the_same_with_and_without(along):
    paths = [straight((16, 20), (1, 1), 8), straight((48, 70), (-1, 0), 8)]
    data = movie(SHAPE, paths, radius=6)
    prompts = [click(1, 2, paths[0]), click(2, 0, paths[1]), click(2, 5, paths[1])]
    records = []
    for settings in (FULL, OVERLAPPING):
        made = session(data, prompts, along=along, settings=settings)
        list(made.propagate())
        records.append([made.masks.at((f,)) for f in range(8)])
        np.testing.assert_array_equal(labels_of(made)[2:] > 0, data[2:] > 100)
    assert records[0] == records[1]


def run(data, prompts, masks, drafts, journal, stop_after=None):
    """Run, or resume; ``stop_after`` abandons the run after so many results, as a crash does."""
    settings = replace(FULL, checkpoint_every=3)
    stored = {"masks": masks, "drafts": drafts, "journal": journal}
    made = session(data, prompts, settings=settings, **stored)
    for number, _ in enumerate(made.propagate(resume=stop_after is None)):
        if number == stop_after:
            break
    return made


@pytest.mark.parametrize("stop_after", range(3, 60, 8))
def test_an_interrupted_run_gives_the_same_masks(stop_after):
    data, path = column()
    third = straight((30, 46), (0, 0), 16)
    data = np.maximum(data, movie(SHAPE, [third], radius=8, value=160))
    prompts = [click(1, 4, path), click(2, 14, path), click(3, 8, third), click(2, 1, path)]
    stores = [(MemoryMaskStore(), MemoryMaskStore(), MemoryJournal()) for _ in range(2)]
    expected = run(data, prompts, *stores[0])
    run(data, prompts, *stores[1], stop_after=stop_after)
    resumed = run(data, prompts, *stores[1])
    for frame in range(16):
        assert resumed.masks.at((frame,)) == expected.masks.at((frame,))


def disc_result(object_id, x, logit):
    yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1]]
    logits = logit * (8 - np.hypot(yy - 30, xx - x)).astype(np.float32)
    crop = MaskCrop(Window.of(SHAPE), logits)
    return FrameResult(object_id, 0, (0,), crop, 0.9, 4.0, MaskOrigin.FORWARD)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_refined_masks_share_pixels_whatever_their_order(order):
    stack = open_stack(np.zeros((1, *SHAPE), np.uint8), axes="TYX")
    store = SegmentationStore(stack, MemoryMaskStore(), LabelArray.create(None, stack))
    store.put([disc_result(i, 30 + 9 * i, 0.2) for i in (1, 2, 3)])
    store.set_status(3, None, MaskStatus.ACCEPTED)
    before = store.labels.read((0,))
    refined = {1: disc_result(1, 42, 0.5), 2: disc_result(2, 47, 0.4)}
    for object_id in order:
        if object_id in refined:
            store.put(share_pixels(store, refined[object_id], {1, 2, 3}))
    labels = store.labels.read((0,))
    np.testing.assert_array_equal(labels == 3, before == 3)
    free = before != 3
    first, second = (quantize(refined[i].crop.logits) for i in (1, 2))
    np.testing.assert_array_equal(labels == 1, free & (first > 0) & (first >= second))
    np.testing.assert_array_equal(labels == 2, free & (second > 0) & (second > first))
    for object_id in (1, 2):
        assert store.result(object_id, 0).area == np.count_nonzero(labels == object_id)


def test_objects_of_different_views_and_groups_compete():
    data, path = column()
    far = straight((50, 85), (0, 0), 16)
    data = np.maximum(data, movie(SHAPE, [far], radius=4))
    prompts = [click(1, 4, path), click(2, 14, path), click(3, 8, far)]
    found = []
    for size in (1, 8):
        zoomed = SessionSettings(view=ViewPolicy.parse("zoom:48"), group_size=size)
        made = session(data, prompts, settings=zoomed)
        list(made.propagate())
        found.append(labels_of(made))
    assert all(len({1, 2} & set(np.unique(plane))) == 1 for plane in found[0])
    np.testing.assert_array_equal(*found)
