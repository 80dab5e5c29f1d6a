"""``napari-sam2 evaluate``: how well a model does on a labelled stack."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from napari_sam2.prompts.from_labels import LabelPromptKind
    from napari_sam2.workflows.evaluation.evaluate import Evaluation


class PromptChoice(StrEnum):
    """What each object is prompted with."""

    POINT = "point"
    BOX = "box"
    MASK = "mask"


class FrameChoice(StrEnum):
    """Where each object is prompted."""

    AUTO = "auto"
    FIRST = "first"
    MIDDLE = "middle"


def evaluate(
    images: Annotated[str, typer.Option(help="File, folder or URL of the images.")],
    labels: Annotated[Path, typer.Option(help="True labels: same shape without channels.")],
    model: Annotated[str, typer.Option(help="Name, or a weights file.")] = "auto",
    prompt: Annotated[PromptChoice, typer.Option(help="Made from the truth.")] = PromptChoice.POINT,
    frame: Annotated[
        FrameChoice, typer.Option(help="Prompted frame of each object; auto: middle in z.")
    ] = FrameChoice.AUTO,
    axes: Annotated[str | None, typer.Option(help="One letter per dimension: TCZYX.")] = None,
    along: Annotated[str | None, typer.Option(help="Axis to propagate along: t, z.")] = None,
    view: Annotated[str, typer.Option(help="auto, full, zoom or zoom:PIXELS.")] = "auto",
    tracks: Annotated[bool, typer.Option("--tracks", help="SEG, TRA, identity switches.")] = False,
    max_objects: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    csv: Annotated[Path | None, typer.Option(help="One row per object and frame.")] = None,
) -> None:
    """Prompt each labelled object once, follow it, and compare with the labels."""
    from rich.console import Console

    from napari_sam2.images.view import ViewPolicy
    from napari_sam2.masks.label_image import open_label_image
    from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings, PromptFrame
    from napari_sam2.workflows.evaluation.evaluate import evaluate as run
    from napari_sam2.workflows.evaluation.metrics import write_csv

    settings = EvaluationSettings(
        prompt=_kind(prompt),
        frame=PromptFrame(frame.value),
        view=ViewPolicy.parse(view),
        tracks=tracks,
        max_objects=max_objects,
    )
    truth = open_label_image(labels)
    found = run(images, truth, model, settings, axes=axes, along=along, device=device)
    if csv is not None:
        write_csv(found.rows, csv)
    Console(soft_wrap=True).print(table(found, f"{model}, {prompt.value}"))


def table(found: Evaluation, title: str) -> Table:
    """Return the means as a table; measures without any value are left out."""
    from rich.table import Table

    summary, tracks = found.summary, found.tracks
    measures = {
        "IoU, later frames": summary.iou,
        "IoU of copying the prompted mask": summary.copied,
        "J&F": summary.region_and_boundary,
        "J": summary.region,
        "F": summary.boundary,
        "Dice of whole objects": summary.dice,
        "left empty where absent": summary.absent_empty,
    }
    if tracks is not None:
        measures |= {"SEG": tracks.seg, "TRA": tracks.tra, "DET": tracks.det}
    made = Table("measure", "value", title=title, title_justify="left")
    for name, value in measures.items():
        if not math.isnan(value):
            made.add_row(name, f"{value:.3f}")
    made.add_row("frames overrun", str(summary.overrun))
    if tracks is not None:
        made.add_row("identity switches", str(tracks.switches))
    made.add_row("objects", str(len({row.object_id for row in found.rows})))
    return made


def _kind(prompt: PromptChoice) -> LabelPromptKind:
    from napari_sam2.prompts.from_labels import LabelPromptKind

    kinds = {
        PromptChoice.POINT: LabelPromptKind.CENTER,
        PromptChoice.BOX: LabelPromptKind.BOX,
        PromptChoice.MASK: LabelPromptKind.MASK,
    }
    return kinds[prompt]
