from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.tracking.correction import TrackStatus, find_correction
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest, make_plan

N_FRAMES = 24
frames = st.sets(st.integers(0, N_FRAMES - 1), max_size=6)


def correction_of(conditioning, changed=(), outdated=(), kept=(), request=None, n_frames=N_FRAMES):
    status = TrackStatus(
        tuple(sorted(conditioning)),
        set(changed),
        FrameRanges.of(outdated),
        FrameRanges.of(kept),
        n_frames,
    )
    return find_correction(1, status, request or PropagationRequest())


def written(plan):
    """Return (frame, final) of all masks that a plan stores, in the order of computation."""
    return [
        (frame, task.final)
        for sweep in plan.sweeps
        for frame in sweep.frames
        for task in sweep.tasks(frame)
        if task.shown
    ]


def test_a_changed_frame_reaches_to_the_next_conditioning_frames():
    found = correction_of([0, 50, 75, 100, 150], changed=[75], n_frames=200)
    assert found.frames.ranges == ((51, 100),)
    assert found.n_frames == 49
    assert found.stretches[0].conditioning == (50, 75, 100)


def test_the_ends_of_the_stack_bound_a_correction():
    assert correction_of([5], changed=[5]).frames.ranges == ((0, N_FRAMES),)
    assert correction_of([5, 9], changed=[9]).frames.ranges == ((6, N_FRAMES),)
    assert correction_of([5, 9], changed=[5]).frames.ranges == ((0, 9),)


def test_a_removed_prompt_counts_for_the_gap_that_it_was_in():
    assert correction_of([2, 12], changed=[7]).frames.ranges == ((3, 12),)


def test_separate_changes_are_tracked_separately():
    found = correction_of([2, 6, 10, 14, 20], changed=[4, 17])
    assert found.frames.ranges == ((3, 6), (15, 20))
    assert [s.conditioning for s in found.stretches] == [(2, 6), (14, 20)]


def test_neighboring_gaps_are_tracked_together():
    found = correction_of([2, 6, 10], changed=[3], outdated=[8])
    assert [s.conditioning for s in found.stretches] == [(2, 6, 10)]
    assert found.frames.ranges == ((3, 6), (7, 10))


def test_nothing_changed_or_nothing_to_start_from():
    assert correction_of([2, 6]) is None
    assert correction_of([], changed=[3]) is None


def test_kept_frames_are_neither_written_nor_a_reason():
    assert correction_of([2, 12], outdated=[5], kept=[5]) is None
    assert correction_of([2, 12], changed=[2], kept=[2], outdated=[3]).frames.ranges == ((3, 12),)
    assert correction_of([2], changed=[2], kept=range(8, 24)).frames.ranges == ((0, 8),)


def test_direction_and_range_bound_a_correction():
    forward = PropagationRequest(direction=PropagationDirection.FORWARD)
    backward = PropagationRequest(direction=PropagationDirection.BACKWARD)
    assert correction_of([5], changed=[5], request=forward).frames.ranges == ((5, N_FRAMES),)
    assert correction_of([5], changed=[5], request=backward).frames.ranges == ((0, 6),)
    part = PropagationRequest(frames=(3, 9))
    assert correction_of([5], changed=[5], request=part).frames.ranges == ((3, 9),)
    assert correction_of([1, 5], changed=[1], request=part) is None


@given(frames, frames, frames, frames, st.sampled_from(PropagationDirection))
def test_each_frame_is_final_once_and_no_other_is_touched(prompted, changed, outdated, kept, way):
    found = correction_of(prompted, changed, outdated, kept, PropagationRequest(direction=way))
    if found is None:
        return
    order = written(found.plan())
    final = [frame for frame, done in order if done]
    assert len(final) == len(set(final))
    assert set(final) == set(found.frames)
    assert {frame for frame, _ in order} == set(found.frames)
    assert not set(found.frames) & kept
    unchanged = prompted - changed - outdated
    assert not set(found.frames) & unchanged


@given(frames.filter(bool))
def test_the_first_correction_is_the_whole_propagation(prompted):
    found = correction_of(prompted, changed=prompted, outdated=range(N_FRAMES))
    whole = make_plan(PropagationRequest(), {1: sorted(prompted)}, N_FRAMES)
    assert found.plan() == whole
