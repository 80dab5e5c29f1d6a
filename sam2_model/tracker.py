"""Tracks objects from frame to frame. States are arguments and results; the tracker keeps none."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sam2_model.batching import batches, concatenate, resolve_overlaps, take
from sam2_model.errors import InputError
from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry, Retention, TrackState
from sam2_model.memory_policies.plain import PlainMemory
from sam2_model.memory_policies.policy import MemoryPolicy
from sam2_model.memory_policies.selection import Selection, memory_tokens
from sam2_model.modeling.features import Features
from sam2_model.modeling.sam2 import SAM2, SelectedMask
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
    memory : MemoryPolicy
        Which frames are remembered, and which of them a frame attends to. Only
        :class:`PlainMemory` gives the results of Meta's predictor.
    presence_threshold : float or None
        Object score that a tracked object must exceed to count as visible (0 in Meta's
        predictor). A higher threshold leaves more frames without the object empty and misses the
        object on more frames. Results and memories hold the score minus the threshold. None uses
        the network's own threshold on whole frames, and 0 in windows that follow the object.
    objects_per_batch : int or None
        Number of objects tracked in one batch. None uses all on a GPU and 4 on a CPU, where
        larger batches were measured to be slower.

    Raises
    ------
    InputError
        If ``non_overlap_memory`` is on and ``memory`` keeps several masks of an object.
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
    memory: MemoryPolicy = field(default_factory=PlainMemory)
    presence_threshold: float | None = None
    objects_per_batch: int | None = None

    def __post_init__(self) -> None:
        if self.non_overlap_memory and not self.memory.one_mask:
            raise InputError(
                "non_overlap_memory needs one mask of each object: use another memory policy, "
                "or switch it off"
            )


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
        policy = self.settings.memory
        paths = [policy.paths(state) for state in states]
        found = iter(self._candidates(features, time, [p for each in paths for p in each], zoomed))
        continued = [
            policy.choose(state, [next(found) for _ in each])
            for state, each in zip(states, paths, strict=True)
        ]
        masks = [item.mask for each in continued for item in each]
        entries = iter(self._encode_tracked(features, time.frame, masks))
        results = []
        for state, each in zip(states, continued, strict=True):
            remembered = [(item, next(entries)) for item in each]
            after = policy.remember(state, remembered, time, self.settings.retention)
            results.append((self._filled(each[0].mask), after))
        return results

    def _candidates(
        self, features: Features, time: FrameTime, paths: Sequence[TrackState], zoomed: bool
    ) -> list[tuple[SelectedMask, ...]]:
        """Return the masks to choose from for each path, in batches of one."""
        selections = [self._select(path, time) for path in paths]
        found: dict[int, tuple[SelectedMask, ...]] = {}
        for group in self._groups(selections):
            image = self._condition(features, time, [selections[i] for i in group])
            decoded = self.model.decode_masks(image, features.high_res, None, None, None)
            score = decoded.object_score - self._presence_threshold(zoomed)
            decoded = replace(decoded, object_score=score)
            masks = self.settings.memory.candidates(self.model, decoded)
            for row, i in enumerate(group):
                found[i] = tuple(take(mask, slice(row, row + 1)) for mask in masks)
        return [found[i] for i in range(len(paths))]

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

        return state.shifted(shifted, (rows, columns))

    def _presence_threshold(self, zoomed: bool) -> float:
        if self.settings.presence_threshold is not None:
            return self.settings.presence_threshold
        return 0.0 if zoomed else self.model.config.presence_threshold

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
            MemoryEntry(
                frame,
                logits[i, 0],
                kept.pointer[i],
                kept.object_score[i],
                spatial[i],
                kept.ious[i],
            )
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
        memories = memory_tokens(self.model, features, time, selections, self.settings.memory_dtype)
        if memories is None:
            image = self.model.add_no_memory_embedding(features)
            return image.expand(len(selections), -1, -1, -1)
        return self.model.condition_on_memory(features, memories)

    def _select(self, path: TrackState, time: FrameTime) -> Selection:
        return self.settings.memory.select(path, time, self.settings.max_conditioning)

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
