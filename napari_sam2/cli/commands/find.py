"""``napari-sam2 find``: find objects on one plane without prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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


def defaults() -> dict[str, Any]:
    """Return the defaults that the help shows."""
    from napari_sam2.candidates.candidate import CandidateLimits
    from napari_sam2.inference.model_catalog import AUTO_DTYPE
    from napari_sam2.workflows.search.find import FindJob

    shown = {"dtype": AUTO_DTYPE, "min_score": CandidateLimits().min_score, "frame": 0}
    return defaults_of(FindJob) | shown


_Output = Annotated[
    Path, typer.Option(help="Prompts: .json; or labels: .tif and the formats of segment.")
]
_Prompts = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Masks of the examples of like:ID (.json or a label image)."),
]
_Frame = Annotated[int | None, typer.Option(help="Frame to search, counted from 0.")]
_Along = Annotated[str | None, typer.Option(help="Axis of the frames: t, z, y, x.")]


def find(
    source: SourceArgument,
    output: _Output,
    find: FindOption = None,
    text_model: TextModelOption = None,
    prompts: _Prompts = None,
    frame: _Frame = None,
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
    at: AtOption = None,
    channel: ChannelOption = None,
    scene: SceneOption = None,
    contrast: ContrastOption = None,
    window: WindowOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Find objects on one frame of INPUT without prompts.

    The output holds masks that do not overlap, best first. A .json file can be edited and given
    to segment --prompts; so can labels.
    """
    _run(given(**locals()))


def _run(options: dict[str, Any]) -> None:
    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.workflows.search.find import FindJob, find_candidates

    console = error_console()
    outcome = find_candidates(FindJob(**job_options(options)), ConsoleReporter(console))
    count = len(outcome.candidates)
    found = "1 object" if count == 1 else f"{count} objects"
    untrained = "" if outcome.model.trained else " The model is untrained."
    console.print(f"{found} found, written to {outcome.output}.{untrained}", markup=False)
