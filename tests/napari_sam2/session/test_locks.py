"""Locked masks never change, and objects get no mask on frames where the user ended them."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.images.view import ViewPolicy
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.scenes import click, movie, session_of, straight

FULL = SessionSettings(view=ViewPolicy.parse("full"))
N_FRAMES = 10
PATHS = [straight((20, 14), (0, 1), N_FRAMES), straight((26, 22), (0, 1), N_FRAMES)]
DATA = movie((40, 48), PATHS)


def tracked_session(*prompts, along="t", data=DATA):
    session = session_of(data, list(prompts), settings=FULL, along=along)
    list(session.propagate())
    return session


def frames_of(session, object_id):
    return [index[0] for index in session.masks.indices(object_id)]


def locked_masks(session):
    return {
        (info.object_id, info.index): session.masks.get(info.object_id, info.index)
        for info in session.masks.infos()
        if info.status is MaskStatus.LOCKED
    }


def pixels(masks):
    return sorted((index, mask.window, mask.payload) for (_, index), mask in masks.items())


def test_every_change_of_a_locked_mask_is_refused_with_advice():
    session = tracked_session(click(1, 0, PATHS[0]), click(1, 6, PATHS[0]))
    preview = session.preview(1, 6)
    session.lock(1, [6])
    before = locked_masks(session)
    for change in (
        lambda: session.preview(1, 6),
        lambda: session.choose(preview, 1),
        lambda: session.refine(1, 6),
        lambda: session.clear(1, [5, 6]),
        lambda: session.end_object(1, 3),
        lambda: session.begin_object(1, 8),
    ):
        with pytest.raises(UserError, match=r"locked on frame 6.*[Uu]nlock"):
            change()
    assert locked_masks(session) == before
    assert session.unlock(1, [6]) == 1
    assert session.preview(1, 6).result.area


def test_accepting_and_reopening_keep_locks():
    session = tracked_session(click(1, 0, PATHS[0]))
    session.lock(1, [4])
    assert session.accept(1) == N_FRAMES - 1
    assert session.locked(1) == (4,)
    assert session.reopen(1) == N_FRAMES - 1
    assert session.locked(1) == (4,)


def test_a_lock_without_a_mask_is_refused():
    session = tracked_session(click(1, 0, PATHS[0]))
    with pytest.raises(UserError, match="no mask to lock"):
        session.lock(2)
    session.delete_masks(1, [3])
    with pytest.raises(UserError, match="no mask on frame 3 to lock"):
        session.lock(1, [3])
    assert session.lock(1, [3, 4]) == 1


def test_a_locked_empty_mask_stays_and_does_not_end_the_track():
    path = PATHS[0].copy()
    path[4] = np.nan
    session = tracked_session(click(1, 0, path), data=movie((40, 48), [path]))
    assert session.result(1, 4).area == 0
    session.lock(1, [4])
    session.prompts.add(PointPrompt(1, 2, tuple(PATHS[0][2])))
    results = list(session.propagate_correction(1))
    assert session.result(1, 4).area == 0
    assert all(r.area for r in results if r.frame != 4)
    assert 4 not in [r.frame for r in results]


def test_the_end_and_the_begin_of_an_object_last():
    session = tracked_session(click(1, 4, PATHS[0]), click(2, 4, PATHS[1]))
    other = frames_of(session, 2)
    session.end_object(1, 6)
    session.begin_object(1, 2)
    assert frames_of(session, 1) == [2, 3, 4, 5, 6]
    assert session.absent(1) == FrameRanges(((0, 2), (7, N_FRAMES)))
    assert not np.any(session.labels.read((8,)) == 1)
    assert session.correction(1) is None
    list(session.propagate())
    assert frames_of(session, 1) == [2, 3, 4, 5, 6]
    assert frames_of(session, 2) == other


def test_a_later_end_opens_the_frames_between():
    session = tracked_session(click(1, 4, PATHS[0]))
    session.end_object(1, 5)
    session.end_object(1, 7)
    assert frames_of(session, 1) == list(range(6))
    assert session.correction(1).frames.ranges == ((5, 8),)
    list(session.propagate_correction(1))
    assert frames_of(session, 1) == list(range(8))
    session.clear_extent(1)
    list(session.propagate_correction(1))
    assert frames_of(session, 1) == list(range(N_FRAMES))


def test_a_cleared_range_stays_empty_until_it_is_prompted():
    session = tracked_session(click(1, 0, PATHS[0]))
    session.clear(1, range(3, 6))
    session.prompts.add(click(1, 8, PATHS[0]))
    list(session.propagate_correction(1))
    assert frames_of(session, 1) == [0, 1, 2, 6, 7, 8, 9]
    session.prompts.add(click(1, 4, PATHS[0]))
    list(session.propagate_correction(1))
    assert frames_of(session, 1) == [0, 1, 2, 4, 6, 7, 8, 9]
    assert session.absent(1) == FrameRanges.of([3, 5])


def test_prompts_beyond_an_end_must_be_removed_first():
    session = tracked_session(click(1, 0, PATHS[0]), click(1, 8, PATHS[0]))
    with pytest.raises(UserError, match="prompts on frame 8"):
        session.end_object(1, 5)
    assert frames_of(session, 1) == list(range(N_FRAMES))


def test_an_end_during_a_run_is_obeyed():
    session = session_of(DATA, [click(1, 0, PATHS[0])], settings=FULL)
    for result in session.propagate():
        if result.frame == 3:
            session.end_object(1, 4)
    assert frames_of(session, 1) == [0, 1, 2, 3, 4]
    session.clear_extent(1)
    assert session.correction(1) is not None


def test_a_lock_during_a_run_is_obeyed():
    session = session_of(DATA, [click(1, 0, PATHS[0]), click(1, 9, PATHS[0])], settings=FULL)
    for result in session.propagate():
        if result.frame == 8 and not result.final:
            session.lock(1, [5])
            before = locked_masks(session)
    assert locked_masks(session) == before
    assert len(before) == 1


def square(object_id, frame, y, x):
    mask = np.zeros(DATA.shape[1:], bool)
    mask[y : y + 6, x : x + 6] = True
    return MaskPrompt.of(object_id, frame, mask)


ids, frames = st.integers(1, 2), st.integers(0, N_FRAMES - 1)
edits = st.one_of(
    st.tuples(st.sampled_from(["click", "outside", "box", "paint", "unprompt"]), ids, frames),
    st.tuples(st.sampled_from(["accept", "cover", "reopen", "run", "refine track"]), ids, frames),
    st.tuples(st.sampled_from(["end", "begin", "clear", "correct", "refine"]), ids, frames),
    st.tuples(st.sampled_from(["lock", "merge"]), ids, frames),
)


def apply(session, kind, object_id, frame):
    y, x = PATHS[object_id - 1][frame]
    prompts = {
        "click": PointPrompt(object_id, frame, (y, x)),
        "outside": PointPrompt(object_id, frame, (y + 3, x), 0),
        "box": BoxPrompt(object_id, frame, (y - 7, x - 7), (y + 8, x + 8)),
        "paint": square(object_id, frame, int(y), int(x)),
    }
    if kind in prompts:
        session.prompts.set(object_id, frame, [prompts[kind]])
        session.preview(object_id, frame)
        return
    {
        "unprompt": lambda: session.prompts.clear(object_id, frame),
        "accept": lambda: session.accept(object_id),
        "cover": lambda: session.accept(object_id, cover=True),
        "reopen": lambda: session.reopen(object_id),
        "run": lambda: list(session.propagate(PropagationRequest(frames=(0, frame + 1)))),
        "refine track": lambda: list(session.refine_track([object_id])),
        "end": lambda: session.end_object(object_id, frame),
        "begin": lambda: session.begin_object(object_id, frame),
        "clear": lambda: session.clear(object_id, range(frame, frame + 2)),
        "correct": lambda: list(session.propagate_correction(object_id)),
        "refine": lambda: session.refine(object_id, frame),
        "lock": lambda: session.lock(object_id, [frame]),
        "merge": lambda: session.merge(3 - object_id, object_id),
    }[kind]()


@settings(max_examples=20, deadline=None)
@given(st.lists(edits, min_size=4, max_size=14))
def test_no_sequence_of_edits_and_runs_changes_a_locked_mask(sequence):
    session = session_of(DATA, [click(1, 0, PATHS[0]), click(2, 5, PATHS[1])], settings=FULL)
    list(session.propagate())
    session.lock(1, [4])
    locked = locked_masks(session)
    for kind, object_id, frame in sequence:
        other = 3 - object_id
        before = {i: session.masks.get(other, i).payload for i in session.masks.indices(other)}
        with suppress(UserError, IndexError):
            apply(session, kind, object_id, frame)
        now = locked_masks(session)
        if kind == "merge":
            # They have the id of the other object from then on.
            assert pixels(now) == pixels(locked)
            locked = now
            continue
        assert {key: now.get(key) for key in locked} == locked
        locked = now
        if kind not in ("run", "cover"):
            after = {i: session.masks.get(other, i).payload for i in session.masks.indices(other)}
            assert after == before


def test_objects_are_not_merged_where_a_locked_mask_would_change():
    session = tracked_session(click(1, 0, PATHS[0]), click(2, 0, PATHS[1]))
    session.lock(1, [4, 5])
    for source, target in ((1, 2), (2, 1)):
        with pytest.raises(UserError, match="Object 1 is locked on frames 4 to 5, where object 2"):
            session.merge(source, target)
    session.unlock(1)
    session.merge(2, 1)
    assert 2 not in session.objects
