"""Tracks objects from frame to frame. States are arguments and results; the tracker keeps none."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sam2_model.batching import batches, concatenate, resolve_overlaps, take
from sam2_model.memory_bank import MemoryEntry, Retention, Selection, TrackState, select_memories
from sam2_model.modeling.features import Features
from sam2_model.modeling.sam2 import MAX_POINTERS, SAM2, MemoryTokens, SelectedMask
from sam2_model.transforms import PointTokens, fill_holes

_PREVIOUS_CLAMP = 32.0
_AMBIGUOUS_POINTS = 1
CPU_OBJECTS = 4


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How prompts and memories are used. The fields correspond to options of Meta's predictor.

    Parameters
    ----------
    binarize_prompted_masks : bool
        Encode the memories of prompted frames from the thresholded mask, not its probabilities.
    dynamic_multimask : bool
        Replace a single mask that is unstable by the best of three.
    corrections_as_conditioning : bool
        A correction on a tracked frame becomes a conditioning frame. Meta's predictor has this
        off, and the next propagation overwrites the correction.
    clear_memory_near_prompts : bool
        Drop non-conditioning memories near a prompted frame when propagation reaches it.
    fill_hole_area : int
        Fill background components of at most this many low-resolution pixels.
    non_overlap_masks, non_overlap_memory : bool
        Assign each pixel to one object, in results and in memories respectively.
    max_conditioning : int or None
        Largest number of conditioning frames that a frame attends to, nearest first; None for all.
    memory_dtype : torch.dtype
        Dtype of stored spatial memories.
    retention : Retention
        Which memories of tracked frames are kept.
    presence_threshold : float or None
        Object score that a tracked object must exceed to count as visible (0 in Meta's
        predictor). A higher threshold leaves more frames without the object empty and misses the
        object on more frames. Results and memories hold the score minus the threshold. None uses
        the network's own threshold on whole frames, and 0 in windows that follow the object.
    objects_per_batch : int or None
        Number of objects tracked in one batch. None uses all on a GPU and 4 on a CPU, where
        larger batches were measured to be slower.
    """

    binarize_prompted_masks: bool = True
    dynamic_multimask: bool = True
    corrections_as_conditioning: bool = True
    clear_memory_near_prompts: bool = False
    fill_hole_area: int = 0
    non_overlap_masks: bool = False
    non_overlap_memory: bool = False
    max_conditioning: int | None = None
    memory_dtype: torch.dtype = torch.bfloat16
    retention: Retention = Retention.WINDOW
    presence_threshold: float | None = None
    objects_per_batch: int | None = None


@dataclass(frozen=True, slots=True)
class FrameTime:
    """A frame's position in time and the direction of tracking.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    reverse : bool
        Whether frames are tracked backward in time.
    video_length : int
        Number of frames of the video; all lengths from 16 on give the same results.
    """

    frame: int
    reverse: bool = False
    video_length: int = MAX_POINTERS


