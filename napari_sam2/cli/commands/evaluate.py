"""``napari-sam2 evaluate``: compare a model with the labels of a stack."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sam2.cli.commands.segment import MemoryChoice
from napari_sam2.cli.image_options import AtOption
from napari_sam2.cli.option_defaults import (
    DtypeOption,
    InputSizeOption,
    converted,
    defaults_of,
    given,
)
from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from napari_sam2.workflows.evaluation.evaluate import Evaluation
    from napari_sam2.workflows.evaluation.model_comparison import ModelEvaluation
    from napari_sam2.workflows.evaluation.predicted import PredictionScores

_OF_LABELS = ("along", "at", "frame")
"""Options that apply to the labels of another program, too."""
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
    _Text, typer.Option(metavar="NAME|N", help="Which image, if a file holds several; see info.")
]
_Prompt = Annotated[
    PromptChoice | None, typer.Option(help="Prompt of each object, made from its labels.")
]
_Exclusion = Annotated[
    bool | None,
    typer.Option("--exclusion/--no-exclusion", help="One object per pixel on each frame."),
]
_Frame = Annotated[
    FrameChoice | None,
    typer.Option(help="Prompted frame of each object; auto: first along t, else middle."),
]
_Memory = Annotated[
    MemoryChoice | None, typer.Option(help="Which frames are remembered while tracking.")
]


def evaluate(
    labels: Annotated[Path, typer.Option(help="Ground truth: same shape without channels.")],
    images: Annotated[_Text, typer.Option(help="File, folder or URL of the images.")] = None,
    predicted: Annotated[
        Path | None, typer.Option(help="Labels of any program to score, without a model.")
    ] = None,
    model: Annotated[_Text, typer.Option(help="Name, or a weights file.")] = None,
    models: Annotated[
        _Text, typer.Option(metavar="A,B,...", help="Several models, side by side.")
    ] = None,
    prompt: _Prompt = None,
    frame: _Frame = None,
    axes: Annotated[_Text, typer.Option(help="One letter per dimension: TCZYX.")] = None,
    labels_axes: Annotated[_Text, typer.Option(help="Axes of the labels: TZYX.")] = None,
    along: Annotated[_Text, typer.Option(help="Axis to propagate along: t, z.")] = None,
    at: AtOption = None,
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
    """Prompt each labeled object once, propagate, and compare with the labels.

    With PREDICTED, compare these labels instead.
    """
    places = given(model=model, axes=axes, along=along, at=at, scene=scene, device=device)
    places |= given(dtype=converted(str, dtype), input_size=input_size)
    options = given(
        prompt=prompt,
        frame=frame,
        view=view,
        memory=memory,
        exclusion=exclusion,
        max_objects=max_objects,
    )
    _check_csv(csv, labels, images, predicted)
    if predicted is not None:
        _check_unused(given(images=images, models=models) | places | options)
        _score(labels, predicted, labels_axes, given(along=along, at=at), frame, csv, tracks=tracks)
        return
    options |= {"tracks": tracks}
    if models is None:
        _evaluate(_required(images), labels, labels_axes, csv, places, options)
        return
    if model is not None:
        raise UserError("Give --model for one model or --models for several, not both.")
    names = tuple(name.strip() for name in models.split(",") if name.strip())
    _compare(names, _required(images), labels, labels_axes, csv, places, options)


def _check_csv(csv: Path | None, labels: Path, images: str | None, predicted: Path | None) -> None:
    """Raise an error, before anything is computed, if the rows cannot be written."""
    from napari_sam2.images.readers import local_path
    from napari_sam2.workflows.score_files import check_score_file

    if csv is None:
        return
    local = None if images is None else local_path(images)
    inputs = (path for path in (labels, predicted, local) if path is not None)
    check_score_file(csv, inputs, replaces=True)


def _required(images: str | None) -> str:
    if images is None:
        raise UserError("Give --images to evaluate a model, or --predicted to score other labels.")
    return images


def _evaluate(
    images: str,
    labels: Path,
    labels_axes: str | None,
    csv: Path | None,
    places: dict[str, Any],
    options: dict[str, Any],
) -> None:
    from rich.console import Console

    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.masks.label_image import open_label_image
    from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings
    from napari_sam2.workflows.evaluation.evaluate import evaluate as run
    from napari_sam2.workflows.evaluation.metrics import write_csv

    settings = EvaluationSettings(**_parsed(options))
    truth = open_label_image(labels, labels_axes)
    reporter = ConsoleReporter(error_console())
    found = run(images, truth, settings=settings, reporter=reporter, **places)
    if csv is not None:
        write_csv(found.rows, csv)
    shown = defaults() | places | given(prompt=options.get("prompt"))
    Console(soft_wrap=True).print(table(found, f"{shown['model']}, {shown['prompt']}"))


def _compare(
    models: tuple[str, ...],
    images: str,
    labels: Path,
    labels_axes: str | None,
    csv: Path | None,
    places: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """Evaluate several models; those that are done are shown if a later one fails."""
    from rich.console import Console

    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.masks.label_image import open_label_image
    from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings
    from napari_sam2.workflows.evaluation.model_comparison import evaluate_models, write_models_csv

    settings = EvaluationSettings(**_parsed(options))
    truth, reporter = open_label_image(labels, labels_axes), ConsoleReporter(error_console())
    found: list[ModelEvaluation] = []
    try:
        found.extend(evaluate_models(images, truth, models, settings, reporter=reporter, **places))
    finally:
        if found:
            if csv is not None:
                write_models_csv(found, csv)
            title = options.get("prompt", defaults()["prompt"])
            Console(soft_wrap=True).print(models_table(found, f"prompt: {title}"))


def models_table(found: Sequence[ModelEvaluation], title: str) -> Table:
    """Return a table with a column for each model."""
    from rich.table import Table

    columns = [_measures(item.evaluation) | _costs(item) for item in found]
    rows = Table("measure", *(item.model for item in found), title=title, title_justify="left")
    for name in dict.fromkeys(name for column in columns for name in column):
        rows.add_row(name, *(column.get(name, "-") for column in columns))
    return rows


def _costs(item: ModelEvaluation) -> dict[str, str]:
    cost, gpu = item.evaluation.cost, item.gpu_memory
    shown = {
        "seconds": f"{cost.seconds:.1f}",
        "windows encoded": str(cost.encodings),
        "memory of the process, GB": f"{item.memory / 1e9:.2f}",
    }
    return shown | ({} if gpu is None else {"memory of the GPU, GB": f"{gpu / 1e9:.2f}"})


def _parsed(options: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the evaluation from options of the command line."""
    from napari_sam2.images.view import ViewPolicy
    from napari_sam2.inference.protocol import MemoryPolicy
    from napari_sam2.prompts.from_labels import LabelPromptKind
    from napari_sam2.workflows.evaluation.evaluate import PromptFrame

    parsed = given(
        prompt=converted(lambda choice: LabelPromptKind(_KINDS[choice]), options.get("prompt")),
        frame=converted(PromptFrame, options.get("frame")),
        view=converted(ViewPolicy.parse, options.get("view")),
        memory=converted(MemoryPolicy, options.get("memory")),
    )
    return options | parsed


