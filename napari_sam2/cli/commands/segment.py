"""``napari-sam2 segment``: segment prompted objects of an image stack of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from napari_sam2.cli.candidate_options import (
    DiameterOption,
    FindOption,
    MaxAreaOption,
    MaxObjectsOption,
    MinAreaOption,
    MinScoreOption,
    TextModelOption,
    job_options,
)
from napari_sam2.cli.image_options import (
    AtOption,
    AxesOption,
    ChannelOption,
    ContrastOption,
    DeviceOption,
    ModelOption,
    OverwriteOption,
    SceneOption,
    SourceArgument,
    WindowOption,
)
from napari_sam2.cli.option_defaults import DtypeOption, InputSizeOption, defaults_of, given

if TYPE_CHECKING:
    from napari_sam2.workflows.job import SegmentationJob


class DirectionChoice(StrEnum):
    """Values of :class:`napari_sam2.PropagationDirection`."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


class DivisionChoice(StrEnum):
    """Values of :class:`napari_sam2.workflows.tracking.divisions.DivisionMode`."""

    OFF = "off"
    FLAG = "flag"
    AUTO = "auto"


class LabelsChoice(StrEnum):
    """Values of :class:`napari_sam2.prompts.from_labels.LabelPromptKind`."""

    MASK = "mask"
    BOX = "box"
    CENTER = "center"


class MemoryChoice(StrEnum):
    """Values of :class:`napari_sam2.inference.protocol.MemoryPolicy`."""

    PLAIN = "plain"
    DISTRACTOR_AWARE = "distractor-aware"
    MEMORY_TREE = "memory-tree"


class AxisChoice(StrEnum):
    """Axes to propagate along."""

    T = "t"
    Z = "z"
    Y = "y"
    X = "x"
    T_AND_Z = "t,z"
    Z_Y_X = "z,y,x"


def defaults() -> dict[str, Any]:
    """Return the defaults that the help shows."""
    from napari_sam2.inference.model_catalog import AUTO_DTYPE
    from napari_sam2.session.settings import SessionSettings
    from napari_sam2.workflows.job import SegmentationJob

    found = {"memory": SessionSettings().memory.value, "dtype": AUTO_DTYPE}
    return defaults_of(SegmentationJob) | found


_Text = str | None
_Prompts = Annotated[
    Path | None,
    typer.Option(help="Points, boxes, masks, also of examples: .json, .csv, or a label image."),
]
_FindEvery = Annotated[
    int | None, typer.Option(metavar="N", help="Search every N frames for new objects, too.")
]
_Output = Annotated[
    Path,
    typer.Option(
        help="Labels: .zarr, .ome.zarr, .tif, .nii.gz, .nii, .coco.json or .png (a folder)."
    ),
]
_Along = Annotated[
    AxisChoice | None,
    typer.Option(
        help="Axis to propagate along; t,z for volumes over time, z,y,x to fuse three axes.",
        show_default="the prompts', else t, z",
    ),
]
_Interpolate = Annotated[
    str | None,
    typer.Option(metavar="auto|N", help="Track through N planes between two slices."),
]
_Direction = Annotated[
    DirectionChoice | None, typer.Option(help="Directions to propagate in, from the prompts.")
]
_Range = Annotated[_Text, typer.Option("--range", metavar="A:B", help="Only frames A to B - 1.")]
_View = Annotated[
    _Text,
    typer.Option(metavar="auto|full|zoom[:PIXELS]", help="Part of a plane shown to the model."),
]
_Exclusion = Annotated[
    bool | None,
    typer.Option("--exclusion/--no-exclusion", help="One object per pixel on each frame."),
]
_Memory = Annotated[
    MemoryChoice | None, typer.Option(help="Which frames are remembered while tracking.")
]
_Refine = Annotated[
    bool, typer.Option("--refine", help="Predict each mask again at higher zoom, at the end.")
]
_FeatureCache = Annotated[
    bool,
    typer.Option(
        "--feature-cache/--no-feature-cache",
        help="Keep image features on disk for the next run on these images.",
    ),
]
_LabelsAs = Annotated[
    LabelsChoice | None, typer.Option(help="Kind of prompts made from a label image.")
]
_LabelsAxes = Annotated[_Text, typer.Option(help="Axes of a label image: TZYX.")]
_Divisions = Annotated[
    DivisionChoice | None, typer.Option(help="Divisions along t: report them, or make daughters.")
]
_Lineage = Annotated[
    Path | None, typer.Option(help="CSV of the parents to write, for --divisions auto.")
]
_Scores = Annotated[Path | None, typer.Option(help="CSV, one row per object and frame.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Resume a stopped run.")]


