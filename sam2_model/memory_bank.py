"""The memories of one object, and which of them a frame attends to. Values without a network."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

import torch
from jaxtyping import Float
from torch import Tensor

from sam2_model.modeling.sam2 import MAX_POINTERS, SPATIAL_MEMORIES


class Retention(Enum):
    """How long memories of tracked frames are kept; conditioning frames always stay.

    ``WINDOW`` keeps what later frames can attend to, ``ALL`` keeps everything.
    """

    WINDOW = "window"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class MemoryEntry:
    """The memory of one object on one frame.

    While the network is trained, an entry holds a batch of objects in a leading dimension.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    logits : Tensor or None
        (S/4, S/4) logits of the mask, which a later correction refines.
    pointer : Tensor
        (d_model,), object pointer.
    object_score : Tensor
        (1,), logit of the object being visible.
    spatial : Tensor or None
        (mem_dim, h, w), spatial memory; None where only the pointer is kept.
    """

    frame: int
    logits: Float[Tensor, "h4 w4"] | None
    pointer: Float[Tensor, "*b d_model"]
    object_score: Float[Tensor, "*b 1"]
    spatial: Float[Tensor, "*b mem_dim h w"] | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the entry by field name, without those that are None."""
        named = {
            "logits": self.logits,
            "pointer": self.pointer,
            "object_score": self.object_score,
            "spatial": self.spatial,
        }
        return {name: tensor for name, tensor in named.items() if tensor is not None}


@dataclass(frozen=True, slots=True)
class TrackState:
    """All memories of one object: an immutable value that can be kept, saved and restored.

    Parameters
    ----------
    conditioning : mapping of int to MemoryEntry
        Memories of conditioning frames, by frame.
    non_conditioning : mapping of int to MemoryEntry
        Memories of other frames, by frame.
    reverse : bool
        Whether the last frame was tracked backward in time.
    """

    conditioning: Mapping[int, MemoryEntry] = field(default_factory=dict)
    non_conditioning: Mapping[int, MemoryEntry] = field(default_factory=dict)
    reverse: bool = False

    @property
    def nbytes(self) -> int:
        """Size of all tensors in bytes."""
        entries = (*self.conditioning.values(), *self.non_conditioning.values())
        return sum(tensor.nbytes for entry in entries for tensor in entry.tensors.values())

    def with_conditioning(self, entry: MemoryEntry) -> TrackState:
        """Return the state with ``entry`` as the conditioning memory of its frame."""
        others = {t: e for t, e in self.non_conditioning.items() if t != entry.frame}
        conditioning = {**self.conditioning, entry.frame: entry}
        return replace(self, conditioning=conditioning, non_conditioning=others)

    def with_non_conditioning(self, entry: MemoryEntry) -> TrackState:
        """Return the state with ``entry`` as a non-conditioning memory."""
        return replace(self, non_conditioning={**self.non_conditioning, entry.frame: entry})

    def without_conditioning(self, frame: int) -> TrackState:
        """Return the state in which the memory of ``frame`` is non-conditioning."""
        if frame not in self.conditioning:
            return self
        rest = {t: e for t, e in self.conditioning.items() if t != frame}
        return replace(self, conditioning=rest).with_non_conditioning(self.conditioning[frame])

    def without_non_conditioning_near(self, frame: int) -> TrackState:
        """Return the state without non-conditioning memories within 7 frames of ``frame``."""
        kept = {t: e for t, e in self.non_conditioning.items() if abs(t - frame) > SPATIAL_MEMORIES}
        return replace(self, non_conditioning=kept)

    def map_spatial(self, function: Callable[[Tensor], Tensor]) -> TrackState:
        """Return the state with ``function`` applied to each spatial memory (mem_dim, h, w)."""

        def mapped(entries: Mapping[int, MemoryEntry]) -> dict[int, MemoryEntry]:
            return {
                t: e if e.spatial is None else replace(e, spatial=function(e.spatial))
                for t, e in entries.items()
            }

        return replace(
            self,
            conditioning=mapped(self.conditioning),
            non_conditioning=mapped(self.non_conditioning),
        )

    def pruned(self, frame: int, *, reverse: bool) -> TrackState:
        """Return the state with what frames after ``frame`` can still attend to.

        These are six spatial memories and fifteen object pointers.
        """
        sign = -1 if reverse else 1
        kept = {}
        for t, entry in self.non_conditioning.items():
            age = (frame - t) * sign
            if 0 <= age < SPATIAL_MEMORIES - 1:
                kept[t] = entry
            elif 0 <= age < MAX_POINTERS - 1:
                kept[t] = replace(entry, spatial=None, logits=None)
        return replace(self, non_conditioning=kept, reverse=reverse)

    def to_bytes(self) -> bytes:
        """Return the state as bytes, from which :meth:`from_bytes` restores it exactly."""
        content = {
            "reverse": self.reverse,
            "prompted": {t: _compact(e) for t, e in self.conditioning.items()},
            "tracked": {t: _compact(e) for t, e in self.non_conditioning.items()},
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, device: torch.device | str = "cpu") -> TrackState:
        """Return the state that :meth:`to_bytes` wrote, on any device."""
        content = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
        conditioning, non_conditioning = (
            {t: MemoryEntry(frame=t, **{"logits": None, **e}) for t, e in content[kind].items()}
            for kind in ("prompted", "tracked")
        )
        return cls(conditioning, non_conditioning, content["reverse"])


