"""Follow objects from frame to frame. The tracker keeps nothing: states go in and come out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sam2_model.batching import batches, joined, part_of, separate
from sam2_model.memory_bank import MemoryEntry, Retention, Selection, TrackState, select
from sam2_model.modeling.features import Features
from sam2_model.modeling.sam2 import MAX_POINTERS, SAM2, MemoryTokens, SelectedMask
from sam2_model.transforms import PointTokens, fill_holes

_PROMPT_CLAMP = 32.0
_AMBIGUOUS_POINTS = 1
CPU_OBJECTS = 4


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How prompts and memories are used. Every field has the reference's meaning.

    Parameters
    ----------
    binarize_prompted : bool
        Memories of prompted frames come from the thresholded mask, not its probabilities.
    dynamic_multimask : bool
        A single mask that is unstable gives way to the best of three.
    corrections_condition : bool
        A correction on a tracked frame becomes a conditioning frame. The reference leaves this
        off, whereby the next propagation overwrites the correction.
    clear_around_input : bool
        Forget ordinary memories near a prompted frame when propagation reaches it.
    fill_hole_area : int
        Background specks of at most so many low-resolution pixels are filled.
    non_overlap_masks, non_overlap_memory : bool
        Each pixel belongs to one object, in results and in memories respectively.
    max_prompted : int or None
        How many conditioning frames a frame attends to, nearest first.
    memory_dtype : torch.dtype
        Of stored spatial memories.
    retention : Retention
        Which memories of tracked frames are kept.
    presence_threshold : float or None
        Object score that a tracked object must exceed to count as visible; 0 in the reference.
        More of the frames without an object are left empty with a higher one, fewer of those
        with it are found. Results and memories hold the score less the threshold. None takes
        the network's own on whole frames, and 0 in windows that follow the object.
    objects_per_batch : int or None
        Objects tracked at once; None takes all on a GPU and a few on a CPU, where larger batches
        were measured to be slower.
    """

    binarize_prompted: bool = True
    dynamic_multimask: bool = True
    corrections_condition: bool = True
    clear_around_input: bool = False
    fill_hole_area: int = 0
    non_overlap_masks: bool = False
    non_overlap_memory: bool = False
    max_prompted: int | None = None
    memory_dtype: torch.dtype = torch.bfloat16
    retention: Retention = Retention.WINDOW
    presence_threshold: float | None = None
    objects_per_batch: int | None = None


