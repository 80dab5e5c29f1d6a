"""Fine-tune a model on labeled stacks, and compare it with the original on a held-out part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.workflows.training.clips import LabeledStack, StackClips

if TYPE_CHECKING:
    from sam2_model.modeling.sam2 import SAM2
    from sam2_model.training.data.samples import ClipSample
    from sam2_model.training.loop import TrainingSettings

_VALIDATION_SEED = 17

_Subset = list[tuple[LabeledStack, tuple[int, ...]]]


class TrainedWeights(Enum):
    """Which weights are trained."""

    ALL = "all"
    DECODER = "decoder"


@dataclass(frozen=True, slots=True)
class FinetuneSettings:
    """Settings of a fine-tuning.

    Parameters
    ----------
    parts : TrainedWeights
        All weights, or all but those of the image encoder (prompt encoder, mask decoder and
        memory). The latter is faster and preserves more of the original model.
    steps : int
        Number of weight updates.
    rate : float
        Peak learning rate.
    held_out : float
        Share of the stacks, or of the frames of a single stack, that is held out for the report.
    frames : int
        Maximum length of training clips in frames; 1 trains on single images.
    seed : int
        Seed of the random choice of data and prompts.
    """

    parts: TrainedWeights = TrainedWeights.ALL
    steps: int = 300
    rate: float = 1e-4
    held_out: float = 0.2
    frames: int = 4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class FinetuneReport:
    """Mean IoU on the held-out part, before and after fine-tuning.

    Parameters
    ----------
    before, after : mapping of str to float
        ``point`` and ``box`` for single images; ``track`` for clips tracked from the first mask,
        if more than one frame of a stack was held out.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]


def finetune(
    model: SAM2,
    stacks: Sequence[LabeledStack],
    folder: Path,
    settings: FinetuneSettings | None = None,
) -> tuple[SAM2, FinetuneReport]:
    """Train on a part of the data, and measure before and after on the held-out part.

    Parameters
    ----------
    model : SAM2
        The original model, which is modified; use the returned model.
    stacks : sequence of LabeledStack
        At least one.
    folder : Path
        Folder for the log and checkpoints; an interrupted training is resumed from it.
    settings : FinetuneSettings or None
        None uses the default settings.

    Returns
    -------
    tuple of (SAM2, FinetuneReport)
        The model with averaged weights, in evaluation mode, and the report.

    Raises
    ------
    UserError
        If fewer than two frames are labeled.
    """
    from sam2_model.training.loop import Trainer

    chosen = settings or FinetuneSettings()
    side = model.config.image_size
    training, held_out = split(stacks, chosen.held_out)
    measure = _measure(StackClips(held_out, side), _longest(held_out, chosen.frames))
    before = measure(model.eval())
    for parameter in model.image_encoder.parameters():
        parameter.requires_grad_(chosen.parts is TrainedWeights.ALL)
    longest = _longest(training, chosen.frames)
    loop_settings = _training_settings(chosen, longest)
    trainer = Trainer(model, StackClips(training, side), folder, loop_settings)
    trained = trainer.run()
    return trained, FinetuneReport(before, measure(trained))


def split(stacks: Sequence[LabeledStack], held_out: float) -> tuple[_Subset, _Subset]:
    """Hold out the last stacks, or the last labeled frames of a single stack.

    Parameters
    ----------
    stacks : sequence of LabeledStack
        At least one.
    held_out : float
        Share to hold out, between 0 and 1, both excluded.

    Returns
    -------
    tuple of list
        The training part and the held-out part: stacks, each with its labeled frames.

    Raises
    ------
    UserError
        If the share is out of range, or there are fewer than two labeled frames.
    """
    if not 0 < held_out < 1:
        raise UserError(
            f"The held-out share must be between 0 and 1, not {held_out}. Give e.g. 0.2."
        )
    frames = [(s, tuple(t for t in range(s.stack.n_frames) if s.plane(t).any())) for s in stacks]
    frames = [(stack, usable) for stack, usable in frames if usable]
    if sum(len(usable) for _, usable in frames) < 2:
        raise UserError(
            "Fine-tuning needs at least two labeled frames: one is held out for the report. "
            "Label more frames."
        )
    if len(frames) > 1:
        count = min(len(frames) - 1, max(1, round(held_out * len(frames))))
        return frames[:-count], frames[-count:]
    stack, usable = frames[0]
    count = min(len(usable) - 1, max(1, round(held_out * len(usable))))
    return [(stack, usable[:-count])], [(stack, usable[-count:])]


def _longest(stacks: _Subset, limit: int) -> int:
    return min(limit, max(len(usable) for _, usable in stacks))


def _training_settings(chosen: FinetuneSettings, longest: int) -> TrainingSettings:
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

    def scores(model: SAM2) -> Mapping[str, float]:
        found = {
            kind.value: image_iou(model, samples, kind)
            for kind in (PromptKind.POINT, PromptKind.BOX)
        }
        if frames > 1:
            found["track"] = clip_scores(model, samples, PromptKind.MASK).mean_iou
        return found

    return scores
