"""A memory policy that follows several hypotheses of an object at a time.

Own implementation of the method of SAM2Long (Ding et al. 2025), from its description.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import Hypothesis, MemoryEntry, Retention, TrackState
from sam2_model.memory_policies.policy import Continuation
from sam2_model.memory_policies.selection import (
    CONDITIONING_SLOT,
    Selection,
    nearest_conditioning,
    past_pointers,
)
from sam2_model.modeling.mask_decoder import DecodedMasks
from sam2_model.modeling.sam2 import MAX_POINTERS, SAM2, SPATIAL_MEMORIES, SelectedMask

_EPSILON = 1e-5
_PROMPT_SCORE = 10.0
_SPATIAL = SPATIAL_MEMORIES - 1
_POINTERS = MAX_POINTERS - 1


@dataclass(frozen=True, slots=True)
class MemoryTree:
    """Follows several hypotheses of an object, each with the memories of its own masks.

    Every hypothesis predicts three masks. The score of a hypothesis is the sum of the logarithms
    of the predicted IoU of its masks; the best-scored masks continue as hypotheses. A hypothesis
    attends to its reliable frames, and more to those with a high object score. The defaults are
    the published values.

    The mask of a frame is that of the hypothesis that is best on this frame. Unlike in the
    published method, earlier masks do not change when another hypothesis becomes the best.

    Parameters
    ----------
    hypotheses : int
        Largest number of hypotheses.
    min_iou : float
        Predicted IoU that the mask of a reliable frame exceeds.
    certain_score : float
        Magnitude of the object score above which a frame is certain. On uncertain frames
        hypotheses with different predicted IoU are preferred.
    key_range : tuple of float
        Factors of the attention keys of the frames with the lowest and the highest object score.
    """

    hypotheses: int = 3
    min_iou: float = 0.1
    certain_score: float = 2.0
    key_range: tuple[float, float] = (0.95, 1.05)

    @property
    def one_mask(self) -> bool:
        """Whether an object continues with exactly one mask on each frame."""
        return False

    def paths(self, state: TrackState) -> tuple[TrackState, ...]:
        """Return the memories of each hypothesis, the best first."""
        tracked = (state.non_conditioning, *(h.non_conditioning for h in state.hypotheses))
        return tuple(replace(state, non_conditioning=t, hypotheses=()) for t in tracked)

    def select(self, path: TrackState, time: FrameTime, max_conditioning: int | None) -> Selection:
        """Return the conditioning frames and the last reliable frames of a hypothesis."""
        nearest = nearest_conditioning(path, time.frame, max_conditioning)
        others = {t: e for t, e in path.non_conditioning.items() if t not in nearest}
        chosen = self._reliable(others, time)
        recent = [e for e in chosen if e.spatial is not None][:_SPATIAL]
        shown = [e for e in nearest.values() if e.spatial is not None]
        pointers = past_pointers([*nearest.values(), *chosen], time)
        prompted = set(nearest)
        spatial = [(e, CONDITIONING_SLOT) for e in shown]
        spatial += [(e, slot) for slot, e in enumerate(recent)]
        scales = self._key_scales([e for e, _ in spatial], prompted)
        scales += self._key_scales([e for e, _ in pointers], prompted)
        return Selection(tuple(spatial), tuple(pointers), tuple(scales))

    def candidates(self, model: SAM2, decoded: DecodedMasks) -> tuple[SelectedMask, ...]:
        """Return all three masks of each path."""
        return model.ambiguous_masks(decoded)

    def choose(
        self, state: TrackState, candidates: Sequence[tuple[SelectedMask, ...]]
    ) -> tuple[Continuation, ...]:
        """Return the masks that continue as hypotheses, the best first."""
        scores = (0.0, *(h.score for h in state.hypotheses))
        found = [
            Continuation(path, mask, score=score + math.log(float(mask.ious) + _EPSILON))
            for path, score, masks in zip(self.paths(state), scores, candidates, strict=True)
            for mask in _different(masks)
        ]
        ranked = sorted(found, key=lambda item: -item.score)
        certainty = max(abs(float(item.mask.object_score)) for item in ranked)
        if certainty <= self.certain_score:
            ranked = _varied(ranked, self.hypotheses)
        return tuple(ranked[: self.hypotheses])

    def remember(
        self,
        state: TrackState,
        continued: Sequence[tuple[Continuation, MemoryEntry]],
        time: FrameTime,
        retention: Retention,
    ) -> TrackState:
        """Return the memories of all hypotheses with the frame added."""
        best = continued[0][0].score
        kept = []
        for item, entry in continued:
            entries = {**item.path.non_conditioning, entry.frame: entry}
            if retention is Retention.WINDOW:
                entries = self._attended(entries, time)
            kept.append(Hypothesis(item.score - best, entries))
        shown, *others = kept
        return TrackState(
            state.conditioning, shown.non_conditioning, time.reverse, hypotheses=tuple(others)
        )

    def _reliable(self, entries: Mapping[int, MemoryEntry], time: FrameTime) -> list[MemoryEntry]:
        """Return the last frame and the reliable frames before it, at most 15, newest first."""
        behind = [e for t, e in entries.items() if time.age(t) > 0]
        newest_first = sorted(behind, key=lambda e: time.age(e.frame))
        kept = [e for e in newest_first if time.age(e.frame) == 1 or self._is_reliable(e)]
        return kept[:_POINTERS]

    def _is_reliable(self, entry: MemoryEntry) -> bool:
        iou = 1.0 if entry.iou is None else float(entry.iou)
        return iou > self.min_iou and float(entry.object_score) > 0

    def _key_scales(self, entries: Sequence[MemoryEntry], prompted: set[int]) -> list[float]:
        """Return the factor of each memory: the higher its object score, the larger."""
        if not entries:
            return []
        scores = [_PROMPT_SCORE if e.frame in prompted else float(e.object_score) for e in entries]
        low, high = self.key_range
        step = (high - low) / max(len(entries) - 1, 1)
        scales = [high] * len(entries)
        for rank, number in enumerate(sorted(range(len(entries)), key=scores.__getitem__)):
            scales[number] = high - step * (len(entries) - 1 - rank)
        return scales

    def _attended(
        self, entries: Mapping[int, MemoryEntry], time: FrameTime
    ) -> dict[int, MemoryEntry]:
        """Return the memories that frames after ``time`` can still attend to."""
        following = replace(time, frame=time.frame + (-1 if time.reverse else 1))
        kept = self._reliable(entries, following)
        return {
            e.frame: e if rank <= _SPATIAL else replace(e, spatial=None, logits=None)
            for rank, e in enumerate(kept)
        }


def _different(masks: Iterable[SelectedMask]) -> list[SelectedMask]:
    """Return the masks; of masks without the object, which are all empty, only the best."""
    masks = list(masks)
    if float(masks[0].object_score) > 0:
        return masks
    return [max(masks, key=lambda mask: float(mask.ious))]


def _varied(ranked: Sequence[Continuation], count: int) -> list[Continuation]:
    """Return up to ``count`` masks with different predicted IoU, then the best of other paths."""
    kept: list[Continuation] = []
    seen: set[float] = set()
    for item in ranked:
        iou = round(float(item.mask.ious), 2)
        signed = iou if float(item.mask.object_score) > 0 else -iou
        if signed not in seen and len(kept) < count:
            seen.add(signed)
            kept.append(item)
    paths = [item.path for item in kept]
    for item in ranked:
        if len(kept) < count and not any(item.path is path for path in paths):
            kept.append(item)
            paths.append(item.path)
    return sorted(kept, key=lambda item: -item.score)
