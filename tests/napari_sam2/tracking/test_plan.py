from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.tracking.plan import (
    GrowingRun,
    PropagationDirection,
    PropagationRequest,
    Role,
    make_plan,
)

N_FRAMES = 24

prompted = st.dictionaries(
    st.integers(1, 5),
    st.sets(st.integers(0, N_FRAMES - 1), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)
spans = st.tuples(st.integers(0, N_FRAMES - 1), st.integers(1, N_FRAMES)).filter(
    lambda span: span[0] < span[1]
)


def shown(plan):
    return [
        (task.object_id, frame, task.final)
        for sweep in plan.sweeps
        for frame in sweep.frames
        for task in sweep.tasks(frame)
        if task.shown
    ]


@given(prompted, spans, st.sampled_from(PropagationDirection))
def test_each_frame_is_final_exactly_once(prompts, span, ways):
    try:
        plan = make_plan(PropagationRequest(direction=ways, frames=span), prompts, N_FRAMES)
    except UserError:
        assert not any(span[0] <= f < span[1] for frames in prompts.values() for f in frames)
        return
    final = Counter((object_id, frame) for object_id, frame, done in shown(plan) if done)
    assert set(final.values()) == {1}
    for object_id, frames in prompts.items():
        inside = [f for f in frames if span[0] <= f < span[1]]
        if not inside:
            expected = set()
        elif ways is PropagationDirection.BOTH:
            expected = set(range(*span))
        elif ways is PropagationDirection.FORWARD:
            expected = set(range(min(inside), span[1]))
        else:
            expected = set(range(span[0], max(inside) + 1))
        assert {frame for o, frame in final if o == object_id} == expected


@given(prompted)
def test_drafts_are_exactly_the_gaps_and_come_before_their_blend(prompts):
    plan = make_plan(PropagationRequest(), prompts, N_FRAMES)
    order = shown(plan)
    for object_id, frames in prompts.items():
        gap = set(range(min(frames), max(frames))) - frames
        drafts = [frame for o, frame, final in order if o == object_id and not final]
        assert drafts == sorted(gap)
        for frame in drafts:
            assert order.index((object_id, frame, False)) < order.index((object_id, frame, True))


@given(prompted)
def test_a_task_conditions_exactly_on_prompted_frames(prompts):
    plan = make_plan(PropagationRequest(), prompts, N_FRAMES)
    for sweep in plan.sweeps:
        for frame in sweep.frames:
            for task in sweep.tasks(frame):
                assert (task.role is Role.CONDITION) == (frame in prompts[task.object_id])


def test_frames_rise_forward_and_fall_backward():
    plan = make_plan(PropagationRequest(frames=(2, 9)), {1: [5], 2: [3, 6]}, N_FRAMES)
    forward, backward = plan.sweeps
    assert list(forward.frames) == [3, 4, 5, 6, 7, 8]
    assert list(backward.frames) == [6, 5, 4, 3, 2]
    assert forward.direction is MaskOrigin.FORWARD
    assert plan.n_steps == 11
    assert list(plan.steps())[:2] == [(0, 3), (0, 4)]


def test_no_backward_sweep_where_it_adds_nothing():
    plan = make_plan(PropagationRequest(), {1: [0], 2: [0, 1]}, N_FRAMES)
    assert len(plan.sweeps) == 1


def test_only_the_objects_asked_for():
    plan = make_plan(PropagationRequest(objects=(2,)), {1: [0], 2: [0]}, N_FRAMES)
    assert set(plan.sweeps[0].conditioning) == {2}


def test_objects_without_a_prompt_in_the_range():
    plan = make_plan(PropagationRequest(frames=(0, 5)), {1: [2], 2: [9]}, N_FRAMES)
    assert set(plan.sweeps[0].conditioning) == {1}
    with pytest.raises(UserError, match="Object 2 has no prompt"):
        make_plan(PropagationRequest(objects=(1, 2), frames=(0, 5)), {1: [2], 2: [9]}, N_FRAMES)


@pytest.mark.parametrize("span", [(3, 3), (5, 2), (-1, 4)])
def test_empty_range(span):
    with pytest.raises(UserError, match="empty"):
        PropagationRequest(frames=span)


def test_tracks_of_a_growing_run_end_backward_only():
    request = PropagationRequest(growing=GrowingRun("run", last=True))
    plan = make_plan(request, {1: (0,), 2: (5,)}, N_FRAMES)
    assert [(sweep.direction, sweep.ends) for sweep in plan.sweeps] == [
        (MaskOrigin.FORWARD, False),
        (MaskOrigin.BACKWARD, True),
    ]
