"""``napari-sam2 train``: fine-tune a model on labelled stacks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from napari_sam2.workflows.finetune import FinetuneReport
    from napari_sam2.workflows.training_clips import LabelledStack


class PartsChoice(StrEnum):
    """Which weights are trained."""

    ALL = "all"
    DECODER = "decoder"


def train(
    images: Annotated[list[str], typer.Option(help="File, folder or URL; repeatable.")],
    labels: Annotated[list[Path], typer.Option(help="Labels of each --images, in its order.")],
    output: Annotated[Path, typer.Option(help="Weights to write, .safetensors.")],
    start: Annotated[str, typer.Option("--from", help="Model name, or a weights file.")] = "micro",
    parts: Annotated[
        PartsChoice, typer.Option(help="decoder leaves the image encoder as it is.")
    ] = PartsChoice.ALL,
    steps: Annotated[int, typer.Option(min=1, help="Weight updates.")] = 300,
    rate: Annotated[float, typer.Option(min=0, help="Peak learning rate.")] = 1e-4,
    held_out: Annotated[float, typer.Option(help="Share kept for the report.")] = 0.2,
    frames: Annotated[int, typer.Option(min=1, help="Longest clip; 1: single images.")] = 4,
    axes: Annotated[str | None, typer.Option(help="One letter per dimension: TCZYX.")] = None,
    along: Annotated[str | None, typer.Option(help="Axis that clips run along: t, z.")] = None,
    seed: Annotated[int, typer.Option(help="Of the choice of data and prompts.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Fine-tune a model on labelled stacks and report a held-out part before and after.

    The log lies in a folder beside OUTPUT; an interrupted training goes on from it.
    """
    from rich.console import Console

    from napari_sam2.workflows.finetune import FinetuneSettings, Parts, finetune
    from sam2_model.checkpoint import load_model, save_model

    if output.suffix != ".safetensors":
        raise UserError(f"The output must end in .safetensors, not {output.suffix or 'nothing'}.")
    stacks = _stacks(images, labels, axes, along)
    settings = FinetuneSettings(Parts(parts.value), steps, rate, held_out, frames, seed)
    model = load_model(start, device=device)
    run = output.with_name(f"{output.stem}_training")
    trained, report = finetune(model, stacks, run, settings)
    names = ", ".join(images)
    save_model(trained, output, notes=f"Fine-tuned from {start} on {names}: {steps} steps.")
    Console(soft_wrap=True).print(table(report))
    Console(soft_wrap=True).print(f"Weights are in {output}", highlight=False)


def table(report: FinetuneReport) -> Table:
    """Return mean IoU before and after, by measure."""
    from rich.table import Table

    made = Table("held-out mean IoU", "before", "after", title_justify="left")
    for name, before in report.before.items():
        made.add_row(name, f"{before:.3f}", f"{report.after[name]:.3f}")
    return made


def _stacks(
    images: list[str], labels: list[Path], axes: str | None, along: str | None
) -> list[LabelledStack]:
    from napari_sam2.images.intensity import choose_intensity
    from napari_sam2.images.stack import open_stack
    from napari_sam2.masks.label_image import open_label_image
    from napari_sam2.workflows.training_clips import LabelledStack

    if len(images) != len(labels):
        raise UserError(
            f"{len(images)} --images but {len(labels)} --labels: give one of each per stack."
        )
    made = []
    for source, truth in zip(images, labels, strict=True):
        stack = open_stack(source, axes=axes, along=along)
        made.append(LabelledStack(stack, open_label_image(truth), choose_intensity(stack)))
    return made
