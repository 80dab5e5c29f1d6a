"""The memory tree: which masks continue as hypotheses, and what each attends to."""

from __future__ import annotations

import pytest

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import TrackState
from sam2_model.memory_policies.memory_tree import MemoryTree
from tests.helpers.scripted_memory import Seen, advance, entry, prompted

POLICY = MemoryTree()


def rated(*ious: float, score: float = 5.0) -> tuple[Seen, ...]:
    return tuple(Seen(iou=iou, score=score) for iou in ious)


def newest(state: TrackState, frame: int) -> list[float]:
    """Return the predicted IoU of the last frame in each hypothesis."""
    return [
        round(float(path.non_conditioning[frame].pointer[0]), 3) for path in POLICY.paths(state)
    ]


def test_a_prompt_branches_into_the_three_masks() -> None:
    state = advance(POLICY, prompted(0), FrameTime(1), [rated(0.4, 0.9, 0.6)])
    assert newest(state, 1) == [0.9, 0.6, 0.4]
    assert [h.score for h in state.hypotheses] == pytest.approx([-0.4055, -0.8109], abs=1e-3)


def test_scores_add_up_over_frames() -> None:
    state = advance(POLICY, prompted(0), FrameTime(1), [rated(0.9, 0.8, 0.2)])
    # The second hypothesis gets the better mask on the second frame: 0.8 * 0.9 > 0.9 * 0.7.
    second = [rated(0.7, 0.1, 0.1), rated(0.9, 0.1, 0.1), rated(0.1, 0.1, 0.1)]
    state = advance(POLICY, state, FrameTime(2), second)
    assert newest(state, 2)[:2] == [0.9, 0.7]
    assert newest(state, 1)[:2] == [0.8, 0.9]
    assert all(h.score <= 0 for h in state.hypotheses)


def test_certain_frames_keep_the_best_and_uncertain_ones_different_masks() -> None:
    state = advance(POLICY, prompted(0), FrameTime(1), [rated(0.9, 0.8, 0.7)])
    alike = [(0.9, 0.899, 0.3), (0.9, 0.2, 0.2), (0.6, 0.1, 0.1)]
    certain = advance(POLICY, state, FrameTime(2), [rated(*ious) for ious in alike])
    assert newest(certain, 2) == [0.9, 0.899, 0.9]
    doubtful = [rated(*ious, score=1.0) for ious in alike]
    assert newest(advance(POLICY, state, FrameTime(2), doubtful), 2) == [0.9, 0.6, 0.3]


def test_uncertain_frames_without_different_masks_keep_all_paths() -> None:
    state = advance(POLICY, prompted(0), FrameTime(1), [rated(0.9, 0.8, 0.7)])
    after = advance(POLICY, state, FrameTime(2), [rated(0.5, 0.5, 0.5, score=1.0)])
    assert newest(after, 1) == [0.9, 0.8, 0.7]


def test_a_hypothesis_without_the_object_continues_once() -> None:
    lost = rated(0.3, 0.6, 0.5, score=-5.0)
    state = advance(POLICY, prompted(0), FrameTime(1), [lost])
    assert newest(state, 1) == [0.6]
    assert state.hypotheses == ()


def test_only_reliable_frames_and_the_last_are_attended_to() -> None:
    state = prompted(0)
    for frame in range(1, 30):
        bad = rated(0.05, 0.04, 0.03) if frame in (20, 29) else rated(0.9, 0.1, 0.1)
        bad = rated(0.9, 0.8, 0.7, score=-5.0) if frame in (25, 26) else bad
        state = advance(POLICY, state, FrameTime(frame), [bad])
    selection = POLICY.select(POLICY.paths(state)[0], FrameTime(30), None)
    assert [(e.frame, slot) for e, slot in selection.spatial] == [
        *[(0, 6), (29, 0), (28, 1), (27, 2), (24, 3), (23, 4), (22, 5)]
    ]
    past = [frame for frame in range(29, 0, -1) if frame not in (20, 25, 26)][:15]
    assert [e.frame for e, _ in selection.pointers] == [0, *past]


def test_keys_of_frames_with_high_object_scores_count_more() -> None:
    state = prompted(0)
    for frame, score in enumerate((3.0, 1.0, 2.0), start=1):
        state = state.with_non_conditioning(entry(frame, Seen(score=score)))
    selection = POLICY.select(state, FrameTime(4), None)
    scales = dict(zip([e.frame for e, _ in selection.spatial], selection.key_scales, strict=False))
    assert scales == pytest.approx({0: 1.05, 1: 1.05 - 0.1 / 3, 3: 0.95 + 0.1 / 3, 2: 0.95})
    assert len(selection.key_scales) == len(selection.spatial) + len(selection.pointers)


def test_hypotheses_share_the_tensors_of_their_past() -> None:
    state = prompted(0)
    for frame in range(1, 10):
        state = advance(POLICY, state, FrameTime(frame), [rated(0.9, 0.01, 0.01)])
    paths = [TrackState({}, path.non_conditioning) for path in POLICY.paths(state)]
    assert len(paths) == 3
    whole = TrackState({}, state.non_conditioning, hypotheses=state.hypotheses)
    assert whole.nbytes < 1.5 * paths[0].nbytes
    assert TrackState.from_bytes(state.to_bytes()).nbytes == state.nbytes
