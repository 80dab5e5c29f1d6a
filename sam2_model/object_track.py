"""The prompts and memories of one object in a video session."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from sam2_model.memory_bank import MemoryEntry, TrackState
from sam2_model.modeling.sam2 import SelectedMask
from sam2_model.transforms import PointTokens


@dataclass(slots=True)
class ObjectTrack:
    """One object's memories and prompts.

    Parameters
    ----------
    state : TrackState
        Memories.
    points : dict of int to PointTokens
        Points on each prompted frame.
    pending : dict of int to (SelectedMask, bool)
        Prompted masks that propagation encodes as memories next, and whether they become
        conditioning memories.
    tracked : dict of int to bool
        Frames that propagation has reached, and whether backward in time.
    """

    state: TrackState = field(default_factory=TrackState)
    points: dict[int, PointTokens] = field(default_factory=dict)
    pending: dict[int, tuple[SelectedMask, bool]] = field(default_factory=dict)
    tracked: dict[int, bool] = field(default_factory=dict)

    @property
    def conditioning_frames(self) -> set[int]:
        """Conditioning frames, those of pending masks included."""
        pending = {frame for frame, (_, conditioning) in self.pending.items() if conditioning}
        return pending | set(self.state.conditioning)

    def memory(self, frame: int) -> MemoryEntry | None:
        """Return the memory or the pending mask of a frame, or None if there is none."""
        if frame in self.pending:
            mask = self.pending[frame][0]
            return MemoryEntry(frame, mask.logits[0, 0], mask.pointer[0], mask.object_score[0])
        return self.state.conditioning.get(frame) or self.state.non_conditioning.get(frame)

    def logits(self, frame: int) -> Tensor | None:
        """Return the logits (S/4, S/4) of the mask on a frame, or None if there is none."""
        memory = self.memory(frame)
        return None if memory is None else memory.logits
