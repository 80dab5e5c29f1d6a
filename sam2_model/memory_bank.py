"""What is remembered of one object, and which of it a frame attends to. Pure values, no network."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from sam2_model.modeling.sam2 import MAX_POINTERS, SPATIAL_MEMORIES


class Retention(Enum):
    """How long memories of tracked frames are kept. Prompted frames always stay."""

    WINDOW = "window"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class MemoryEntry:
    """One frame's memory of one object.

    Parameters
    ----------
    frame : int
        Its place in time.
    logits : Tensor or None
        (S/4, S/4), the mask itself; a later correction refines it.
    pointer : Tensor
        (d_model,), object pointer.
    object_score : Tensor
        (1,), logit of the object being visible.
    spatial : Tensor or None
        (mem_dim, h, w), spatial memory; None where only the pointer is kept.
    """

    frame: int
    logits: Tensor | None
    pointer: Tensor
    object_score: Tensor
    spatial: Tensor | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors held, by name."""
        named = {
            "logits": self.logits,
            "pointer": self.pointer,
            "object_score": self.object_score,
            "spatial": self.spatial,
        }
        return {name: tensor for name, tensor in named.items() if tensor is not None}


@dataclass(frozen=True, slots=True)
class TrackState:
    """All that the tracker knows of one object: a value, to be kept, sent, saved and restored.

    Parameters
    ----------
    prompted, tracked : mapping of int to MemoryEntry
        Conditioning frames and the others, by frame.
    reverse : bool
        Whether the last tracked step went backward in time.
    view : tuple of int
        The caller's own note of which window of the picture the memories lie in.
    """

    prompted: Mapping[int, MemoryEntry] = field(default_factory=dict)
    tracked: Mapping[int, MemoryEntry] = field(default_factory=dict)
    reverse: bool = False
    view: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory held by all tensors, in bytes."""
        entries = (*self.prompted.values(), *self.tracked.values())
        tensors = [t for entry in entries for t in entry.tensors.values()]
        return sum(t.numel() * t.element_size() for t in tensors)

    def with_prompted(self, entry: MemoryEntry) -> TrackState:
        """Return the state with ``entry`` as its frame's conditioning memory."""
        tracked = {t: e for t, e in self.tracked.items() if t != entry.frame}
        return replace(self, prompted={**self.prompted, entry.frame: entry}, tracked=tracked)

    def with_tracked(self, entry: MemoryEntry) -> TrackState:
        """Return the state with ``entry`` as an ordinary memory."""
        return replace(self, tracked={**self.tracked, entry.frame: entry})

    def without_prompt(self, frame: int) -> TrackState:
        """Return the state in which a conditioning memory has become an ordinary one."""
        if frame not in self.prompted:
            return self
        rest = {t: e for t, e in self.prompted.items() if t != frame}
        return replace(self, prompted=rest).with_tracked(self.prompted[frame])

    def without_tracked_around(self, frame: int) -> TrackState:
        """Return the state without ordinary memories that a prompt at ``frame`` outdates."""
        rest = {t: e for t, e in self.tracked.items() if abs(t - frame) > SPATIAL_MEMORIES}
        return replace(self, tracked=rest)

    def map(self, change: Any) -> TrackState:
        """Return the state with ``change`` (Tensor to Tensor) applied to each spatial memory."""

        def each(entries: Mapping[int, MemoryEntry]) -> dict[int, MemoryEntry]:
            return {
                t: e if e.spatial is None else replace(e, spatial=change(e.spatial))
                for t, e in entries.items()
            }

        return replace(self, prompted=each(self.prompted), tracked=each(self.tracked))

    def pruned(self, frame: int, *, reverse: bool) -> TrackState:
        """Keep what frames after ``frame`` can still attend to: six memories, fifteen pointers."""
        sign = -1 if reverse else 1
        kept = {}
        for t, entry in self.tracked.items():
            age = (frame - t) * sign
            if 0 <= age < SPATIAL_MEMORIES - 1:
                kept[t] = entry
            elif 0 <= age < MAX_POINTERS - 1:
                kept[t] = replace(entry, spatial=None, logits=None)
        return replace(self, tracked=kept, reverse=reverse)

    def to_bytes(self) -> bytes:
        """Serialise exactly; :meth:`from_bytes` continues bit-identically."""
        content = {
            "reverse": self.reverse,
            "view": list(self.view),
            "prompted": {t: _compact(e) for t, e in self.prompted.items()},
            "tracked": {t: _compact(e) for t, e in self.tracked.items()},
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, device: torch.device | str = "cpu") -> TrackState:
        """Undo :meth:`to_bytes`, on any device."""
        content = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
        prompted, tracked = (
            {t: MemoryEntry(frame=t, **{"logits": None, **e}) for t, e in content[kind].items()}
            for kind in ("prompted", "tracked")
        )
        return cls(prompted, tracked, content["reverse"], tuple(content["view"]))


