"""The memories that one frame attends to, as values and as input of the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry, TrackState
from sam2_model.modeling.features import Features
from sam2_model.modeling.memory_attention import MemoryTokens
from sam2_model.modeling.sam2 import SAM2, SPATIAL_MEMORIES

CONDITIONING_SLOT = SPATIAL_MEMORIES - 1
"""Time slot of conditioning frames, which have no position in time."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The memories that one frame attends to.

    Parameters
    ----------
    spatial : tuple of (MemoryEntry, int)
        Memories with their time slots (``MemoryTokens.slots``).
    pointers : tuple of (MemoryEntry, int)
        Memories with the distances of their pointers in frames.
    key_scales : tuple of float
        Factors of the attention keys of all spatial memories, then of all pointers; empty if no
        key is scaled.
    """

    spatial: tuple[tuple[MemoryEntry, int], ...]
    pointers: tuple[tuple[MemoryEntry, int], ...]
    key_scales: tuple[float, ...] = ()

    @property
    def layout(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Slots and distances; objects with equal layouts can be in one batch."""
        return tuple(s for _, s in self.spatial), tuple(d for _, d in self.pointers)


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


def past_pointers(entries: Iterable[MemoryEntry], time: FrameTime) -> list[tuple[MemoryEntry, int]]:
    """Return memories of frames that are not ahead, with the distances of their pointers."""
    return [(e, time.age(e.frame)) for e in entries if time.age(e.frame) >= 0]


def memory_tokens(
    model: SAM2,
    features: Features,
    time: FrameTime,
    selections: Sequence[Selection],
    dtype: torch.dtype,
) -> MemoryTokens | None:
    """Return the memories of objects with equal layouts; None if there are no memories.

    Parameters
    ----------
    model : SAM2
        The network.
    features : Features
        Features of the frame.
    time : FrameTime
        The frame in time.
    selections : sequence of Selection
        One for each object.
    dtype : torch.dtype
        Dtype of an empty set of spatial memories.
    """
    slots, distances = selections[0].layout
    if not slots and not distances:
        return None
    no_spatial = features.top.new_zeros(0, model.config.mem_dim, *features.top.shape[-2:]).to(dtype)
    no_pointers = torch.zeros(0, model.config.d_model, device=model.device)
    scales = None
    if selections[0].key_scales:
        scales = torch.tensor([s.key_scales for s in selections], device=model.device)
    return MemoryTokens(
        spatial=torch.stack([_spatial(s, no_spatial) for s in selections]),
        slots=slots,
        pointers=torch.stack([_pointers(s, no_pointers) for s in selections]),
        distances=torch.tensor(distances, device=model.device).float() / time.longest_distance,
        key_scales=scales,
    )


def _spatial(selection: Selection, empty: Tensor) -> Tensor:
    found = [e.spatial for e, _ in selection.spatial if e.spatial is not None]
    return torch.stack(found) if found else empty


def _pointers(selection: Selection, empty: Tensor) -> Tensor:
    found = [e.pointer for e, _ in selection.pointers]
    return torch.stack(found) if found else empty
