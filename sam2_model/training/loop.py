"""The training loop: resumable, seeded, limited in steps and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sam2_model.modeling.sam2 import SAM2
from sam2_model.training.data.batch import Batch, Clips
from sam2_model.training.data.loader import RequestedClips, requested
from sam2_model.training.data.samples import ClipSource
from sam2_model.training.distributed import SingleProcess, TrainingGroup
from sam2_model.training.optim.losses import Losses, LossWeights
from sam2_model.training.optim.optimizer import AverageWeights, Method, make_optimizer
from sam2_model.training.optim.schedule import Curriculum, LearningRate, PromptMix, Request
from sam2_model.training.rollout import Rollout
from sam2_model.training.run_folder import RunFolder

Validate = Callable[[SAM2], Mapping[str, float]]

_PROCESS_SEED = 7919
_PROMPT_STREAM = 2
_REQUEST_STREAM = 3


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings of a training run.

    Parameters
    ----------
    steps : int
        Number of steps of the run.
    seconds : float
        Time limit of the run, resumed parts included. The schedule follows the limit that is
        nearer.
    seed : int
        Seed of data and prompts.
    rate : LearningRate
        Learning rate over the run.
    curriculum : Curriculum
        Sizes of batches over the run.
    prompts : PromptMix
        Probabilities of prompts.
    loss_weights : LossWeights
        Weights of the loss terms.
    method : Method
        Optimization method.
    weight_decay, clip_norm, average : float
        Weight decay of matrices, largest norm of the gradient, decay of averaged weights.
    mixed : bool
        Run image encoder and memory in bfloat16.
    workers : int
        Number of processes that make clips; 0 for the training process. Several make no sample
        twice.
    object_step : int
        The number of objects of a batch is a multiple of this number, unless it is smaller.
    report_every : int
        Number of steps between rows of the log.
    validate_every, save_every : float
        Seconds between validations and between checkpoints.
    """

    steps: int = 10_000
    seconds: float = float("inf")
    seed: int = 0
    rate: LearningRate = field(default_factory=LearningRate)
    curriculum: Curriculum = field(default_factory=Curriculum)
    prompts: PromptMix = field(default_factory=PromptMix)
    loss_weights: LossWeights = field(default_factory=LossWeights)
    method: Method = Method.ADAMW
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    average: float = 0.998
    mixed: bool = False
    workers: int = 1
    object_step: int = 1
    report_every: int = 20
    validate_every: float = 240.0
    save_every: float = 120.0


