"""The memory policy of the reference: the last frames, in order (SAM 2 paper, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry, Retention, TrackState
from sam2_model.memory_policies.policy import Continuation
from sam2_model.memory_policies.selection import (
    CONDITIONING_SLOT,
    Selection,
    nearest_conditioning,
    past_pointers,
)
from sam2_model.modeling.mask_decoder import DecodedMasks
from sam2_model.modeling.sam2 import MAX_POINTERS, SAM2, SPATIAL_MEMORIES, SelectedMask


@dataclass(frozen=True, slots=True)
class PlainMemory:
    """Remembers every frame, and attends to the last six and to fifteen object pointers."""

    @property
    def one_mask(self) -> bool:
        """Whether an object continues with exactly one mask on each frame."""
        return True

    def paths(self, state: TrackState) -> tuple[TrackState, ...]:
        """Return the memories that masks are predicted from."""
        return (state,)

    def select(self, path: TrackState, time: FrameTime, max_conditioning: int | None) -> Selection:
        """Return the memories that a frame attends to (SAM 2 paper, section 4, appendix D.1)."""
        nearest = nearest_conditioning(path, time.frame, max_conditioning)
        others = {t: e for t, e in path.conditioning.items() if t not in nearest}
        others |= path.non_conditioning
        spatial = [(e, CONDITIONING_SLOT) for e in nearest.values()]
        pointers = past_pointers(nearest.values(), time)
        by_age = {time.age(t): entry for t, entry in others.items()}
        last = SPATIAL_MEMORIES - 1
        spatial += [(by_age[age], age - 1) for age in range(last, 0, -1) if age in by_age]
        reach = min(time.video_length, MAX_POINTERS)
        pointers += [(by_age[age], age) for age in range(1, reach) if age in by_age]
        return Selection(tuple(m for m in spatial if m[0].spatial is not None), tuple(pointers))

    def candidates(self, model: SAM2, decoded: DecodedMasks) -> tuple[SelectedMask, ...]:
        """Return the best of the three masks of each path."""
        return (model.select_mask(decoded, ambiguous=True, dynamic=False),)

    def choose(
        self, state: TrackState, candidates: Sequence[tuple[SelectedMask, ...]]
    ) -> tuple[Continuation, ...]:
        """Return the only mask."""
        return (Continuation(state, candidates[0][0]),)

    def remember(
        self,
        state: TrackState,
        continued: Sequence[tuple[Continuation, MemoryEntry]],
        time: FrameTime,
        retention: Retention,
    ) -> TrackState:
        """Return the memories with the frame added."""
        [(_, entry)] = continued
        entries = {**state.non_conditioning, entry.frame: entry}
        if retention is Retention.WINDOW:
            entries = attended(entries, time)
        return TrackState(state.conditioning, entries, time.reverse)


def attended(entries: dict[int, MemoryEntry], time: FrameTime) -> dict[int, MemoryEntry]:
    """Return the memories that frames after ``time`` can still attend to.

    These are six spatial memories and fifteen object pointers.
    """
    kept = {}
    for t, entry in entries.items():
        age = time.age(t)
        if 0 <= age < SPATIAL_MEMORIES - 1:
            kept[t] = entry
        elif 0 <= age < MAX_POINTERS - 1:
            kept[t] = replace(entry, spatial=None, logits=None)
    return kept