@dataclass(frozen=True, slots=True)
class FrameTime:
    """Where in time a step happens.

    Parameters
    ----------
    frame : int
        The frame.
    reverse : bool
        Whether time runs backward.
    frames : int
        Length of the video; anything from 16 on gives the same results.
    """

    frame: int
    reverse: bool = False
    frames: int = MAX_POINTERS


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked about one object on one frame.

    Parameters
    ----------
    points : PointTokens or None
        Clicks and box corners, (1, N, 2).
    mask : Tensor or None
        (1, 1, S, S) bool, taken as the result; excludes points.
    previous : Tensor or None
        (S/4, S/4) logits of the object's earlier mask on this frame, which points refine.
    """

    points: PointTokens | None = None
    mask: Tensor | None = None
    previous: Tensor | None = None


class Tracker:
    """Prompts, memories and masks of many objects, on frames that are encoded once.

    Parameters
    ----------
    model : SAM2
        The network, in eval mode.
    settings : TrackerSettings
        How it is used.
    """

    def __init__(self, model: SAM2, settings: TrackerSettings | None = None) -> None:
        self.model = model
        self.settings = settings or TrackerSettings()

    @torch.inference_mode()
    def prompt(
        self, features: Features, place: FrameTime, prompt: Prompt, state: TrackState | None
    ) -> SelectedMask:
        """Segment one object on one frame, without writing a memory.

        Parameters
        ----------
        features : Features
            Of the frame, batch 1.
        place : FrameTime
            The frame in time.
        prompt : Prompt
            Points, or a mask.
        state : TrackState or None
            Memories to attend to (a correction of a tracked frame), or None (a first prompt).

        Returns
        -------
        SelectedMask
            For a batch of one.
        """
        if prompt.mask is not None:
            return self._filled(self.model.adopt(features, prompt.mask))
        image = self._conditioned(features, place, state)
        points, previous = prompt.points, prompt.previous
        hint = None
        if previous is not None:
            hint = previous[None, None].float().clamp(-_PROMPT_CLAMP, _PROMPT_CLAMP)
        decoded = self.model.decode(
            image,
            features.high_res,
            None if points is None else points.points,
            None if points is None else points.labels,
            hint,
        )
        ambiguous = points is None or points.count <= _AMBIGUOUS_POINTS
        choice = self.model.choose(
            decoded, ambiguous=ambiguous, dynamic=self.settings.dynamic_multimask
        )
        return self._filled(choice)

    @torch.inference_mode()
    def remember(
        self, features: Features, frame: int, choices: Sequence[SelectedMask]
    ) -> list[MemoryEntry]:
        """Write prompted masks (each a batch of one) of one frame as memories."""
        entries: list[MemoryEntry] = []
        for group in batches(choices, self._batch_size()):
            choice = joined(group)
            entries += self._entries(
                features, frame, choice, choice, binary=self.settings.binarize_prompted
            )
        return entries

    @torch.inference_mode()
    def track(
        self,
        features: Features,
        place: FrameTime,
        states: Sequence[TrackState],
        *,
        zoomed: bool = False,
    ) -> list[tuple[SelectedMask, TrackState]]:
        """Follow objects onto a frame.

        Parameters
        ----------
        features : Features
            Of the frame, batch 1.
        place : FrameTime
            The frame in time.
        states : sequence of TrackState
            One per object.
        zoomed : bool
            Whether the features are of a window that follows the objects, not of a whole frame.

        Returns
        -------
        list of (MaskChoice, TrackState)
            In the order of ``states``; each choice is a batch of one.
        """
        selections = [self._select(state, place) for state in states]
        choices: list[SelectedMask | None] = [None] * len(states)
        for group in self._groups(selections):
            image = self._recall(features, place, [selections[i] for i in group])
            decoded = self.model.decode(image, features.high_res, None, None, None)
            score = decoded.object_score - self._presence_threshold(zoomed)
            decoded = replace(decoded, object_score=score)
            choice = self.model.choose(decoded, ambiguous=True, dynamic=False)
            for row, i in enumerate(group):
                choices[i] = part_of(choice, slice(row, row + 1))
        found = [choice for choice in choices if choice is not None]
        entries = self._remember_tracked(features, place.frame, found)
        return [
            (self._filled(choice), self._advanced(state, entry, place))
            for choice, state, entry in zip(found, states, entries, strict=True)
        ]

    def _presence_threshold(self, zoomed: bool) -> float:
        asked = self.settings.presence_threshold
        if asked is not None:
            return asked
        return 0.0 if zoomed else self.model.config.presence_threshold

    def shift(self, state: TrackState, rows: int, columns: int) -> TrackState:
        """Return memories as seen from a window moved by whole tokens.

        What was outside the old window looks like what was nearest to it there: zeros are unlike
        any memory that a network has seen, and lead tracks astray. Windows that have nothing in
        common leave zeros all the same.
        """

        def moved(spatial: Tensor) -> Tensor:
            height, width = spatial.shape[-2:]
            if abs(rows) >= height or abs(columns) >= width:
                return torch.zeros_like(spatial)
            y = torch.arange(rows, rows + height, device=spatial.device).clamp(0, height - 1)
            x = torch.arange(columns, columns + width, device=spatial.device).clamp(0, width - 1)
            return spatial[..., y[:, None], x]

        return state.map(moved)

    def _advanced(self, state: TrackState, entry: MemoryEntry, place: FrameTime) -> TrackState:
        state = replace(state.with_tracked(entry), reverse=place.reverse)
        if self.settings.retention is Retention.ALL:
            return state
        return state.pruned(place.frame, reverse=place.reverse)

    def _remember_tracked(
        self, features: Features, frame: int, choices: list[SelectedMask]
    ) -> list[MemoryEntry]:
        if not choices:
            return []
        whole = joined(choices)
        seen = whole
        if self.settings.non_overlap_memory:
            seen = replace(whole, logits=separate(whole.logits))
        entries: list[MemoryEntry] = []
        for rows in batches(range(len(choices)), self._batch_size()):
            part = slice(rows[0], rows[-1] + 1)
            entries += self._entries(
                features, frame, part_of(seen, part), part_of(whole, part), binary=False
            )
        return entries

    def _entries(
        self,
        features: Features,
        frame: int,
        seen: SelectedMask,
        kept: SelectedMask,
        *,
        binary: bool,
    ) -> list[MemoryEntry]:
        """Encode ``seen`` masks; ``kept`` ones stay with the memory, holes filled."""
        spatial = self.model.remember(features, seen.logits, seen.object_score, binary=binary)
        spatial = spatial.to(self.settings.memory_dtype)
        logits = self._filled(kept).logits
        return [
            MemoryEntry(frame, logits[i, 0], kept.pointer[i], kept.object_score[i], spatial[i])
            for i in range(len(spatial))
        ]

    def _conditioned(
        self, features: Features, place: FrameTime, state: TrackState | None
    ) -> Tensor:
        if state is None:
            return self.model.without_memory(features)
        return self._recall(features, place, [self._select(state, place)])

    def _recall(
        self, features: Features, place: FrameTime, selections: Sequence[Selection]
    ) -> Tensor:
        slots, distances = selections[0].layout
        if not slots and not distances:
            return self.model.without_memory(features).expand(len(selections), -1, -1, -1)
        longest = max(1, min(place.frames, MAX_POINTERS) - 1)
        memories = MemoryTokens(
            spatial=torch.stack([self._spatial(s, features) for s in selections]),
            slots=slots,
            pointers=torch.stack([self._pointers(s) for s in selections]),
            distances=torch.tensor(distances, device=self.model.device).float() / longest,
        )
        return self.model.recall(features, memories)

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

    def _select(self, state: TrackState, place: FrameTime) -> Selection:
        return select(
            state,
            place.frame,
            reverse=place.reverse,
            frames=place.frames,
            max_prompted=self.settings.max_prompted,
        )

    def _groups(self, selections: Sequence[Selection]) -> Iterator[list[int]]:
        """Yield objects whose memories are equally long, a batch at a time."""
        alike: dict[object, list[int]] = {}
        for number, selection in enumerate(selections):
            alike.setdefault(selection.layout, []).append(number)
        for numbers in alike.values():
            yield from batches(numbers, self._batch_size())

    def _batch_size(self) -> int:
        if self.settings.objects_per_batch is not None:
            return self.settings.objects_per_batch
        return CPU_OBJECTS if self.model.device.type == "cpu" else sys.maxsize

    def _filled(self, choice: SelectedMask) -> SelectedMask:
        return replace(choice, logits=fill_holes(choice.logits, self.settings.fill_hole_area))