def _compact(entry: MemoryEntry) -> dict[str, Tensor]:
    """Return copies of the tensors: torch saves the whole storage that a slice belongs to."""
    return {name: tensor.clone() for name, tensor in entry.tensors.items()}


@dataclass(frozen=True, slots=True)
class Selection:
    """The memories that one frame attends to.

    Parameters
    ----------
    spatial : tuple of (MemoryEntry, int)
        Memories with their time slots (``MemoryTokens.slots``).
    pointers : tuple of (MemoryEntry, int)
        Memories with the distances of their pointers in frames.
    """

    spatial: tuple[tuple[MemoryEntry, int], ...]
    pointers: tuple[tuple[MemoryEntry, int], ...]

    @property
    def layout(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Slots and distances; objects with equal layouts can be in one batch."""
        return tuple(s for _, s in self.spatial), tuple(d for _, d in self.pointers)


def select_memories(
    state: TrackState,
    frame: int,
    *,
    reverse: bool,
    video_length: int,
    max_conditioning: int | None,
) -> Selection:
    """Select the memories that a frame attends to (SAM 2 paper, section 4 and appendix D.1).

    Parameters
    ----------
    state : TrackState
        The object's memories.
    frame : int
        The frame to segment.
    reverse : bool
        Whether frames are tracked backward in time.
    video_length : int
        Number of frames; pointers reach back at most ``min(video_length, 16) - 1`` frames.
    max_conditioning : int or None
        Largest number of conditioning frames; None for all.
    """
    sign = -1 if reverse else 1
    nearest = nearest_conditioning(state, frame, max_conditioning)
    others = {t: e for t, e in state.conditioning.items() if t not in nearest}
    others |= state.non_conditioning
    last = SPATIAL_MEMORIES - 1
    spatial = [(e, last) for e in nearest.values()]
    for age in range(last, 0, -1):
        entry = others.get(frame - sign * age)
        if entry is not None:
            spatial.append((entry, age - 1))
    pointers = [(e, abs(frame - t)) for t, e in nearest.items() if (frame - t) * sign >= 0]
    for age in range(1, min(video_length, MAX_POINTERS)):
        entry = others.get(frame - sign * age)
        if entry is not None:
            pointers.append((entry, age))
    return Selection(tuple(m for m in spatial if m[0].spatial is not None), tuple(pointers))


def nearest_conditioning(
    state: TrackState, frame: int, limit: int | None
) -> dict[int, MemoryEntry]:
    """Return at most ``limit`` conditioning memories, by frame.

    The nearest before the frame comes first, then the nearest at or after it, then the nearest of
    the rest.
    """
    times = sorted(state.conditioning)
    if limit is not None and len(times) > limit:
        before = [t for t in times if t < frame][-1:]
        after = [t for t in times if t >= frame][:1]
        rest = sorted(set(times) - {*before, *after}, key=lambda t: abs(t - frame))
        times = sorted([*before, *after, *rest][:limit])
    return {t: state.conditioning[t] for t in times}
