"""Differentiable passes of the network over images and clips, as in inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sam2_model.frame_time import FrameTime
from sam2_model.memory_bank import MemoryEntry, TrackState
from sam2_model.memory_policies.plain import PlainMemory
from sam2_model.modeling.features import Features
from sam2_model.modeling.layers import upsample
from sam2_model.modeling.mask_decoder import DecodedMasks
from sam2_model.modeling.memory_attention import MemoryTokens
from sam2_model.modeling.sam2 import MAX_POINTERS, SAM2, SelectedMask
from sam2_model.training.cpu_attention import PlainAttention
from sam2_model.training.data.batch import LOSS_STRIDE, Batch
from sam2_model.training.optim.losses import Losses, LossWeights, mask_loss, mean_losses
from sam2_model.training.prompts.sampling import (
    PointPrompts,
    PromptKind,
    corrections,
    first_prompts,
)

_PREVIOUS_CLAMP = 32.0


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """Prompts along a clip, the same for all objects of a batch.

    Parameters
    ----------
    kind : PromptKind
        Kind of the first prompt.
    prompted : int
        Frame of the first prompt. Later frames are tracked forward, then earlier ones backward.
    rounds : int
        Number of corrective clicks on the prompted frame.
    corrected : int or None
        A tracked frame with a corrective click, which makes it a conditioning frame.
    longest : int
        Divisor of the pointers' distances: that of the clip's length, or that of a long video.
    unlearned : int
        Number of frames that are tracked first, without gradients. The network then learns from
        memories with its own accumulated errors, at the cost of inference only.
    """

    kind: PromptKind
    prompted: int = 0
    rounds: int = 0
    corrected: int | None = None
    longest: int = MAX_POINTERS - 1
    unlearned: int = 0


@dataclass(frozen=True, slots=True)
class Rollout:
    """Differentiable passes over a batch.

    Parameters
    ----------
    model : SAM2
        Network in training mode with float32 weights.
    weights : LossWeights
        Weights of the loss terms.
    mixed : bool
        Run image encoder and memory in bfloat16.
    """

    model: SAM2
    weights: LossWeights
    mixed: bool = False

    def images(
        self, batch: Batch, kind: PromptKind, rounds: int, rng: np.random.Generator
    ) -> Losses:
        """Return the losses of prompts and corrective clicks on single images.

        Parameters
        ----------
        batch : Batch
            Clips of one frame.
        kind : PromptKind
            ``POINT`` or ``BOX``.
        rounds : int
            Number of corrective clicks after the first prompt.
        rng : numpy.random.Generator
            Random generator for the prompts.
        """
        with self._attention():
            features = self._encode_clip(batch, [0])[0]
            image = self.model.add_no_memory_embedding(features)
            losses = self._prompted(features, image, batch, 0, kind, rounds, rng)[1]
            return mean_losses(losses)

    def clip(self, batch: Batch, plan: ClipPlan, rng: np.random.Generator) -> Losses:
        """Return the losses of prompting one frame and tracking the objects on the others.

        Parameters
        ----------
        batch : Batch
            Clips whose objects are all visible on the prompted frame.
        plan : ClipPlan
            Prompts along the clip.
        rng : numpy.random.Generator
            Random generator for the prompts.
        """
        with self._attention():
            order = list(_order(plan.prompted, batch.frames))
            early, late = order[: plan.unlearned], order[plan.unlearned :]
            frames = self._encode_clip(batch, [plan.prompted, *(frame for frame, _ in late)])
            state, losses = self._start(frames[plan.prompted], batch, plan, rng)
            with torch.no_grad():
                frames |= self._encode_clip(batch, [frame for frame, _ in early])
                state, _ = self._track_all(frames, batch, early, plan, state)
            parts = self._track_all(frames, batch, late, plan, state)[1]
            return mean_losses(losses + parts)

    def _track_all(
        self,
        frames: Mapping[int, Features],
        batch: Batch,
        order: Sequence[tuple[int, bool]],
        plan: ClipPlan,
        state: TrackState,
    ) -> tuple[TrackState, list[Losses]]:
        losses: list[Losses] = []
        for frame, reverse in order:
            step = _Step(frame, reverse, plan.longest)
            state, parts = self._track(frames[frame], batch, step, plan, state)
            losses += parts
        return state, losses

    def _encode_clip(self, batch: Batch, frames: Sequence[int]) -> dict[int, Features]:
        """Return the features of some frames, one entry of the batch for each object."""
        if not frames:
            return {}
        with self._autocast():
            features = self.model.encode_image(batch.pixels[:, list(frames)].flatten(0, 1))
        parts = (features.top, features.stride4, features.stride8)
        clips = len(batch.pixels)
        split = [p.float().unflatten(0, (clips, -1)) for p in parts]
        return {
            frame: Features(*(p[:, index].index_select(0, batch.clip_of) for p in split))
            for index, frame in enumerate(frames)
        }

    def _start(
        self, features: Features, batch: Batch, plan: ClipPlan, rng: np.random.Generator
    ) -> tuple[TrackState, list[Losses]]:
        frame = plan.prompted
        if plan.kind is PromptKind.MASK:
            losses: list[Losses] = []
            mask = self.model.mask_as_output(features, batch.masks[:, frame, None])
        else:
            image = self.model.add_no_memory_embedding(features)
            mask, losses = self._prompted(
                features, image, batch, frame, plan.kind, plan.rounds, rng
            )
        entry = self._entry(features, frame, mask, binary=True)
        return TrackState().with_conditioning(entry), losses

    def _prompted(
        self,
        features: Features,
        image: Tensor,
        batch: Batch,
        frame: int,
        kind: PromptKind,
        rounds: int,
        rng: np.random.Generator,
    ) -> tuple[SelectedMask, list[Losses]]:
        prompts = first_prompts(batch.coverage[:, frame], kind, rng, LOSS_STRIDE)
        decoded = self._decode(features, image, prompts, None)
        losses = [self._loss(decoded, batch, frame, prompts.ambiguous)]
        mask = self._select_mask(decoded, prompts.ambiguous)
        for _ in range(rounds):
            prompts = prompts.joined(self._corrections(mask, batch, frame))
            decoded = self._decode(features, image, prompts, mask.logits)
            losses.append(self._loss(decoded, batch, frame, False))
            mask = self._select_mask(decoded, False)
        return mask, losses

    def _track(
        self, features: Features, batch: Batch, step: _Step, plan: ClipPlan, state: TrackState
    ) -> tuple[TrackState, list[Losses]]:
        image = self._condition(features, state, step)
        decoded = self._decode(features, image, None, None)
        mask = self._select_mask(decoded, True)
        losses = [self._loss(decoded, batch, step.frame, True)]
        if step.frame != plan.corrected:
            entry = self._entry(features, step.frame, mask, binary=False)
            return state.with_non_conditioning(entry), losses
        prompts = self._corrections(mask, batch, step.frame)
        decoded = self._decode(features, image, prompts, mask.logits)
        losses.append(self._loss(decoded, batch, step.frame, True))
        entry = self._entry(features, step.frame, self._select_mask(decoded, True), binary=True)
        return state.with_conditioning(entry), losses

    def _condition(self, features: Features, state: TrackState, step: _Step) -> Tensor:
        selection = PlainMemory().select(state, FrameTime(step.frame, step.reverse), None)
        slots, distances = selection.layout
        pointers = [entry.pointer for entry, _ in selection.pointers]
        empty = features.top.new_zeros(len(features.top), 0, self.model.config.d_model)
        memories = MemoryTokens(
            torch.stack([e.spatial for e, _ in selection.spatial if e.spatial is not None], 1),
            slots,
            torch.stack(pointers, 1) if pointers else empty,
            torch.tensor(distances, device=self.model.device).float() / step.longest,
        )
        with self._autocast():
            return self.model.condition_on_memory(features, memories).float()

    def _decode(
        self,
        features: Features,
        image: Tensor,
        prompts: PointPrompts | None,
        previous: Tensor | None,
    ) -> DecodedMasks:
        mask_input = (
            None if previous is None else previous.detach().clamp(-_PREVIOUS_CLAMP, _PREVIOUS_CLAMP)
        )
        points = None if prompts is None else prompts.points
        labels = None if prompts is None else prompts.labels
        return self.model.decode_masks(image, features.high_res, points, labels, mask_input)

    def _select_mask(self, decoded: DecodedMasks, ambiguous: bool) -> SelectedMask:
        return self.model.select_mask(decoded, ambiguous=ambiguous, dynamic=False)

    def _entry(
        self, features: Features, frame: int, mask: SelectedMask, *, binary: bool
    ) -> MemoryEntry:
        with self._autocast():
            spatial = self.model.encode_memory(
                features, mask.logits, mask.object_score, binary=binary
            )
        return MemoryEntry(frame, None, mask.pointer, mask.object_score, spatial.float())

    def _corrections(self, mask: SelectedMask, batch: Batch, frame: int) -> PointPrompts:
        truth = batch.coverage[:, frame] > 0.5
        logits = upsample(mask.logits.detach(), (truth.shape[-2], truth.shape[-1]))
        return corrections(logits[:, 0] > 0, truth, LOSS_STRIDE)

    def _loss(self, decoded: DecodedMasks, batch: Batch, frame: int, ambiguous: bool) -> Losses:
        truth = batch.coverage[:, frame, None]
        return mask_loss(decoded, truth, ambiguous=ambiguous, weights=self.weights)

    def _attention(self) -> AbstractContextManager[object]:
        return PlainAttention() if self.model.device.type == "cpu" else nullcontext()

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.mixed)


@dataclass(frozen=True, slots=True)
class _Step:
    """One tracked frame."""

    frame: int
    reverse: bool
    longest: int


def _order(prompted: int, frames: int) -> Iterator[tuple[int, bool]]:
    """Yield the frames after the prompted one, then those before it, and whether in reverse."""
    yield from ((frame, False) for frame in range(prompted + 1, frames))
    yield from ((frame, True) for frame in range(prompted - 1, -1, -1))
