from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.view import ViewPolicy
from napari_sam2.masks.mask import MaskOrigin, MaskStatus
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, iou, movie, session_of, straight

FULL = SessionSettings(view=ViewPolicy.parse("full"))


def one_disc(frames: int = 6):
    path = straight((30, 20), (2, 3), frames)
    return movie((96, 128), [path]), path


@pytest.mark.parametrize("view", ["full", "zoom", "zoom:64", "auto"])
def test_click_propagates_through_every_frame(view):
    data, path = one_disc()
    session = session_of(
        data, [click(1, 0, path)], settings=SessionSettings(view=ViewPolicy.parse(view))
    )
    results = list(session.propagate())
    assert [r.frame for r in results] == [0, 1, 2, 3, 4, 5]
    assert [r.origin for r in results] == [MaskOrigin.PROMPT] + 5 * [MaskOrigin.FORWARD]
    assert all(r.final for r in results)
    for frame in range(6):
        assert iou(session.labels.read((frame,)) == 1, data[frame] > 100) > 0.8
    assert session.run.complete
    assert len(session.scores) == 6


def test_both_ways_covers_each_frame_once():
    data, path = one_disc()
    session = session_of(data, [click(1, 3, path)], settings=FULL)
    assert sorted(r.frame for r in session.propagate()) == list(range(6))
    directions = {row.frame: row.origin.value for row in session.scores}
    assert directions[0] == directions[2] == "backward"
    assert directions[3] == "prompt"
    assert directions[5] == "forward"


def test_range_is_half_open_and_direction_is_obeyed():
    data, path = one_disc()
    session = session_of(data, [click(1, 3, path)], settings=FULL)
    request = PropagationRequest(direction=PropagationDirection.BACKWARD, frames=(1, 5))
    assert [r.frame for r in session.propagate(request)] == [3, 2, 1]
    assert session.masks.get(1, (0,)) is None


def test_gap_is_draft_then_blend():
    data, path = one_disc(7)
    session = session_of(data, [click(1, 1, path), click(1, 5, path)], settings=FULL)
    results = list(session.propagate())
    drafts = [r.frame for r in results if not r.final]
    blends = [r.frame for r in results if r.origin is MaskOrigin.BLEND]
    assert drafts == [2, 3, 4]
    assert blends == [4, 3, 2]
    assert sorted(r.frame for r in results if r.final) == list(range(7))
    assert all(session.masks.get(1, (f,)).status is MaskStatus.FINAL for f in range(7))


def test_several_objects_share_one_encoding_on_the_full_plane():
    paths = [straight((20, 20), (1, 1), 5), straight((70, 90), (-1, 0), 5)]
    data = movie((96, 128), paths)
    session = session_of(data, [click(i + 1, 0, p) for i, p in enumerate(paths)], settings=FULL)
    results = list(session.propagate())
    assert len(results) == 10
    assert session.encodings == 5
    assert set(np.unique(session.labels.read((4,)))) == {0, 1, 2}


def test_cancel_keeps_what_is_done():
    data, path = one_disc()
    session = session_of(data, [click(1, 0, path)], settings=FULL)
    done = []
    for result in session.propagate():
        done.append(result.frame)
        if result.frame == 2:
            session.cancel()
    assert done == [0, 1, 2]
    assert session.run.cancelled
    assert not session.run.complete
    assert session.masks.indices(1) == ((0,), (1,), (2,))


def test_cancel_from_another_thread():
    data, path = one_disc(60)
    session = session_of(data, [click(1, 0, path)], settings=FULL)
    stream = session.propagate()
    next(stream)
    canceller = threading.Thread(target=session.cancel)
    canceller.start()
    canceller.join()
    assert len(list(stream)) <= 1


def test_preview_gives_candidates_and_the_chosen_one_is_propagated():
    data, path = one_disc()
    session = session_of(data, [click(1, 0, path)], settings=FULL)
    preview = session.preview(1, 0)
    assert len(preview.candidates) == 3
    part = session.choose(preview, 1)
    assert part.result.area < preview.result.area
    assert session.choose(preview, 4).chosen == 1
    session.choose(preview, 1)
    first = next(session.propagate())
    assert first.area == part.result.area


