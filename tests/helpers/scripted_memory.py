"""Objects followed without a network: masks and scores of each frame are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry, Retention, TrackState
from sam2_model.memory_policies.policy import Continuation, MemoryPolicy
from sam2_model.modeling.sam2 import SelectedMask

SIDE = 16
Box = tuple[int, int, int, int]
OBJECT: Box = (2, 2, 8, 8)
DISTRACTOR: Box = (10, 10, 15, 15)


@dataclass(frozen=True)
class Seen:
    """A mask that the network predicts: rectangles (y0, x0, y1, x1), predicted IoU, score."""

    boxes: tuple[Box, ...] = (OBJECT,)
    iou: float = 0.9
    score: float = 5.0

    def mask(self) -> SelectedMask:
        logits = torch.full((1, 1, SIDE, SIDE), -5.0)
        for y0, x0, y1, x1 in self.boxes:
            logits[..., y0:y1, x0:x1] = 5.0
        iou, score = torch.tensor([[self.iou]]), torch.tensor([[self.score]])
        return SelectedMask(logits, iou, torch.full((1, 4), self.iou), score)


def entry(frame: int, seen: Seen | None = None) -> MemoryEntry:
    """Return the memory of a mask; its spatial memory holds the number of the frame."""
    mask = (seen or Seen()).mask()
    return MemoryEntry(
        frame,
        mask.logits[0, 0],
        mask.pointer[0],
        mask.object_score[0],
        torch.full((1, 2, 2), float(frame)),
        mask.ious[0],
    )


def prompted(frame: int) -> TrackState:
    """Return an object with a prompt."""
    return TrackState().with_conditioning(entry(frame))


def advance(
    policy: MemoryPolicy,
    state: TrackState,
    time: FrameTime,
    seen: Sequence[Sequence[Seen]],
    retention: Retention = Retention.WINDOW,
) -> TrackState:
    """Return the state after a frame, with the three masks that each path predicts.

    The masks of the last path are those of all paths without masks of their own.
    """
    paths = [seen[min(n, len(seen) - 1)] for n in range(len(policy.paths(state)))]
    chosen = policy.choose(state, [tuple(one.mask() for one in masks) for masks in paths])
    return policy.remember(state, [(c, _entry(c, time.frame)) for c in chosen], time, retention)


def _entry(continuation: Continuation, frame: int) -> MemoryEntry:
    mask = continuation.mask
    seen = Seen(iou=float(mask.ious), score=float(mask.object_score))
    return replace(entry(frame, seen), logits=mask.logits[0, 0])
