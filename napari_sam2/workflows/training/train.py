"""Fine-tune a model on labeled stacks in files, and write its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference.model_catalog import AUTO_DEVICE, BUNDLED
from napari_sam2.masks.label_image import check_all_frames, open_label_image, place_notes
from napari_sam2.workflows.reporter import NullReporter, Reporter
from napari_sam2.workflows.training.clips import LabeledStack
from napari_sam2.workflows.training.finetune import FinetuneReport, FinetuneSettings, finetune

_WEIGHTS_SUFFIX = ".safetensors"


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """A fine-tuning from files to a weights file, as the command ``train`` runs it.

    Parameters
    ----------
    images : sequence of str or Path
        Files, folders or URLs of the images, one per stack.
    labels : sequence of Path
        Ground truth labels of each stack, in the same order.
    output : Path
        Weights file to write, .safetensors. The log and checkpoints are written to a folder
        beside it.
    start : str or Path
        The original model: a name or a weights file.
    axes : str or None
        One letter per dimension, e.g. ``"TCZYX"``; None uses the axes that the files specify.
    labels_axes : str or None
        Axes of the labels; None uses the axes that their files specify.
    along : str or None
        The axis along which clips run; None uses t, else z.
    scene : str, int or None
        Name or number of the image in files of several; None opens the default one.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    settings : FinetuneSettings
        Settings of the fine-tuning.
    """

    images: Sequence[str | Path]
    labels: Sequence[Path]
    output: Path
    start: str | Path = BUNDLED
    axes: str | None = None
    labels_axes: str | None = None
    along: str | None = None
    scene: str | int | None = None
    device: str = AUTO_DEVICE
    settings: FinetuneSettings = field(default_factory=FinetuneSettings)


@dataclass(frozen=True)
class TrainingOutcome:
    """Result of :func:`train`.

    Parameters
    ----------
    output : Path
        The written weights file.
    report : FinetuneReport
        Scores on the held-out part, before and after.
    """

    output: Path
    report: FinetuneReport


def train(job: TrainingJob, reporter: Reporter | None = None) -> TrainingOutcome:
    """Fine-tune a model and write its weights; an interrupted training is resumed.

    Parameters
    ----------
    job : TrainingJob
        Files, model and settings.
    reporter : Reporter or None
        Receives notes about the images; None discards them.

    Raises
    ------
    UserError
        If the images, the labels or the output cannot be used.
    SAM2Error
        If the model or the device is not available.
    """
    from sam2_model.checkpoint import load_model, save_model

    if job.output.suffix != _WEIGHTS_SUFFIX:
        suffix = job.output.suffix or "nothing"
        raise UserError(f"The output must end in {_WEIGHTS_SUFFIX}, not in {suffix}.")
    stacks = _open_stacks(job, reporter or NullReporter())
    model = load_model(job.start, device=job.device)
    folder = job.output.with_name(f"{job.output.stem}_training")
    trained, report = finetune(model, stacks, folder, job.settings)
    names = ", ".join(map(str, job.images))
    steps = job.settings.steps
    save_model(trained, job.output, notes=f"Fine-tuned from {job.start} on {names}: {steps} steps.")
    return TrainingOutcome(job.output, report)


def _open_stacks(job: TrainingJob, reporter: Reporter) -> list[LabeledStack]:
    if len(job.images) != len(job.labels):
        raise UserError(
            f"There are {len(job.images)} --images but {len(job.labels)} --labels. "
            "Give one of each per stack."
        )
    stacks = []
    for source, labels in zip(job.images, job.labels, strict=True):
        stack = open_stack(source, axes=job.axes, along=job.along, scene=job.scene)
        for note in stack.notes:
            reporter.message(note)
        truth = open_label_image(labels, job.labels_axes)
        for note in place_notes(truth, stack):
            reporter.message(note)
        check_all_frames(truth, stack)
        stacks.append(LabeledStack(stack, truth, choose_intensity(stack)))
    return stacks