def _compact(entry: MemoryEntry) -> dict[str, Tensor]:
    """Copy out of shared batch storage, which would be saved whole otherwise."""
    return {name: tensor.clone() for name, tensor in entry.tensors.items()}


@dataclass(frozen=True, slots=True)
class Selection:
    """The memories one frame attends to.

    Parameters
    ----------
    spatial : tuple of (MemoryEntry, int)
        With each memory's time slot, as :class:`sam2_model.modeling.sam2.MemoryTokens` takes it.
    pointers : tuple of (MemoryEntry, int)
        With each pointer's distance in frames.
    """

    spatial: tuple[tuple[MemoryEntry, int], ...]
    pointers: tuple[tuple[MemoryEntry, int], ...]

    @property
    def layout(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Slots and distances: objects of equal layout can share a batch."""
        return tuple(s for _, s in self.spatial), tuple(d for _, d in self.pointers)


def select(
    state: TrackState, frame: int, *, reverse: bool, frames: int, max_prompted: int | None
) -> Selection:
    """Choose memories for a frame (SAM 2 paper, section 4 and appendix D.1).

    Parameters
    ----------
    state : TrackState
        The object's memories.
    frame : int
        The frame about to be segmented.
    reverse : bool
        Whether time runs backward.
    frames : int
        Length of the video; pointers reach back at most ``min(frames, 16) - 1`` frames.
    max_prompted : int or None
        How many conditioning frames are attended to; None for all.
    """
    sign = -1 if reverse else 1
    chosen = nearest_prompted(state, frame, max_prompted)
    others = {t: e for t, e in state.prompted.items() if t not in chosen} | dict(state.tracked)
    last = SPATIAL_MEMORIES - 1
    spatial = [(e, last) for e in chosen.values()]
    for age in range(last, 0, -1):
        entry = others.get(frame - sign * age)
        if entry is not None:
            spatial.append((entry, age - 1))
    pointers = [(e, abs(frame - t)) for t, e in chosen.items() if (frame - t) * sign >= 0]
    for age in range(1, min(frames, MAX_POINTERS)):
        entry = others.get(frame - sign * age)
        if entry is not None:
            pointers.append((entry, age))
    return Selection(tuple(m for m in spatial if m[0].spatial is not None), tuple(pointers))


def nearest_prompted(state: TrackState, frame: int, limit: int | None) -> dict[int, MemoryEntry]:
    """Pick conditioning frames: nearest before, nearest at or after, then nearest of all."""
    times = sorted(state.prompted)
    if limit is not None and len(times) > limit:
        before = [t for t in times if t < frame][-1:]
        after = [t for t in times if t >= frame][:1]
        rest = sorted(set(times) - {*before, *after}, key=lambda t: abs(t - frame))
        times = sorted([*before, *after, *rest][:limit])
    return {t: state.prompted[t] for t in times}