def _check_unused(options: dict[str, Any]) -> None:
    """Raise an error for options that do not apply to labels of another program."""
    unused = [name for name in options if name not in _OF_LABELS]
    if unused:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
        raise UserError(f"--predicted compares two label images without a model. Omit {listed}.")


def _score(
    labels: Path,
    predicted: Path,
    labels_axes: str | None,
    places: dict[str, Any],
    frame: FrameChoice | None,
    csv: Path | None,
    *,
    tracks: bool,
) -> None:
    from rich.console import Console

    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.masks.label_image import open_label_image
    from napari_sam2.workflows.evaluation.evaluate import EvaluationSettings, PromptFrame
    from napari_sam2.workflows.evaluation.metrics import write_csv
    from napari_sam2.workflows.evaluation.predicted import score_labels

    settings = EvaluationSettings(tracks=tracks, **given(frame=converted(PromptFrame, frame)))
    truth, other = open_label_image(labels, labels_axes), open_label_image(predicted)
    reporter = ConsoleReporter(error_console())
    found = score_labels(truth, other, settings, reporter=reporter, **places)
    if csv is not None:
        write_csv(found.rows, csv)
    rows = table(found, predicted.name)
    rows.add_row("AP at IoU 0.5", f"{found.precision:.3f}")
    rows.add_row("objects with a match", str(len(found.matches)))
    rows.add_row("additional objects", str(found.additional))
    Console(soft_wrap=True).print(rows)


def table(found: Evaluation | PredictionScores, title: str) -> Table:
    """Return a table of the means; measures without a value are left out."""
    from rich.table import Table

    rows = Table("measure", "value", title=title, title_justify="left")
    for name, value in _measures(found).items():
        rows.add_row(name, value)
    return rows


def _measures(found: Evaluation | PredictionScores) -> dict[str, str]:
    """Return the means as text, by name; measures without a value are left out."""
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
    shown = {name: f"{value:.3f}" for name, value in measures.items() if not math.isnan(value)}
    shown["frames overrun"] = str(summary.overrun)
    if tracks is not None:
        shown["identity switches"] = str(tracks.switches)
    return shown | {"objects": str(len({row.object_id for row in found.rows}))}
