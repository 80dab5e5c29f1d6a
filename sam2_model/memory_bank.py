"""The memories of one object, as values without a network."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sam2_model.modeling.sam2 import SPATIAL_MEMORIES


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
    iou : Tensor or None
        (1,), predicted IoU of the mask; None in states of earlier versions and in training.
    """

    frame: int
    logits: Float[Tensor, "h4 w4"] | None
    pointer: Float[Tensor, "*b d_model"]
    object_score: Float[Tensor, "*b 1"]
    spatial: Float[Tensor, "*b mem_dim h w"] | None = None
    iou: Float[Tensor, "*b 1"] | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the entry by field name, without those that are None."""
        named = {
            "logits": self.logits,
            "pointer": self.pointer,
            "object_score": self.object_score,
            "spatial": self.spatial,
            "iou": self.iou,
        }
        return {name: tensor for name, tensor in named.items() if tensor is not None}


Entries = Mapping[int, MemoryEntry]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Another course that an object may have taken.

    Parameters
    ----------
    score : float
        Score relative to that of the best course, at most 0.
    non_conditioning : mapping of int to MemoryEntry
        Memories of tracked frames, by frame.
    """

    score: float
    non_conditioning: Entries


@dataclass(frozen=True, slots=True)
class Anchor:
    """The memory of a tracked frame that is kept because a similar object was near.

    Parameters
    ----------
    entry : MemoryEntry
        The memory.
    shift : tuple of int
        Memory tokens (y, x) by which the view has moved since.
    """

    entry: MemoryEntry
    shift: tuple[int, int] = (0, 0)


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
    hypotheses : tuple of Hypothesis
        Other courses of the object, best first; ``non_conditioning`` has the best one.
    anchors : tuple of Anchor
        Frames with a similar object, oldest first.
    areas : tuple of int
        Areas of the last masks that were not empty, in pixels of the logits, oldest first.
    """

    conditioning: Entries = field(default_factory=dict)
    non_conditioning: Entries = field(default_factory=dict)
    reverse: bool = False
    hypotheses: tuple[Hypothesis, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    areas: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        """Size of all tensors in bytes; hypotheses share most of theirs."""
        unique = {id(x): x for entry in self._entries() for x in entry.tensors.values()}
        return sum(tensor.nbytes for tensor in unique.values())

    def with_conditioning(self, entry: MemoryEntry) -> TrackState:
        """Return the state with ``entry`` as the conditioning memory of its frame."""
        state = self._without_tracked(lambda t: t == entry.frame)
        return replace(state, conditioning={**self.conditioning, entry.frame: entry})

    def with_non_conditioning(self, entry: MemoryEntry) -> TrackState:
        """Return the state with ``entry`` as a non-conditioning memory of all hypotheses."""
        return self.map_tracked(lambda entries: {**entries, entry.frame: entry})

    def without_conditioning(self, frame: int) -> TrackState:
        """Return the state in which the memory of ``frame`` is non-conditioning."""
        if frame not in self.conditioning:
            return self
        rest = {t: e for t, e in self.conditioning.items() if t != frame}
        return replace(self, conditioning=rest).with_non_conditioning(self.conditioning[frame])

    def without_non_conditioning_near(self, frame: int) -> TrackState:
        """Return the state without non-conditioning memories within 7 frames of ``frame``."""
        return self._without_tracked(lambda t: abs(t - frame) <= SPATIAL_MEMORIES)

    def shifted(self, function: Callable[[Tensor], Tensor], tokens: tuple[int, int]) -> TrackState:
        """Return the state for a view that has moved.

        Anchors that the view has left behind by more than half its side are dropped.

        Parameters
        ----------
        function : Callable
            Moves a spatial memory (mem_dim, h, w).
        tokens : tuple of int
            Memory tokens (y, x) by which the view has moved.
        """
        moved: dict[int, Tensor] = {}

        def entry_moved(entry: MemoryEntry) -> MemoryEntry:
            if entry.spatial is None:
                return entry
            if id(entry.spatial) not in moved:
                moved[id(entry.spatial)] = function(entry.spatial)
            return replace(entry, spatial=moved[id(entry.spatial)])

        def all_moved(entries: Entries) -> dict[int, MemoryEntry]:
            return {t: entry_moved(entry) for t, entry in entries.items()}

        anchors = [
            Anchor(entry_moved(a.entry), (a.shift[0] + tokens[0], a.shift[1] + tokens[1]))
            for a in self.anchors
        ]
        state = replace(self, conditioning=all_moved(self.conditioning))
        return replace(state, anchors=tuple(filter(_in_view, anchors))).map_tracked(all_moved)

    def to_bytes(self) -> bytes:
        """Return the state as bytes, from which :meth:`from_bytes` restores it exactly."""
        # Torch saves the whole storage that a slice belongs to, so slices are copied; tensors
        # that hypotheses share are copied and saved once.
        copies: dict[int, Tensor] = {}

        def copied(entry: MemoryEntry) -> dict[str, Tensor]:
            return {
                name: copies[id(x)] if id(x) in copies else copies.setdefault(id(x), x.clone())
                for name, x in entry.tensors.items()
            }

        def all_copied(entries: Entries) -> dict[int, dict[str, Tensor]]:
            return {t: copied(entry) for t, entry in entries.items()}

        content = {
            "reverse": self.reverse,
            "prompted": all_copied(self.conditioning),
            "tracked": all_copied(self.non_conditioning),
            "hypotheses": [(h.score, all_copied(h.non_conditioning)) for h in self.hypotheses],
            "anchors": [(a.entry.frame, a.shift, copied(a.entry)) for a in self.anchors],
            "areas": self.areas,
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, device: torch.device | str = "cpu") -> TrackState:
        """Return the state that :meth:`to_bytes` wrote, on any device."""
        content = torch.load(io.BytesIO(data), map_location=device, weights_only=True)
        return cls(
            _loaded(content["prompted"]),
            _loaded(content["tracked"]),
            content["reverse"],
            tuple(Hypothesis(s, _loaded(e)) for s, e in content.get("hypotheses", ())),
            tuple(Anchor(_entry(t, e), shift) for t, shift, e in content.get("anchors", ())),
            tuple(content.get("areas", ())),
        )

    def _entries(self) -> Iterator[MemoryEntry]:
        """Yield all entries; entries that hypotheses share are repeated."""
        yield from self.conditioning.values()
        yield from self.non_conditioning.values()
        for hypothesis in self.hypotheses:
            yield from hypothesis.non_conditioning.values()
        yield from (anchor.entry for anchor in self.anchors)

    def map_tracked(self, function: Callable[[Entries], Entries]) -> TrackState:
        """Return the state with ``function`` applied to the tracked frames of each hypothesis."""
        return replace(
            self,
            non_conditioning=function(self.non_conditioning),
            hypotheses=tuple(
                replace(h, non_conditioning=function(h.non_conditioning)) for h in self.hypotheses
            ),
        )

    def _without_tracked(self, dropped: Callable[[int], bool]) -> TrackState:
        """Return the state without the tracked frames for which ``dropped`` is true."""
        anchors = tuple(a for a in self.anchors if not dropped(a.entry.frame))
        return replace(self, anchors=anchors).map_tracked(
            lambda entries: {t: e for t, e in entries.items() if not dropped(t)}
        )


def _in_view(anchor: Anchor) -> bool:
    spatial = anchor.entry.spatial
    if spatial is None:
        return True
    return max(map(abs, anchor.shift)) <= min(spatial.shape[-2:]) // 2


def _loaded(entries: dict[int, dict[str, Any]]) -> dict[int, MemoryEntry]:
    return {t: _entry(t, tensors) for t, tensors in entries.items()}


def _entry(frame: int, tensors: dict[str, Any]) -> MemoryEntry:
    return MemoryEntry(frame=frame, **{"logits": None, **tensors})