def test_preview_without_prompt_says_so():
    data, _ = one_disc()
    with pytest.raises(UserError, match="no prompt on frame 2"):
        session_of(data).preview(1, 2)


def test_box_and_mask_prompts():
    data, path = one_disc()
    y, x = path[0]
    box = BoxPrompt(1, 0, (y - 8, x - 8), (y + 9, x + 9))
    mask = MaskPrompt.of(2, 5, data[5] > 100)
    session = session_of(data, [box, mask], settings=FULL)
    list(session.propagate())
    for frame in range(6):
        truth = data[frame] > 100
        for object_id in (1, 2):
            record = session.masks.get(object_id, (frame,))
            found = np.zeros(truth.shape, bool)
            found[record.window.slices] = record.crop.logits > 0
            assert iou(found, truth) > 0.8


def test_accepted_masks_stand_and_locked_ones_condition():
    data, path = one_disc()
    session = session_of(data, [click(1, 0, path)], settings=FULL)
    list(session.propagate())
    before = session.masks.get(1, (4,))
    assert session.lock(1, [4]) == 1
    assert session.accept(1, [1, 2]) == 2
    results = list(session.propagate())
    assert session.masks.get(1, (4,)).payload == before.payload
    assert session.masks.get(1, (4,)).status is MaskStatus.LOCKED
    assert session.masks.get(1, (1,)).status is MaskStatus.ACCEPTED
    assert {r.frame for r in results if r.origin is MaskOrigin.PROMPT} == {0, 4}
    assert session.reopen(1) == 2
    assert session.unlock(1) == 1


def test_delete_shows_what_lies_underneath():
    data, _ = one_disc()
    whole = MaskPrompt.of(1, 0, np.ones(data.shape[1:], bool))
    disc = MaskPrompt.of(2, 0, data[0] > 100)
    session = session_of(data, [whole, disc], settings=FULL)
    session.preview(1, 0)
    session.preview(2, 0)
    session.accept(2)
    assert 2 in session.labels.read((0,))
    session.delete_object(2)
    assert np.all(session.labels.read((0,)) == 1)
    assert session.prompts.objects() == (1,)
    assert 2 not in session.objects


def test_correction_starts_from_the_tracked_mask():
    data, path = one_disc()
    session = session_of(data, [click(1, 0, path)], settings=FULL)
    list(session.propagate())
    session.prompts.add(PointPrompt(1, 3, tuple(path[3])))
    tracked = session.result(1, 3)
    prompts = session._resolver.resolve(1, 3)
    np.testing.assert_array_equal(prompts.previous.logits, tracked.crop.logits)
    session.preview(1, 3)
    assert session._resolver.resolve(1, 3).previous is not None
    assert [r.frame for r in session.propagate() if r.origin is MaskOrigin.PROMPT] == [0, 3]


def test_nothing_to_propagate():
    data, path = one_disc()
    with pytest.raises(UserError, match="No object has a prompt"):
        session_of(data).propagate()
    session = session_of(data, [click(1, 5, path)])
    with pytest.raises(UserError, match="Object 1 has no prompt"):
        session.propagate(PropagationRequest(objects=(1,), frames=(0, 3)))
    with pytest.raises(UserError, match="reaches beyond"):
        session.propagate(PropagationRequest(frames=(0, 7)))


def test_a_track_ends_in_depth_but_not_in_time():
    path = straight((40, 40), (0, 0), 20)
    path[8:] = np.nan
    data = movie((96, 96), [path])
    depth = session_of(data, [click(1, 0, path)], along="z", settings=FULL)
    results = list(depth.propagate())
    assert [r.frame for r in results] == list(range(20))
    assert all(r.area == 0 for r in results[8:])
    assert depth.predictor.calls["track"] == 10
    time = session_of(data, [click(1, 0, path)], along="t", settings=FULL)
    list(time.propagate())
    assert time.predictor.calls["track"] == 19


def test_events_report_progress_and_results():
    data, path = one_disc()
    session = session_of(data, [click(1, 2, path)], settings=FULL)
    progress, results = [], []
    session.events.progress.connect(lambda done, total: progress.append((done, total)))
    session.events.result.connect(results.append)
    list(session.propagate())
    assert progress[-1] == (7, 7)
    assert len(results) == 6