class Tracker:
    """Segments and tracks objects on frames that are already encoded.

    Parameters
    ----------
    model : SAM2
        The network, in eval mode.
    settings : TrackerSettings, optional
        How prompts and memories are used.
    """

    def __init__(self, model: SAM2, settings: TrackerSettings | None = None) -> None:
        self.model = model
        self.settings = settings or TrackerSettings()

    @torch.inference_mode()
    def predict(
        self,
        features: Features,
        time: FrameTime,
        points: PointTokens | None,
        previous: Float[Tensor, "h w"] | None = None,
        state: TrackState | None = None,
    ) -> SelectedMask:
        """Segment one object on one frame from points and box corners, without writing a memory.

        Parameters
        ----------
        features : Features
            Features of the frame, batch 1.
        time : FrameTime
            The frame in time.
        points : PointTokens or None
            (1, N, 2) points and box corners.
        previous : Tensor or None
            (S/4, S/4) logits of the object's earlier mask on this frame, which the points refine.
        state : TrackState or None
            Memories to attend to for a correction of a tracked frame; None for a first prompt.

        Returns
        -------
        SelectedMask
            A batch of one.
        """
        image = self._conditioned_features(features, time, state)
        mask_input = None
        if previous is not None:
            mask_input = previous[None, None].float().clamp(-_PREVIOUS_CLAMP, _PREVIOUS_CLAMP)
        decoded = self.model.decode_masks(
            image,
            features.high_res,
            None if points is None else points.points,
            None if points is None else points.labels,
            mask_input,
        )
        ambiguous = points is None or points.count <= _AMBIGUOUS_POINTS
        selected = self.model.select_mask(
            decoded, ambiguous=ambiguous, dynamic=self.settings.dynamic_multimask
        )
        return self._filled(selected)

    @torch.inference_mode()
    def mask_as_output(self, features: Features, mask: Bool[Tensor, "1 1 s s"]) -> SelectedMask:
        """Return a given mask (1, 1, S, S) as the result on a frame, without writing a memory."""
        return self._filled(self.model.mask_as_output(features, mask))

    @torch.inference_mode()
    def encode_memory(
        self, features: Features, frame: int, masks: Sequence[SelectedMask]
    ) -> list[MemoryEntry]:
        """Encode prompted masks of one frame (each a batch of one) as memories."""
        entries: list[MemoryEntry] = []
        for group in batches(masks, self._batch_size()):
            mask = concatenate(group)
            entries += self._entries(
                features, frame, mask, mask, binary=self.settings.binarize_prompted_masks
            )
        return entries

    @torch.inference_mode()
    def track(
        self,
        features: Features,
        time: FrameTime,
        states: Sequence[TrackState],
        *,
        zoomed: bool = False,
    ) -> list[tuple[SelectedMask, TrackState]]:
        """Segment tracked objects on a frame and write it into their memories.

        Parameters
        ----------
        features : Features
            Features of the frame, batch 1.
        time : FrameTime
            The frame in time.
        states : sequence of TrackState
            The state of each object.
        zoomed : bool
            Whether the features are of a window that follows the objects, not of a whole frame.

        Returns
        -------
        list of (SelectedMask, TrackState)
            The mask (a batch of one) and the new state of each object, in the order of ``states``.
        """
        selections = [self._select(state, time) for state in states]
        found: dict[int, SelectedMask] = {}
        for group in self._groups(selections):
            image = self._condition(features, time, [selections[i] for i in group])
            decoded = self.model.decode_masks(image, features.high_res, None, None, None)
            score = decoded.object_score - self._presence_threshold(zoomed)
            decoded = replace(decoded, object_score=score)
            selected = self.model.select_mask(decoded, ambiguous=True, dynamic=False)
            found |= {i: take(selected, slice(row, row + 1)) for row, i in enumerate(group)}
        masks = [found[i] for i in range(len(states))]
        entries = self._encode_tracked(features, time.frame, masks)
        return [
            (self._filled(mask), self._advanced(state, entry, time))
            for mask, state, entry in zip(masks, states, entries, strict=True)
        ]

    def shift_memory(self, state: TrackState, rows: int, columns: int) -> TrackState:
        """Return a state whose spatial memories are aligned with a window moved by whole tokens.

        Tokens that were outside the old window repeat its nearest edge: the network was not
        trained on memories of zeros, and they lead tracks astray. Where the windows do not
        overlap, memories are zeros.

        Parameters
        ----------
        state : TrackState
            Memories as seen from the old window.
        rows, columns : int
            Motion of the window in tokens.
        """

        def shifted(spatial: Tensor) -> Tensor:
            height, width = spatial.shape[-2:]
            if abs(rows) >= height or abs(columns) >= width:
                return torch.zeros_like(spatial)
            y = torch.arange(rows, rows + height, device=spatial.device).clamp(0, height - 1)
            x = torch.arange(columns, columns + width, device=spatial.device).clamp(0, width - 1)
            return spatial[..., y[:, None], x]

        return state.map_spatial(shifted)

    def _presence_threshold(self, zoomed: bool) -> float:
        if self.settings.presence_threshold is not None:
            return self.settings.presence_threshold
        return 0.0 if zoomed else self.model.config.presence_threshold

    def _advanced(self, state: TrackState, entry: MemoryEntry, time: FrameTime) -> TrackState:
        state = replace(state.with_non_conditioning(entry), reverse=time.reverse)
        if self.settings.retention is Retention.ALL:
            return state
        return state.pruned(time.frame, reverse=time.reverse)

    def _encode_tracked(
        self, features: Features, frame: int, masks: list[SelectedMask]
    ) -> list[MemoryEntry]:
        if not masks:
            return []
        whole = concatenate(masks)
        encoded = whole
        if self.settings.non_overlap_memory:
            encoded = replace(whole, logits=resolve_overlaps(whole.logits))
        entries: list[MemoryEntry] = []
        for rows in batches(range(len(masks)), self._batch_size()):
            part = slice(rows[0], rows[-1] + 1)
            entries += self._entries(
                features, frame, take(encoded, part), take(whole, part), binary=False
            )
        return entries

    def _entries(
        self,
        features: Features,
        frame: int,
        encoded: SelectedMask,
        kept: SelectedMask,
        *,
        binary: bool,
    ) -> list[MemoryEntry]:
        """Return memories made from ``encoded`` masks that keep the logits of ``kept`` ones."""
        spatial = self.model.encode_memory(
            features, encoded.logits, encoded.object_score, binary=binary
        )
        spatial = spatial.to(self.settings.memory_dtype)
        logits = self._filled(kept).logits
        return [
            MemoryEntry(frame, logits[i, 0], kept.pointer[i], kept.object_score[i], spatial[i])
            for i in range(len(spatial))
        ]

    def _conditioned_features(
        self, features: Features, time: FrameTime, state: TrackState | None
    ) -> Tensor:
        if state is None:
            return self.model.add_no_memory_embedding(features)
        return self._condition(features, time, [self._select(state, time)])

    def _condition(
        self, features: Features, time: FrameTime, selections: Sequence[Selection]
    ) -> Tensor:
        slots, distances = selections[0].layout
        if not slots and not distances:
            image = self.model.add_no_memory_embedding(features)
            return image.expand(len(selections), -1, -1, -1)
        longest = max(1, min(time.video_length, MAX_POINTERS) - 1)
        memories = MemoryTokens(
            spatial=torch.stack([self._spatial(s, features) for s in selections]),
            slots=slots,
            pointers=torch.stack([self._pointers(s) for s in selections]),
            distances=torch.tensor(distances, device=self.model.device).float() / longest,
        )
        return self.model.condition_on_memory(features, memories)

    def _spatial(self, selection: Selection, features: Features) -> Tensor:
        found = [e.spatial for e, _ in selection.spatial if e.spatial is not None]
        empty = features.top.new_zeros(0, self.model.config.mem_dim, *features.top.shape[-2:]).to(
            self.settings.memory_dtype
        )
        return torch.stack(found) if found else empty

    def _pointers(self, selection: Selection) -> Tensor:
        found = [e.pointer for e, _ in selection.pointers]
        empty = torch.zeros(0, self.model.config.d_model, device=self.model.device)
        return torch.stack(found) if found else empty

    def _select(self, state: TrackState, time: FrameTime) -> Selection:
        return select_memories(
            state,
            time.frame,
            reverse=time.reverse,
            video_length=time.video_length,
            max_conditioning=self.settings.max_conditioning,
        )

    def _groups(self, selections: Sequence[Selection]) -> Iterator[list[int]]:
        """Yield the indices of objects with equal layouts, one batch at a time."""
        by_layout: dict[object, list[int]] = {}
        for number, selection in enumerate(selections):
            by_layout.setdefault(selection.layout, []).append(number)
        for numbers in by_layout.values():
            yield from batches(numbers, self._batch_size())

    def _batch_size(self) -> int:
        if self.settings.objects_per_batch is not None:
            return self.settings.objects_per_batch
        return CPU_OBJECTS if self.model.device.type == "cpu" else sys.maxsize

    def _filled(self, mask: SelectedMask) -> SelectedMask:
        return replace(mask, logits=fill_holes(mask.logits, self.settings.fill_hole_area))
