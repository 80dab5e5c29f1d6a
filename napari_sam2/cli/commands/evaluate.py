"""``napari-sam2 evaluate``: compare a model with the labels of a stack."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sam2.cli.commands.segment import MemoryChoice
from napari_sam2.cli.options import (
    DtypeOption,
    InputSizeOption,
    converted,
    defaults_of,
    given,
)

if TYPE_CHECKING:
    from rich.table import Table

    from napari_sam2.workflows.evaluation.evaluate import Evaluation

_KINDS = {"point": "center", "box": "box", "mask": "mask"}


class PromptChoice(StrEnum):
    """Kinds of prompts: the keys of ``_KINDS``, which has the values of ``LabelPromptKind``."""

    POINT = "point"
    BOX = "box"
    MASK = "mask"


class FrameChoice(StrEnum):
    """Values of :class:`napari_sam2.workflows.evaluation.evaluate.PromptFrame`, without START."""

    AUTO = "auto"
    FIRST = "first"
    MIDDLE = "middle"


def defaults() -> dict[str, Any]:
    """Return the defaults that the help shows."""
    from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, AUTO_MODEL
    from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings

    found = defaults_of(EvaluationSettings)
    [prompt] = [choice for choice, kind in _KINDS.items() if kind == found["prompt"]]
    return found | {
        "prompt": prompt,
        "model": AUTO_MODEL,
        "device": AUTO_DEVICE,
        "dtype": AUTO_DTYPE,
    }


_Text = str | None
_Scene = Annotated[
    _Text, typer.Option(metavar="NAME|N", help="Image of a file of several, see info.")
]
_Prompt = Annotated[
    PromptChoice | None, typer.Option(help="Prompt of each object, made from its labels.")
]
_Exclusion = Annotated[
    bool | None,
    typer.Option("--exclusion/--no-exclusion", help="One object per pixel on each frame."),
]
_Frame = Annotated[
    FrameChoice | None, typer.Option(help="Prompted frame of each object; auto: middle in z.")
]
_Memory = Annotated[
    MemoryChoice | None, typer.Option(help="Which frames are remembered while tracking.")
]


def evaluate(
    images: Annotated[str, typer.Option(help="File, folder or URL of the images.")],
    labels: Annotated[Path, typer.Option(help="Ground truth: same shape without channels.")],
    model: Annotated[_Text, typer.Option(help="Name, or a weights file.")] = None,
    prompt: _Prompt = None,
    frame: _Frame = None,
    axes: Annotated[_Text, typer.Option(help="One letter per dimension: TCZYX.")] = None,
    labels_axes: Annotated[_Text, typer.Option(help="Axes of the labels: TZYX.")] = None,
    along: Annotated[_Text, typer.Option(help="Axis to propagate along: t, z.")] = None,
    scene: _Scene = None,
    view: Annotated[_Text, typer.Option(help="auto, full, zoom or zoom:PIXELS.")] = None,
    memory: _Memory = None,
    exclusion: _Exclusion = None,
    tracks: Annotated[bool, typer.Option("--tracks", help="SEG, TRA, identity switches.")] = False,
    max_objects: Annotated[int | None, typer.Option(min=1, help="Maximum number.")] = None,
    device: Annotated[_Text, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    dtype: DtypeOption = None,
    input_size: InputSizeOption = None,
    csv: Annotated[Path | None, typer.Option(help="One row per object and frame.")] = None,
) -> None:
    """Prompt each labeled object once, propagate, and compare with the labels."""
    from rich.console import Console

    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.images.view import ViewPolicy
    from napari_sam2.inference.protocol import MemoryPolicy
    from napari_sam2.masks.label_image import open_label_image
    from napari_sam2.prompts.from_labels import LabelPromptKind
    from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings, PromptFrame
    from napari_sam2.workflows.evaluation.evaluate import evaluate as run
    from napari_sam2.workflows.evaluation.metrics import write_csv

    options = given(
        prompt=converted(lambda choice: LabelPromptKind(_KINDS[choice]), prompt),
        frame=converted(PromptFrame, frame),
        view=converted(ViewPolicy.parse, view),
        memory=converted(MemoryPolicy, memory),
        exclusion=exclusion,
        max_objects=max_objects,
    )
    settings = EvaluationSettings(tracks=tracks, **options)
    truth = open_label_image(labels, labels_axes)
    reporter = ConsoleReporter(error_console())
    places = given(model=model, axes=axes, along=along, scene=scene, device=device)
    places |= given(dtype=converted(str, dtype), input_size=input_size)
    found = run(images, truth, settings=settings, reporter=reporter, **places)
    if csv is not None:
        write_csv(found.rows, csv)
    shown = defaults() | given(model=model, prompt=prompt)
    Console(soft_wrap=True).print(table(found, f"{shown['model']}, {shown['prompt']}"))


def table(found: Evaluation, title: str) -> Table:
    """Return a table of the means; measures without a value are left out."""
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
    rows = Table("measure", "value", title=title, title_justify="left")
    for name, value in measures.items():
        if not math.isnan(value):
            rows.add_row(name, f"{value:.3f}")
    rows.add_row("frames overrun", str(summary.overrun))
    if tracks is not None:
        rows.add_row("identity switches", str(tracks.switches))
    rows.add_row("objects", str(len({row.object_id for row in found.rows})))
    return rows
