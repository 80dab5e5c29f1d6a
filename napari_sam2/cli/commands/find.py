"""``napari-sam2 find``: find objects on one plane without prompts."""

from __future__ import annotations

from collections.abc import Callable
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
)
from napari_sam2.cli.options import DtypeOption, InputSizeOption, defaults_of, given


def defaults() -> dict[str, Any]:
    """Return the defaults that the help shows."""
    from napari_sam2.candidates.candidate import CandidateLimits
    from napari_sam2.workflows.find import FindJob

    shown = {name: value for name, value in defaults_of(FindJob).items() if name != "limits"}
    return shown | {"min_score": CandidateLimits().min_score, "frame": 0}


_Text = str | None
_Source = Annotated[
    list[str], typer.Argument(metavar="INPUT...", help="File, folder or URL; or images: frames.")
]
_Output = Annotated[
    Path, typer.Option(help="Prompts: .json; or labels: .tif and the formats of segment.")
]
_Prompts = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Masks of the examples of like:ID: .json, labels."),
]
_Frame = Annotated[int | None, typer.Option(help="Frame to search, counted from 0.")]
_Model = Annotated[_Text, typer.Option(help="auto, a name, or a weights file.")]
_Device = Annotated[_Text, typer.Option(help="auto, cpu, cuda, cuda:1, mps or tcp://HOST:8786.")]
_Axes = Annotated[_Text, typer.Option(help="One letter per dimension: TCZYX.")]
_Along = Annotated[_Text, typer.Option(help="Axis of the frames: t, z, y, x.")]
_At = Annotated[list[str] | None, typer.Option(help="Fixed position: z=3; repeatable.")]
_Channel = Annotated[list[int] | None, typer.Option(help="Channel to use; repeatable.")]
_Scene = Annotated[_Text, typer.Option(metavar="NAME|N", help="Image of a file of several.")]
_Contrast = Annotated[_Text, typer.Option(metavar="LO,HI", help="Values shown as black and white.")]
_Window = Annotated[_Text, typer.Option(help="CT window: auto, or e.g. ct-abdomen.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")]


def find(
    source: _Source,
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
    model: _Model = None,
    device: _Device = None,
    dtype: DtypeOption = None,
    input_size: InputSizeOption = None,
    axes: _Axes = None,
    along: _Along = None,
    at: _At = None,
    channel: _Channel = None,
    scene: _Scene = None,
    contrast: _Contrast = None,
    window: _Window = None,
    overwrite: _Overwrite = False,
) -> None:
    """Find objects on one frame of INPUT without prompts.

    The output holds masks that do not overlap, best first. A .json file can be edited and given
    to segment --prompts; so can labels.
    """
    limits = given(
        min_score=min_score, min_area=min_area, max_area=max_area, max_objects=max_objects
    )
    options = given(
        find=find,
        text_model=text_model,
        prompts=prompts,
        frame=frame,
        diameter=diameter,
        model=model,
        device=device,
        dtype=dtype,
        input_size=input_size,
        axes=axes,
        along=along,
        at=at,
        channels=channel,
        scene=scene,
        contrast=contrast,
        window=window,
    )
    inputs = source[0] if len(source) == 1 else tuple(source)
    _run({"source": inputs, "output": output, "overwrite": overwrite} | options, limits)


def _run(options: dict[str, Any], limits: dict[str, Any]) -> None:
    from napari_sam2.candidates.candidate import CandidateLimits
    from napari_sam2.candidates.target import SearchTarget
    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.cli.parsing import parse_contrast
    from napari_sam2.workflows.find import FindJob, find_candidates

    parsers: dict[str, Callable[[str], Any]] = {
        "contrast": parse_contrast,
        "dtype": str,
        "find": SearchTarget.parse,
    }
    parsed = {name: parsers[name](v) if name in parsers else v for name, v in options.items()}
    console = error_console()
    job = FindJob(limits=CandidateLimits(**limits), **parsed)
    outcome = find_candidates(job, ConsoleReporter(console))
    count = len(outcome.candidates)
    found = "1 object" if count == 1 else f"{count} objects"
    untrained = "" if outcome.model.trained else " The model is untrained."
    console.print(f"{found} found, written to {outcome.output}.{untrained}", markup=False)
