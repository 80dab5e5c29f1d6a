"""Teach a model more with a user's own labelled stacks, and say what it brought."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.workflows.training_clips import LabelledStack, StackClips

if TYPE_CHECKING:
    from sam2_model.modeling.sam2 import SAM2
    from sam2_model.training.data.samples import ClipSample
    from sam2_model.training.loop import TrainingSettings

_VALIDATION_SEED = 17

_Part = list[tuple[LabelledStack, tuple[int, ...]]]


class Parts(Enum):
    """Which weights are trained."""

    ALL = "all"
    DECODER = "decoder"


@dataclass(frozen=True, slots=True)
class FinetuneSettings:
    """How a model is fine-tuned.

    Parameters
    ----------
    parts : Parts
        All weights, or all but the image encoder's (decoder and memory), which is quicker and
        forgets less.
    steps : int
        Weight updates.
    rate : float
        Peak learning rate.
    held_out : float
        Share of the stacks, or of a single stack's frames, that is kept for the report.
    frames : int
        Longest clip; 1 trains on single images.
    seed : int
        Of the choice of data and prompts.
    """

    parts: Parts = Parts.ALL
    steps: int = 300
    rate: float = 1e-4
    held_out: float = 0.2
    frames: int = 4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class FinetuneReport:
    """Mean IoU on the held-out part, by measure, before and after.

    Parameters
    ----------
    before, after : mapping of str to float
        ``point`` and ``box`` on single images; ``track`` along clips from the first mask, where
        more than one frame was held out of a stack.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]


def finetune(
    model: SAM2,
    stacks: Sequence[LabelledStack],
    folder: Path,
    settings: FinetuneSettings | None = None,
) -> tuple[SAM2, FinetuneReport]:
    """Train on most of the data and measure on the rest.

    Parameters
    ----------
    model : SAM2
        Changed in place; use the returned one.
    stacks : sequence of LabelledStack
        At least one.
    folder : Path
        For the log and checkpoints; an interrupted training goes on from there.
    settings : FinetuneSettings or None
        How.

    Returns
    -------
    tuple of (SAM2, FinetuneReport)
        The averaged model, in eval mode, and what it brought.

    Raises
    ------
    UserError
        If too little is labelled to hold something out.
    """
    from sam2_model.training.loop import Trainer

    chosen = settings or FinetuneSettings()
    side = model.config.image_size
    known, unknown = split(stacks, chosen.held_out)
    measure = _measure(StackClips(unknown, side), _longest(unknown, chosen.frames))
    before = measure(model.eval())
    for parameter in model.image_encoder.parameters():
        parameter.requires_grad_(chosen.parts is Parts.ALL)
    longest = _longest(known, chosen.frames)
    trainer = Trainer(model, StackClips(known, side), folder, _training(chosen, longest))
    trained = trainer.run()
    return trained, FinetuneReport(before, measure(trained))


def split(stacks: Sequence[LabelledStack], held_out: float) -> tuple[_Part, _Part]:
    """Keep whole stacks for the report, or the last labelled frames of a single one.

    Parameters
    ----------
    stacks : sequence of LabelledStack
        At least one.
    held_out : float
        Share to keep, between 0 and 1.

    Returns
    -------
    tuple of list
        For training and for the report, each stack with its usable frames.

    Raises
    ------
    UserError
        If there are fewer than two labelled frames in all.
    """
    if not 0 < held_out < 1:
        raise UserError(f"The held-out share must be between 0 and 1, not {held_out}.")
    frames = [(s, tuple(t for t in range(s.stack.n_frames) if s.plane(t).any())) for s in stacks]
    frames = [(stack, usable) for stack, usable in frames if usable]
    if sum(len(usable) for _, usable in frames) < 2:
        raise UserError("Fine-tuning needs two labelled frames at least: one is kept for the test.")
    if len(frames) > 1:
        count = min(len(frames) - 1, max(1, round(held_out * len(frames))))
        return frames[:-count], frames[-count:]
    stack, usable = frames[0]
    count = min(len(usable) - 1, max(1, round(held_out * len(usable))))
    return [(stack, usable[:-count])], [(stack, usable[-count:])]


def _longest(stacks: _Part, limit: int) -> int:
    return min(limit, max(len(usable) for _, usable in stacks))


def _training(chosen: FinetuneSettings, longest: int) -> TrainingSettings:
    from sam2_model.training.loop import TrainingSettings
    from sam2_model.training.optim.schedule import Curriculum, LearningRate

    return TrainingSettings(
        steps=chosen.steps,
        seed=chosen.seed,
        rate=LearningRate(chosen.rate, warmup=min(20, chosen.steps), descent=0.5),
        curriculum=Curriculum(
            clips_from=0.0,
            clip_share=0.5 if longest > 1 else 0.0,
            images=4,
            shortest=min(2, longest),
            longest=longest,
            long_share=0.0,
        ),
        average=0.99,
        workers=0,
        report_every=10,
    )


def _measure(source: StackClips, frames: int) -> Callable[[SAM2], Mapping[str, float]]:
    from sam2_model.training.evaluation.scores import clip_scores, image_iou
    from sam2_model.training.prompts.sampling import PromptKind

    rng = np.random.default_rng(_VALIDATION_SEED)
    samples: list[ClipSample] = [source.sample(rng, frames, 3) for _ in range(8)]

    def figures(model: SAM2) -> Mapping[str, float]:
        found = {
            kind.value: image_iou(model, samples, kind)
            for kind in (PromptKind.POINT, PromptKind.BOX)
        }
        if frames > 1:
            found["track"] = clip_scores(model, samples, PromptKind.MASK).mean_iou
        return found

    return figures
