"""A memory policy that keeps the frames on which a similar object is near.

Own implementation of the rules of DAM4SAM (Videnovic et al. 2025).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import Anchor, MemoryEntry, Retention, TrackState
from sam2_model.memory_policies.policy import Continuation
from sam2_model.memory_policies.selection import (
    CONDITIONING_SLOT,
    Selection,
    nearest_conditioning,
    past_pointers,
)
from sam2_model.modeling.mask_decoder import DecodedMasks
from sam2_model.modeling.sam2 import SAM2, SPATIAL_MEMORIES, SelectedMask

_AREAS = 10
_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)
_Mask = Bool[np.ndarray, "h w"]


@dataclass(frozen=True, slots=True)
class DistractorAwareMemory:
    """Remembers frames with a similar object, and of the other frames every fifth.

    A frame becomes an anchor if its mask is reliable and a rejected mask covers something else
    beside the object. Anchors have no position in time, like conditioning frames. Frames without
    the object are not attended to. The defaults are the published values.

    Parameters
    ----------
    anchors : int
        Largest number of anchors; the oldest is dropped.
    recent : int
        Number of recent frames that are attended to at least, also with many anchors.
    stride : int
        Distance of the recent frames before the last one.
    min_iou : float
        Predicted IoU that the mask of an anchor exceeds.
    area_change : float
        Largest difference of an anchor's area from the median of the last ten, as a share of it.
    gap : int
        Number of frames that an anchor is at least away from the last one and from prompts.
    box_iou : float
        The mask and its union with something else have boxes of at most this IoU.
    """

    anchors: int = 3
    recent: int = 3
    stride: int = 5
    min_iou: float = 0.8
    area_change: float = 0.2
    gap: int = 6
    box_iou: float = 0.7

    @property
    def one_mask(self) -> bool:
        """Whether an object continues with exactly one mask on each frame."""
        return True

    def paths(self, state: TrackState) -> tuple[TrackState, ...]:
        """Return the memories that masks are predicted from."""
        return (state,)

    def select(self, path: TrackState, time: FrameTime, max_conditioning: int | None) -> Selection:
        """Return the conditioning frames, the anchors, and recent frames with the object."""
        nearest = nearest_conditioning(path, time.frame, max_conditioning)
        timeless = [*nearest.values(), *(anchor.entry for anchor in path.anchors)]
        known = {entry.frame for entry in timeless}
        tracked = {t: e for t, e in path.non_conditioning.items() if t not in known}
        room = max(self.recent, SPATIAL_MEMORIES - len(timeless))
        recent = self._recent(tracked, time)[: min(room, CONDITIONING_SLOT)]
        spatial = [(e, CONDITIONING_SLOT) for e in timeless if e.spatial is not None]
        spatial += [(e, slot) for slot, e in enumerate(recent)]
        seen = [e for t, e in tracked.items() if _in_reach(t, time) and _visible(e)]
        return Selection(tuple(spatial), tuple(past_pointers([*timeless, *seen], time)))

    def candidates(self, model: SAM2, decoded: DecodedMasks) -> tuple[SelectedMask, ...]:
        """Return all three masks of each path."""
        return model.ambiguous_masks(decoded)

    def choose(
        self, state: TrackState, candidates: Sequence[tuple[SelectedMask, ...]]
    ) -> tuple[Continuation, ...]:
        """Return the mask with the highest predicted IoU."""
        [masks] = candidates
        best = max(masks, key=lambda mask: float(mask.ious))
        return (Continuation(state, best, tuple(mask for mask in masks if mask is not best)),)

    def remember(
        self,
        state: TrackState,
        continued: Sequence[tuple[Continuation, MemoryEntry]],
        time: FrameTime,
        retention: Retention,
    ) -> TrackState:
        """Return the memories with the frame added, as an anchor too if it qualifies."""
        [(continuation, entry)] = continued
        entries = {**state.non_conditioning, entry.frame: entry}
        if retention is Retention.WINDOW:
            entries = self._attended(entries, time)
        area = int((continuation.mask.logits > 0).sum()) if _visible(entry) else 0
        anchors = state.anchors
        if area and self._is_anchor(state, continuation, area, time):
            anchors = (*anchors, Anchor(_copied(entry)))[-self.anchors :]
        areas = (*state.areas, area)[-_AREAS:] if area else state.areas
        return TrackState(state.conditioning, entries, time.reverse, anchors=anchors, areas=areas)

    def _recent(self, tracked: Mapping[int, MemoryEntry], time: FrameTime) -> list[MemoryEntry]:
        """Return the last frame and every fifth before it that show the object, newest first."""
        return [
            entry
            for entry in sorted(tracked.values(), key=lambda e: time.age(e.frame))
            if _visible(entry) and entry.spatial is not None
            if time.age(entry.frame) == 1
            or (time.age(entry.frame) > 1 and entry.frame % self.stride == 0)
        ]

    def _attended(
        self, entries: Mapping[int, MemoryEntry], time: FrameTime
    ) -> dict[int, MemoryEntry]:
        """Return the memories that frames after ``time`` can still attend to."""
        following = replace(time, frame=time.frame + (-1 if time.reverse else 1))
        spatial = {e.frame for e in self._recent(entries, following)[:SPATIAL_MEMORIES]}
        kept = {}
        for t, entry in entries.items():
            if t in spatial or t == time.frame:
                kept[t] = entry
            elif _in_reach(t, following):
                kept[t] = replace(entry, spatial=None, logits=None)
        return kept

    def _is_anchor(
        self, state: TrackState, continuation: Continuation, area: int, time: FrameTime
    ) -> bool:
        before = [*state.conditioning, *(anchor.entry.frame for anchor in state.anchors)]
        usual = median(state.areas) if state.areas else area
        return (
            float(continuation.mask.ious) > self.min_iou
            and abs(area / usual - 1) <= self.area_change
            and all(abs(time.age(frame)) >= self.gap for frame in before)
            and distractor_seen(
                _binary(continuation.mask), map(_binary, continuation.rejected), self.box_iou
            )
        )


def distractor_seen(chosen: _Mask, rejected: Iterable[_Mask], box_iou: float) -> bool:
    """Return whether a rejected mask covers a second object beside the chosen one.

    The largest component of a rejected mask without the chosen one is joined to the chosen one. A
    second object makes the box of the two much larger.

    Parameters
    ----------
    chosen : ndarray of bool
        (H, W), not empty.
    rejected : iterable of ndarray of bool
        Masks (H, W).
    box_iou : float
        Largest IoU of the two boxes.
    """
    for mask in rejected:
        parts, count = ndimage.label(mask & ~chosen, _EIGHT_NEIGHBOURS)
        if count:
            largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
            # The box of the chosen mask lies within that of both.
            if _box_area(chosen) <= box_iou * _box_area(chosen | largest):
                return True
    return False


def _box_area(mask: _Mask) -> int:
    rows, columns = np.nonzero(mask)
    return int((np.ptp(rows) + 1) * (np.ptp(columns) + 1))


def _binary(mask: SelectedMask) -> _Mask:
    return np.asarray((mask.logits[0, 0] > 0).cpu().numpy())


def _visible(entry: MemoryEntry) -> bool:
    return float(entry.object_score) > 0


def _in_reach(frame: int, time: FrameTime) -> bool:
    """Return whether a frame is near enough for its object pointer."""
    return 0 < time.age(frame) <= time.longest_distance


def _copied(entry: MemoryEntry) -> MemoryEntry:
    """Return the memory without the logits, apart from the batch that it is a slice of."""
    tensors = {name: x.clone() for name, x in entry.tensors.items() if name != "logits"}
    return MemoryEntry(frame=entry.frame, logits=None, **tensors)