def segment(
    source: SourceArgument,
    output: _Output,
    prompts: _Prompts = None,
    find: FindOption = None,
    find_every: _FindEvery = None,
    text_model: TextModelOption = None,
    min_score: MinScoreOption = None,
    min_area: MinAreaOption = None,
    max_area: MaxAreaOption = None,
    max_objects: MaxObjectsOption = None,
    diameter: DiameterOption = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    input_size: InputSizeOption = None,
    axes: AxesOption = None,
    along: _Along = None,
    interpolate: _Interpolate = None,
    at: AtOption = None,
    channel: ChannelOption = None,
    scene: SceneOption = None,
    contrast: ContrastOption = None,
    window: WindowOption = None,
    direction: _Direction = None,
    frames: _Range = None,
    view: _View = None,
    exclusion: _Exclusion = None,
    memory: _Memory = None,
    refine: _Refine = False,
    feature_cache: _FeatureCache = False,
    divisions: _Divisions = None,
    lineage: _Lineage = None,
    labels_as: _LabelsAs = None,
    labels_axes: _LabelsAxes = None,
    scores: _Scores = None,
    resume: _Resume = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Segment objects of INPUT through time or depth, from prompts or from what --find finds.

    Labels have the axes and order of INPUT without channels; their values are object ids. Only a
    few planes are in memory at a time. Ctrl-C stops after the current frame.

    Exit codes: 0 done, 2 bad input and nothing written, 3 stopped part-way with finished frames
    kept, 130 interrupted. --resume continues after 3 and 130.
    """
    _run(given(**locals()))


def _run(options: dict[str, Any]) -> NoReturn:
    from napari_sam2.cli.console import ConsoleReporter, error_console, exit_code, print_outcome
    from napari_sam2.workflows.run import run_segmentation

    console = error_console()
    outcome = run_segmentation(job_of(options), ConsoleReporter(console))
    print_outcome(outcome, console)
    raise typer.Exit(exit_code(outcome.ending))


def job_of(options: Mapping[str, Any]) -> SegmentationJob:
    """Return the job of the options of this command, by parameter name."""
    from napari_sam2.workflows.job import SegmentationJob

    return SegmentationJob(**_parsed(job_options(options)))


def _parsed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with the texts of this command parsed into the types of the job."""
    from napari_sam2.cli.parsing import parse_range
    from napari_sam2.images.view import ViewPolicy
    from napari_sam2.inference.protocol import MemoryPolicy
    from napari_sam2.prompts.from_labels import LabelPromptKind
    from napari_sam2.tracking.axis_fusion.plan import InterpolatedPlanes
    from napari_sam2.tracking.plan import PropagationDirection
    from napari_sam2.workflows.tracking.divisions import DivisionMode

    parsers: dict[str, Callable[[Any], Any]] = {
        "along": str,
        "interpolate": InterpolatedPlanes.parse,
        "direction": PropagationDirection,
        "frames": parse_range,
        "view": ViewPolicy.parse,
        "memory": MemoryPolicy,
        "divisions": DivisionMode,
        "labels_as": LabelPromptKind,
    }
    return {name: parsers[name](v) if name in parsers else v for name, v in options.items()}
