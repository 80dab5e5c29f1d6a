"""The plain policy: which memories it selects and keeps."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry, TrackState
from sam2_model.memory_policies.plain import PlainMemory, attended
from sam2_model.memory_policies.selection import nearest_conditioning


def _entry(frame: int) -> MemoryEntry:
    return MemoryEntry(
        frame, torch.zeros(1, 1), torch.zeros(2), torch.zeros(1), torch.zeros(1, 1, 1)
    )


frames_strategy = st.sets(st.integers(0, 60), max_size=12)


@given(
    prompted=st.sets(st.integers(0, 60), min_size=1, max_size=8),
    tracked=frames_strategy,
    frame=st.integers(0, 60),
    reverse=st.booleans(),
    limit=st.none() | st.integers(1, 5),
)
@settings(max_examples=200, deadline=None)
def test_selection_is_bounded_and_never_repeats(
    prompted: set[int], tracked: set[int], frame: int, reverse: bool, limit: int | None
) -> None:
    state = TrackState()
    for t in tracked - prompted:
        state = state.with_non_conditioning(_entry(t))
    for t in prompted:
        state = state.with_conditioning(_entry(t))
    chosen = PlainMemory().select(state, FrameTime(frame, reverse), limit)
    nearest = nearest_conditioning(state, frame, limit)
    for memories in (chosen.spatial, chosen.pointers):
        seen = [entry.frame for entry, _ in memories]
        assert len(seen) == len(set(seen))
    assert len(chosen.spatial) <= len(nearest) + 6
    assert len(chosen.pointers) <= len(nearest) + 15
    assert limit is None or len(nearest) <= limit
    assert all((frame - e.frame) * (-1 if reverse else 1) >= 0 for e, _ in chosen.pointers)
    assert {e.frame for e, slot in chosen.spatial if slot == 6} == set(nearest)


@given(tracked=frames_strategy, frame=st.integers(0, 60), reverse=st.booleans())
@settings(max_examples=100, deadline=None)
def test_pruning_keeps_what_the_next_frame_attends_to(
    tracked: set[int], frame: int, reverse: bool
) -> None:
    state = TrackState()
    for t in tracked:
        state = state.with_non_conditioning(_entry(t))
    now = FrameTime(frame, reverse)
    following = FrameTime(frame + (-1 if reverse else 1), reverse)
    kept = attended(state.non_conditioning, now)
    behind = {t: e for t, e in state.non_conditioning.items() if now.age(t) >= 0}
    before, after = (
        PlainMemory().select(TrackState({}, entries), following, None) for entries in (behind, kept)
    )
    assert before.layout == after.layout
    assert len(kept) <= 15