def test_editing_while_a_worker_propagates():
    data, path = one_disc(30)
    session = session_of(data, [click(1, 0, path)], settings=FULL)
    worker = threading.Thread(target=lambda: list(session.propagate()))
    worker.start()
    session.prompts.add(click(2, 5, path))
    for _ in range(10):
        session.preview(2, 5)
        session.labels.read((5,))
    worker.join()
    assert len(session.masks.indices(1)) == 30


def test_refine_looks_closer():
    data, path = one_disc()
    session = session_of(data, [click(1, 0, path)], settings=FULL)
    list(session.propagate())
    refined = session.refine(1, 3)
    assert refined.view is not None
    assert iou(session.labels.read((3,)) == 1, data[3] > 100) > 0.8
    with pytest.raises(UserError, match="no mask"):
        session.refine(2, 3)


def test_group_size_bounds_a_model_call():
    paths = [straight((20, 20 + 25 * i), (1, 0), 3) for i in range(5)]
    data = movie((64, 160), paths)
    predictor = FakePredictor()
    session = session_of(
        data,
        [click(i + 1, 0, p) for i, p in enumerate(paths)],
        predictor=predictor,
        settings=SessionSettings(view=ViewPolicy.parse("full"), group_size=2),
    )
    list(session.propagate())
    assert predictor.calls["track"] == 10
    assert predictor.calls["track calls"] == 6


def test_prompts_that_change_during_a_run_do_not_touch_it():
    data, path = one_disc(12)
    session = session_of(data, [click(1, 0, path), click(1, 9, path)], settings=FULL)
    stream = session.propagate()
    session.prompts.clear()
    assert sorted(r.frame for r in stream if r.final) == list(range(12))


@pytest.mark.parametrize("view", ["auto", "zoom"])
def test_correction_far_from_a_drifted_mask(view):
    there = straight((60, 60), (0, 1), 6)
    elsewhere = straight((420, 400), (0, 1), 6)
    data = movie((512, 512), [there, elsewhere])
    settings = SessionSettings(view=ViewPolicy.parse(view))
    session = session_of(data, [click(1, 0, there)], settings=settings)
    list(session.propagate())
    session.prompts.add(click(1, 3, elsewhere))
    preview = session.preview(1, 3)
    y, x = elsewhere[3]
    assert preview.result.crop.window.contains(Window(int(y), int(x), int(y) + 1, int(x) + 1))
    found = {r.frame: r for r in session.propagate() if r.final}
    y0, x0 = found[4].crop.window.offset
    assert abs(y0 - elsewhere[4][0]) < 30
    assert abs(x0 - elsewhere[4][1]) < 30


@pytest.mark.parametrize(("cover", "winner"), [(False, 1), (True, 2)])
def test_accepted_objects_keep_their_pixels_unless_asked(cover, winner):
    data, _ = one_disc()
    left, right = np.zeros((2, *data.shape[1:]), bool)
    left[10:30, 10:30] = True
    right[10:30, 20:40] = True
    masks = [MaskPrompt.of(1, 0, left), MaskPrompt.of(2, 0, right)]
    session = session_of(data, masks, settings=FULL)
    for object_id in (1, 2):
        session.preview(object_id, 0)
        session.accept(object_id, cover=cover)
    labels = session.labels.read((0,))
    assert np.all(labels[left & right] == winner)
    assert np.all(labels[left & ~right] == 1)
    assert np.all(labels[right & ~left] == 2)
    assert session.masks.get(3 - winner, (0,)).area == 200
    assert {row.object_id: row.area for row in session.scores} == {winner: 400, 3 - winner: 200}


def test_locked_objects_are_not_covered_even_if_asked():
    data, _ = one_disc()
    square = np.zeros(data.shape[1:], bool)
    square[10:30, 10:30] = True
    session = session_of(
        data, [MaskPrompt.of(number, 0, square) for number in (1, 2)], settings=FULL
    )
    session.preview(1, 0)
    session.lock(1)
    session.preview(2, 0)
    session.accept(2, cover=True)
    assert np.all(session.labels.read((0,))[square] == 1)
    assert session.masks.get(2, (0,)).area == 0
