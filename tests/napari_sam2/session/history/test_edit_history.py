"""Undo and redo: any edits, then all undone, give the first state; redone, the last one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.images.view import ViewPolicy
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.scenes import movie, session_of, straight
from tests.helpers.session_states import state_of

FRAMES = 4
PATHS = [straight((16, 16), (1, 2), FRAMES), straight((44, 40), (-1, 1), FRAMES)]
MOVIE = movie((64, 72), PATHS, radius=5)
FULL = SessionSettings(view=ViewPolicy.parse("full"))
"""A view in which masks can be refined."""


def click(session: SegmentationSession, object_id: int, frame: int) -> None:
    y, x = PATHS[object_id - 1][frame]
    with session.history.step(f"Click on object {object_id}"):
        session.prompts.set(object_id, frame, [PointPrompt(object_id, frame, (y, x))])
        session.preview(object_id, frame)


def clicked(*objects: int) -> SegmentationSession:
    session = session_of(MOVIE)
    for object_id in objects:
        click(session, object_id, 0)
    return session


def propagate(session: SegmentationSession, *objects: int) -> None:
    for _ in session.propagate(PropagationRequest(objects or None)):
        pass


def test_a_run_is_one_step_and_names_its_object() -> None:
    session = clicked(1)
    before = state_of(session)
    propagate(session, 1)
    after = state_of(session)
    step = session.history.undo()
    assert step is not None
    assert step.title == "Propagate object 1"
    assert step.planes == {(frame,) for frame in range(FRAMES)}
    assert state_of(session) == before
    assert session.history.redo() is not None
    assert state_of(session) == after


def test_the_description_names_the_place_of_a_click() -> None:
    session = clicked(1)
    click(session, 2, 3)
    step = session.history.undo()
    assert step is not None
    assert (step.title, step.place.object_id, step.place.index) == ("Click on object 2", 2, (3,))
    assert step.where == "click on object 2, frame 3"


def test_a_run_under_way_cannot_be_undone_but_later_steps_can() -> None:
    session = clicked(1)
    run = session.propagate(PropagationRequest((1,)))
    next(run)
    next(run)
    click(session, 2, 0)
    assert session.history.undo() is not None
    with pytest.raises(UserError, match="'Propagate object 1' is still running"):
        session.history.undo()
    run.close()
    assert session.history.undo() is not None
    assert session.history.undo_title == "Click on object 1"


def test_a_run_that_ends_after_a_later_click_is_undone_in_order() -> None:
    session = clicked(1)
    before = state_of(session)
    run = session.propagate(PropagationRequest((1,)))
    next(run)
    click(session, 1, 2)
    list(run)
    titles = []
    while session.history.undo_title != "Click on object 1" or len(session.history) > 1:
        titles.append(session.history.undo_title)
        session.history.undo()
    assert len(titles) == len(set(titles))
    assert titles[0] == "Propagate object 1, continued"
    assert state_of(session) == before


def test_a_mask_that_comes_later_belongs_to_its_click() -> None:
    session = clicked()
    first = state_of(session)
    with session.history.step("Click on object 1") as action:
        session.prompts.add(PointPrompt(1, 0, tuple(PATHS[0][0])))
    click(session, 2, 1)
    with session.history.join(action):
        session.preview(1, 0)
    assert len(session.history) == 2
    session.history.undo()
    session.history.undo()
    assert state_of(session) == first


def test_a_mask_that_was_never_computed_is_awaited_again_after_undo() -> None:
    session = clicked()
    with session.history.step("Click on object 1"):
        session.prompts.add(PointPrompt(1, 0, tuple(PATHS[0][0])))
    click(session, 1, 0)
    assert not session.prompts.predictions.get(1, 0).awaited
    session.history.undo()
    assert session.result(1, 0) is None
    assert session.prompts.predictions.get(1, 0).awaited


def test_a_mask_of_earlier_prompts_is_not_stored() -> None:
    session = clicked()
    session.prompts.add(PointPrompt(1, 0, tuple(PATHS[0][0])))
    usual = session.predictor.predict

    def change(*args: Any) -> Any:
        session.prompts.clear(1)
        return usual(*args)

    session.predictor.predict = change  # type: ignore[method-assign]
    session.preview(1, 0)
    assert session.result(1, 0) is None


def test_a_new_step_ends_redo_and_the_oldest_steps_are_dropped() -> None:
    session = session_of(MOVIE, history=EditHistory(limit=3))
    for _ in range(5):
        session.add_object()
    history = session.history
    assert len(history) == 3
    history.undo()
    assert history.redo_title is not None
    session.rename(1, "first")
    assert history.redo_title is None
    while history.undo() is not None:
        pass
    assert [item.name for item in session.objects] == ["object 1", "object 2"]


def test_nothing_is_recorded_without_room() -> None:
    session = session_of(MOVIE, history=EditHistory(limit=0))
    session.add_object()
    assert session.history.undo() is None
    assert len(session.objects) == 1


def test_labels_scores_and_locks_follow() -> None:
    session = clicked(1)
    propagate(session)
    labels = np.asarray(session.labels.array[...]).copy()
    session.lock(1, [2])
    session.delete_object(1)
    assert not np.asarray(session.labels.array[...]).any()
    assert len(session.scores) == 0
    session.history.undo()
    np.testing.assert_array_equal(session.labels.array[...], labels)
    assert len(session.scores) == FRAMES
    assert session.masks.get(1, (2,)).status is MaskStatus.LOCKED
    session.history.undo()
    assert session.masks.get(1, (2,)).status is MaskStatus.FINAL


def test_merging_unites_masks_and_reports_what_it_drops() -> None:
    session = clicked(1, 2)
    session.prompts.set(1, 2, [MaskPrompt(1, 2, np.ones((4, 4)))])
    session.prompts.set(2, 2, [MaskPrompt(2, 2, np.ones((5, 5)))])
    before = state_of(session)
    both = session.labels.read((0,)) > 0
    dropped = session.merge(2, 1)
    assert [(p.object_id, p.frame) for p in dropped] == [(2, 2)]
    np.testing.assert_array_equal(session.labels.read((0,)) == 1, both)
    assert 2 not in session.objects
    assert len(session.prompts.get(1, 0)) == 2
    session.history.undo()
    assert state_of(session) == before
    with pytest.raises(UserError, match="itself"):
        session.merge(1, 1)
    with pytest.raises(UserError, match="There is no object 7"):
        session.merge(7, 1)


def _box(session: SegmentationSession, object_id: int, frame: int) -> None:
    y, x = PATHS[object_id - 1][frame]
    box = BoxPrompt(object_id, frame, (y - 8, x - 8), (y + 8, x + 8))
    session.prompts.set(object_id, frame, [box])
    session.preview(object_id, frame)


def _outside(session: SegmentationSession, object_id: int, frame: int) -> None:
    y, x = PATHS[object_id - 1][frame]
    session.prompts.set(object_id, frame, [PointPrompt(object_id, frame, (y + 4, x), 0)])
    session.preview(object_id, frame)


def _paint(session: SegmentationSession, object_id: int, frame: int) -> None:
    session.prompts.set(object_id, frame, [MaskPrompt(object_id, frame, np.ones((6, 5)), (9, 9))])
    session.preview(object_id, frame)


def _candidate(session: SegmentationSession, object_id: int, frame: int) -> None:
    if session.prompts.get(object_id, frame):
        session.choose(session.preview(object_id, frame), 1)


def _propagate(session: SegmentationSession, object_id: int, frame: int) -> None:
    if session.prompts.frames(object_id):
        propagate(session, object_id)


def _stop(session: SegmentationSession, object_id: int, frame: int) -> None:
    if session.prompts.frames(object_id):
        for _ in session.propagate(PropagationRequest((object_id,))):
            session.cancel()


def _merge(session: SegmentationSession, object_id: int, frame: int) -> None:
    if {1, 2} <= {item.id for item in session.objects}:
        session.merge(3 - object_id, object_id)


def _object(edit: Any) -> Any:
    def work(session: SegmentationSession, object_id: int, frame: int) -> None:
        if object_id in session.objects:
            edit(session, object_id, frame)

    return work


def _daughter(session: SegmentationSession, object_id: int, frame: int) -> None:
    session.set_parent(object_id, 3 - object_id if frame else None)


EDITS = {
    "parent": _object(_daughter),
    "divide": _object(lambda s, o, f: s.divide(o, f)),
    "click": click,
    "box": _box,
    "paint": _paint,
    "candidate": _candidate,
    "propagate": _propagate,
    "stopped run": _stop,
    "merge": _merge,
    "add": lambda s, o, f: s.add_object("new"),
    "rename": _object(lambda s, o, f: s.rename(o, f"name {f}")),
    "class": _object(lambda s, o, f: s.set_class(o, f"class {f}")),
    "hide": _object(lambda s, o, f: s.hide(o, bool(f % 2))),
    "accept": lambda s, o, f: s.accept(o, cover=bool(f % 2)),
    "lock": lambda s, o, f: s.lock(o, [f]),
    "reopen": lambda s, o, f: s.reopen(o),
    "unlock": lambda s, o, f: s.unlock(o, [f]),
    "clear": lambda s, o, f: s.clear(o, [f]),
    "end": lambda s, o, f: s.end_object(o, f),
    "begin": lambda s, o, f: s.begin_object(o, f),
    "clear the extent": lambda s, o, f: s.clear_extent(o),
    "delete masks": lambda s, o, f: s.delete_masks(o, [f]),
    "correct": lambda s, o, f: list(s.propagate_correction(o)),
    "outside": _outside,
    "refine": lambda s, o, f: s.refine(o, f),
    "refine track": lambda s, o, f: list(s.refine_track([o])),
    "withdraw": lambda s, o, f: s.prompts.clear(o, f),
    "delete": lambda s, o, f: s.delete_object(o),
}


def edit(session: SegmentationSession, kind: str, object_id: int, frame: int) -> None:
    """Make an edit; one that the session refuses changes nothing."""
    with suppress(UserError):
        EDITS[kind](session, object_id, frame)


EDIT = st.tuples(st.sampled_from(sorted(EDITS)), st.integers(1, 2), st.integers(0, FRAMES - 1))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=st.lists(EDIT, min_size=1, max_size=8), data=st.data())
def test_undo_all_is_the_first_state_and_redo_all_the_last(edits: Any, data: Any) -> None:
    session = session_of(MOVIE, settings=FULL)
    states = [state_of(session)]
    for kind, object_id, frame in edits:
        steps = len(session.history)
        edit(session, kind, object_id, frame)
        if len(session.history) > steps:
            states.append(state_of(session))
            assert data.draw(st.booleans()) or _undo_and_redo(session, states)
    last = state_of(session)
    while session.history.undo() is not None:
        pass
    assert state_of(session) == states[0]
    while session.history.redo() is not None:
        pass
    assert state_of(session) == last


def _undo_and_redo(session: SegmentationSession, states: list[Any]) -> bool:
    session.history.undo()
    session.history.redo()
    return bool(state_of(session) == states[-1])