@dataclass(slots=True)
class _Recent:
    """Losses since the last report, by kind of batch."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, losses: Losses) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        for name in ("total", "cross_entropy", "dice", "iou", "presence"):
            key = f"{kind}.{name}"
            self.sums[key] = self.sums.get(key, 0.0) + float(getattr(losses, name).detach())

    def means(self) -> dict[str, float]:
        return {k: round(v / self.counts[k.split(".")[0]], 5) for k, v in self.sums.items()}


class Trainer:
    """Trains a model, or resumes the run in a folder.

    Parameters
    ----------
    model : SAM2
        Initial weights; those of the folder replace them if there are any.
    source : ClipSource
        Training data.
    folder : Path
        Folder of the run.
    settings : TrainingSettings
        Settings of the run.
    validate : callable, optional
        Function from the averaged model to figures for the log.
    group : TrainingGroup, optional
        Processes that train the same model; the process of rank 0 writes files.
    """

    def __init__(
        self,
        model: SAM2,
        source: ClipSource,
        folder: Path,
        settings: TrainingSettings,
        validate: Validate | None = None,
        group: TrainingGroup | None = None,
    ) -> None:
        self.model = model.train()
        self.folder = RunFolder(folder)
        self.settings = settings
        self.validate = validate
        self.source = source
        self.group: TrainingGroup = group or SingleProcess()
        self.optimizer = make_optimizer(model, settings.method, settings.weight_decay)
        self.average = AverageWeights(model, settings.average)
        self.step = 0
        self.seconds = 0.0
        self._resume()

    @property
    def progress(self) -> float:
        """Fraction of the run that is done."""
        return max(self.step / self.settings.steps, self.seconds / self.settings.seconds)

    def run(self, steps: int | None = None) -> SAM2:
        """Train to the end or for some steps, and return the averaged model."""
        last = self.settings.steps if steps is None else min(self.settings.steps, self.step + steps)
        recent = _Recent()
        started, saved, validated = (time.monotonic() - self.seconds), self.seconds, self.seconds
        for clips in self._clips():
            if self.step >= last or self.progress >= 1:
                break
            batch = clips.batch(self.model.config.image_size, self.model.device)
            kind = "image" if batch.frames == 1 else "clip"
            losses = self._train_on(batch, started)
            if losses is not None:
                recent.add(kind, losses)
            self.step += 1
            if self.group.rank > 0:
                continue
            if self.step % self.settings.report_every == 0:
                self._report(recent.means())
                recent = _Recent()
            if self.seconds - saved > self.settings.save_every:
                saved = self.seconds
                self.save()
            if self.seconds - validated > self.settings.validate_every:
                validated = self.seconds
                self._validate()
        if self.group.rank == 0:
            self.save()
        return self.average.model

    def save(self) -> None:
        """Write the checkpoint that a resumed run needs."""
        self.folder.save(
            {
                "step": self.step,
                "seconds": self.seconds,
                "model": self.model.state_dict(),
                "average": self.average.model.state_dict(),
                "optimiser": self.optimizer.state_dict(),
                "curriculum": asdict(self.settings.curriculum),
            }
        )

    def _resume(self) -> None:
        content = self.folder.load()
        if content is None:
            return
        self.step, self.seconds = content["step"], content["seconds"]
        self.model.load_state_dict(content["model"])
        self.average.model.load_state_dict(content["average"])
        self.optimizer.load_state_dict(content["optimiser"])

    def _requests(self) -> Iterator[Request]:
        """Yield batch sizes without end, ahead of the steps that use them."""
        step = self.step
        while True:
            rng = np.random.default_rng((self.settings.seed, _REQUEST_STREAM, step))
            ahead = (step - self.step) / self.settings.steps
            yield self.settings.curriculum.request(step, self.progress + ahead, rng)
            step += 1

    def _clips(self) -> Iterator[Clips]:
        workers = self.settings.workers
        seed = self.settings.seed + _PROCESS_SEED * self.group.rank
        dataset = RequestedClips(self.source, seed, reuse=1 if workers > 1 else 3)
        on_gpu = self.model.device.type == "cuda"
        return requested(dataset, self._requests(), workers, pinned=on_gpu)

    def _train_on(self, batch: Batch, started: float) -> Losses | None:
        seeds = (self.settings.seed, _PROMPT_STREAM, self.step, self.group.rank)
        losses = self._losses(batch, np.random.default_rng(seeds))
        usable = losses is not None and bool(torch.isfinite(losses.total))
        self.optimizer.zero_grad(set_to_none=True)
        if losses is not None and usable:
            losses.total.backward()
        spent = time.monotonic() - started
        any_usable, self.seconds = self.group.average(self.model.parameters(), usable, spent)
        if any_usable:
            self._update()
        return losses if usable else None

    def _update(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        rate = self.settings.rate.at(self.step, self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.average.update(self.model, self.step)

    def _losses(self, batch: Batch, rng: np.random.Generator) -> Losses | None:
        settings = self.settings
        rollout = Rollout(self.model, settings.loss_weights, settings.mixed)
        if batch.frames == 1:
            seen = self._seen(batch, 0)
            return rollout.images(seen, *settings.prompts.image_plan(rng), rng) if seen else None
        plan = settings.prompts.clip_plan(batch.frames, rng)
        seen = self._seen(batch, plan.prompted)
        return rollout.clip(seen, plan, rng) if seen else None

    def _seen(self, batch: Batch, frame: int) -> Batch:
        seen, step = batch.seen_on(frame), self.settings.object_step
        return seen.first(len(seen) - len(seen) % step) if len(seen) > step else seen

    def _report(self, means: Mapping[str, float]) -> None:
        rate = self.settings.rate.at(self.step, self.progress)
        self.folder.append({**self._now(), "rate": f"{rate:.3e}", **means})

    def _validate(self) -> None:
        if self.validate is None:
            return
        figures = self.validate(self.average.model)
        self.folder.append({**self._now(), **{k: round(v, 4) for k, v in figures.items()}})
        name = f"step{self.step:06d}.pt"
        self.folder.save({"step": self.step, "average": self.average.model.state_dict()}, name)

    def _now(self) -> dict[str, Any]:
        return {"step": self.step, "seconds": round(self.seconds, 1)}
