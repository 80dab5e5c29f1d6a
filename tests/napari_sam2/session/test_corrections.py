"""Corrections stay local: only the frames between the neighboring prompts and locks change."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.view import ViewPolicy
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.objects import SegmentedObject
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import click, movie, session_of, straight

FULL = SessionSettings(view=ViewPolicy.parse("full"))
PATHS = [straight((20, 20), (0, 1), 40), straight((45, 20), (0, 1), 40)]
DATA = movie((64, 80), PATHS)


def stored(session, object_id):
    """Return the masks of an object by plane: pixels, scores, origin and status."""
    indices = session.masks.indices(object_id)
    return {index: session.masks.get(object_id, index) for index in indices}


def changed_frames(before, after):
    return sorted(i[0] for i in {*before, *after} if before.get(i) != after.get(i))


def tracked_session(*prompts, predictor=None):
    session = session_of(DATA, list(prompts), predictor=predictor, settings=FULL)
    list(session.propagate())
    return session


def nearby(object_id, frame):
    """Return a click on another pixel of the disc than its center."""
    y, x = PATHS[object_id - 1][frame]
    return PointPrompt(object_id, frame, (y + 1, x + 1))


def test_one_frame_of_a_long_track_with_locks():
    path = straight((20, 20), (0, 0.2), 200)
    other = straight((45, 20), (0, 0.2), 200)
    predictor = FakePredictor()
    prompts = [click(1, 0, path), click(2, 0, other)]
    session = session_of(
        movie((64, 80), [path, other]), prompts, predictor=predictor, settings=FULL
    )
    list(session.propagate())
    session.lock(1, [50, 100, 150])
    assert session.correction(1) is None
    before = {o: stored(session, o) for o in (1, 2)}
    session.prompts.add(click(1, 75, path))
    session.preview(1, 75)
    assert session.correction(1).frames.ranges == ((51, 100),)
    assert session.correction(1).n_frames == 49
    predictor.tracked.clear()
    results = list(session.propagate_correction(1))
    assert {r.object_id for r in results} == {1}
    assert {r.frame for r in results} == set(range(51, 100))
    assert len({frame for frame, _ in predictor.tracked}) == 48
    assert {frame for frame, _ in predictor.tracked} == set(range(51, 100)) - {75}
    assert set(changed_frames(before[1], stored(session, 1))) <= set(range(51, 100))
    assert stored(session, 2) == before[2]
    assert session.correction(1) is None


def test_the_first_propagation_of_an_object_is_a_whole_one():
    whole = tracked_session(click(1, 5, PATHS[0]), click(1, 30, PATHS[0]))
    session = session_of(DATA, [click(1, 5, PATHS[0]), click(1, 30, PATHS[0])], settings=FULL)
    assert session.correction(1).n_frames == 40
    list(session.propagate_correction(1))
    assert stored(session, 1) == stored(whole, 1)


def test_nothing_to_compute_is_refused():
    session = tracked_session(click(1, 0, PATHS[0]))
    with pytest.raises(UserError, match="up to date"):
        session.propagate_correction(1)
    with pytest.raises(UserError, match="no prompt"):
        session.propagate_correction(2)


def test_a_removed_prompt_and_its_return():
    prompts = [click(1, f, PATHS[0]) for f in (0, 10, 20)]
    session = tracked_session(*prompts)
    before = stored(session, 1)
    session.prompts.remove(prompts[1])
    assert session.correction(1).frames.ranges == ((1, 20),)
    session.prompts.add(prompts[1])
    assert session.correction(1) is None
    session.prompts.remove(prompts[1])
    list(session.propagate_correction(1))
    assert session.correction(1) is None
    assert set(changed_frames(before, stored(session, 1))) <= set(range(1, 20))


def test_a_stopped_run_leaves_the_rest_to_do():
    session = session_of(DATA, [click(1, 0, PATHS[0]), click(1, 20, PATHS[0])], settings=FULL)
    for result in session.propagate_correction(1):
        if result.frame == 30:
            session.cancel()
    assert session.run.cancelled
    # Frames 1 to 19 have drafts only, and 31 and later nothing.
    assert session.correction(1).frames.ranges == ((1, 20), (21, 40))
    session.lock(1, [30])
    assert session.correction(1).frames.ranges == ((1, 20), (31, 40))
    list(session.propagate_correction(1))
    assert session.correction(1) is None


def test_a_stopped_correction_leaves_its_gap_to_do():
    session = tracked_session(click(1, 0, PATHS[0]), click(1, 20, PATHS[0]))
    session.prompts.add(nearby(1, 30))
    for result in session.propagate_correction(1):
        if result.frame == 32:
            session.cancel()
    assert session.correction(1).frames.ranges[-1][1] == 40
    list(session.propagate_correction(1))
    assert session.correction(1) is None


def test_prompts_that_change_during_a_run_are_left_to_do():
    session = session_of(DATA, [click(1, 0, PATHS[0])], settings=FULL)
    stream = session.propagate_correction(1)
    next(stream)
    session.prompts.add(nearby(1, 20))
    list(stream)
    assert session.correction(1).frames.ranges == ((1, 40),)


def test_a_propagation_of_a_part_leaves_the_rest_to_do():
    session = session_of(DATA, [click(1, 10, PATHS[0])], settings=FULL)
    part = PropagationRequest(frames=(5, 15))
    list(session.propagate_correction(1, part))
    assert session.correction(1, part) is None
    assert session.correction(1).frames.ranges == ((0, 10), (11, 40))
    session = session_of(DATA, [click(1, 10, PATHS[0])], settings=FULL)
    list(session.propagate(PropagationRequest(direction=PropagationDirection.FORWARD)))
    assert session.correction(1).frames.ranges == ((0, 10),)


def test_a_chosen_candidate_is_a_change():
    session = tracked_session(click(1, 0, PATHS[0]), click(1, 20, PATHS[0]))
    session.choose(session.preview(1, 20), 1)
    assert session.correction(1).frames.ranges == ((1, 40),)


def test_unlocking_changes_nothing_by_itself():
    session = tracked_session(click(1, 0, PATHS[0]))
    session.lock(1, [10])
    session.unlock(1, [10])
    assert session.correction(1) is None
    session.lock(1, [10])
    session.prompts.add(nearby(1, 15))
    list(session.propagate_correction(1))
    session.unlock(1)
    assert session.correction(1) is None


def test_deleted_masks_are_computed_again():
    session = tracked_session(click(1, 0, PATHS[0]), click(1, 20, PATHS[0]))
    session.delete_masks(1, [7])
    assert session.correction(1).frames.ranges == ((1, 20),)


@pytest.mark.parametrize("view", ["full", "zoom", "auto"])
def test_the_gap_is_blended_from_both_sides(view):
    settings = SessionSettings(view=ViewPolicy.parse(view))
    prompts = [click(1, f, PATHS[0]) for f in (0, 10, 20)]
    session = session_of(DATA, prompts, settings=settings)
    list(session.propagate())
    session.prompts.add(nearby(1, 15))
    results = list(session.propagate_correction(1))
    assert [r.frame for r in results if not r.final] == [11, 12, 13, 14, 16, 17, 18, 19]
    final = {r.frame: r.origin.value for r in results if r.final}
    assert final == {f: "prompt" if f == 15 else "blend" for f in range(11, 20)}


def test_objects_are_values_that_can_be_stored():
    session = tracked_session(click(1, 0, PATHS[0]))
    session.end_object(1, 30)
    item = session.objects[1]
    assert SegmentedObject.from_json(item.to_json()) == item
    assert hash(item) == hash(SegmentedObject.from_json(item.to_json()))
    assert len(dict(item.tracks)) == 1


@pytest.mark.slow
def test_the_model_keeps_other_frames_and_objects():
    from napari_sam2.inference.sam2_predictor import load_predictor

    session = session_of(
        DATA[:7],
        [click(1, 0, PATHS[0]), click(1, 3, PATHS[0]), click(2, 0, PATHS[1])],
        predictor=load_predictor("micro", "cpu"),
        settings=FULL,
    )
    list(session.propagate())
    before = {o: stored(session, o) for o in (1, 2)}
    session.prompts.add(nearby(1, 5))
    list(session.propagate_correction(1))
    assert set(changed_frames(before[1], stored(session, 1))) <= set(range(4, 7))
    assert stored(session, 2) == before[2]
    assert np.any(session.labels.read((6,)) == 1)
