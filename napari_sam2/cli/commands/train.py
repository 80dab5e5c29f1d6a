"""``napari-sam2 train``: fine-tune a model on labeled stacks."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sam2.cli.option_defaults import converted, defaults_of, given

if TYPE_CHECKING:
    from rich.table import Table

    from napari_sam2.workflows.training.finetune import FinetuneReport


class PartsChoice(StrEnum):
    """Values of :class:`napari_sam2.workflows.training.finetune.TrainedWeights`."""

    ALL = "all"
    DECODER = "decoder"


def defaults() -> dict[str, Any]:
    """Return the defaults that the help shows."""
    from napari_sam2.workflows.training.finetune import FinetuneSettings
    from napari_sam2.workflows.training.train import TrainingJob

    return defaults_of(FinetuneSettings) | defaults_of(TrainingJob)


_Text = str | None
_Scene = Annotated[
    _Text, typer.Option(metavar="NAME|N", help="Which image, if a file holds several; see info.")
]
_Parts = Annotated[
    PartsChoice | None, typer.Option(help="decoder leaves the image encoder as it is.")
]


def train(
    images: Annotated[list[str], typer.Option(help="File, folder or URL; repeatable.")],
    labels: Annotated[list[Path], typer.Option(help="Labels of each --images, in its order.")],
    output: Annotated[Path, typer.Option(help="Weights to write, .safetensors.")],
    start: Annotated[_Text, typer.Option("--from", help="Model name, or a weights file.")] = None,
    parts: _Parts = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Weight updates.")] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Peak learning rate.")] = None,
    held_out: Annotated[
        float | None, typer.Option(help="Share of the frames held out for the report.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Frames of the longest clip; 1 for single images.")
    ] = None,
    axes: Annotated[_Text, typer.Option(help="One letter per dimension: TCZYX.")] = None,
    labels_axes: Annotated[_Text, typer.Option(help="Axes of the labels: TZYX.")] = None,
    along: Annotated[_Text, typer.Option(help="Axis that clips run along: t, z.")] = None,
    scene: _Scene = None,
    seed: Annotated[int | None, typer.Option(help="Seed for data and prompts.")] = None,
    device: Annotated[_Text, typer.Option(help="auto, cpu, cuda or mps.")] = None,
) -> None:
    """Fine-tune a model on labeled stacks and report scores of a held-out part before and after.

    The log and checkpoints are in a folder beside OUTPUT, from which an interrupted training is
    resumed.
    """
    from rich.console import Console

    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.workflows.training.finetune import FinetuneSettings, TrainedWeights
    from napari_sam2.workflows.training.train import TrainingJob
    from napari_sam2.workflows.training.train import train as run

    settings = given(
        parts=converted(TrainedWeights, parts),
        steps=steps,
        rate=rate,
        held_out=held_out,
        frames=frames,
        seed=seed,
    )
    job = TrainingJob(
        images=images,
        labels=labels,
        output=output,
        settings=FinetuneSettings(**settings),
        **given(
            start=start,
            axes=axes,
            labels_axes=labels_axes,
            along=along,
            scene=scene,
            device=device,
        ),
    )
    outcome = run(job, ConsoleReporter(error_console()))
    console = Console(soft_wrap=True)
    console.print(table(outcome.report))
    console.print(f"Weights are in {outcome.output}", highlight=False)


def table(report: FinetuneReport) -> Table:
    """Return a table of the mean IoU before and after, by measure."""
    from rich.table import Table

    rows = Table("held-out mean IoU", "before", "after", title_justify="left")
    for name, before in report.before.items():
        rows.add_row(name, f"{before:.3f}", f"{report.after[name]:.3f}")
    return rows
