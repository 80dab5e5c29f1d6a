"""The interface of a memory policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry, Retention, TrackState
from sam2_model.memory_policies.selection import Selection
from sam2_model.modeling.mask_decoder import DecodedMasks
from sam2_model.modeling.sam2 import SAM2, SelectedMask


@dataclass(frozen=True, slots=True)
class Continuation:
    """A mask that continues the memories of an object, or those of one hypothesis.

    Parameters
    ----------
    path : TrackState
        The memories that the mask was predicted from.
    mask : SelectedMask
        The mask, a batch of one.
    rejected : tuple of SelectedMask
        Other masks that were predicted from the same memories.
    score : float
        Score of the hypothesis; only differences between the hypotheses of an object count.
    """

    path: TrackState
    mask: SelectedMask
    rejected: tuple[SelectedMask, ...] = ()
    score: float = 0.0


@runtime_checkable
class MemoryPolicy(Protocol):
    """Decides which frames are remembered, and which of them a frame attends to.

    A policy is a value without state: all that it remembers is in the object's ``TrackState``.
    """

    @property
    def one_mask(self) -> bool:
        """Whether an object continues with exactly one mask on each frame."""
        ...

    def paths(self, state: TrackState) -> tuple[TrackState, ...]:
        """Return the memories that masks are predicted from: one, or one for each hypothesis."""
        ...

    def select(self, path: TrackState, time: FrameTime, max_conditioning: int | None) -> Selection:
        """Return the memories that a frame attends to.

        Parameters
        ----------
        path : TrackState
            The memories.
        time : FrameTime
            The frame to segment.
        max_conditioning : int or None
            Largest number of conditioning frames; None for all.
        """
        ...

    def candidates(self, model: SAM2, decoded: DecodedMasks) -> tuple[SelectedMask, ...]:
        """Return the masks to choose from, each for all paths of the batch."""
        ...

    def choose(
        self, state: TrackState, candidates: Sequence[tuple[SelectedMask, ...]]
    ) -> tuple[Continuation, ...]:
        """Return the masks that continue an object, the one to show first.

        Parameters
        ----------
        state : TrackState
            The memories of the object.
        candidates : sequence of tuple of SelectedMask
            The candidates of each path of ``state``, in batches of one.
        """
        ...

    def remember(
        self,
        state: TrackState,
        continued: Sequence[tuple[Continuation, MemoryEntry]],
        time: FrameTime,
        retention: Retention,
    ) -> TrackState:
        """Return the memories of an object after a frame.

        Parameters
        ----------
        state : TrackState
            The memories before the frame.
        continued : sequence of (Continuation, MemoryEntry)
            What :meth:`choose` returned, with the memories of the masks.
        time : FrameTime
            The frame that was segmented.
        retention : Retention
            Whether memories are dropped that no later frame attends to.
        """
        ...
