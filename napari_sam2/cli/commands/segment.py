"""``napari-sam2 segment``: prompts in, labels out, for stacks bigger than memory."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_sam2.workflows.job import SegmentOptions


class DirectionChoice(StrEnum):
    """Which ways to go from the prompted frames."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


class LabelsChoice(StrEnum):
    """What the labels of a label image become."""

    MASK = "mask"
    BOX = "box"
    CENTER = "center"


class AxisChoice(StrEnum):
    """Axes that objects can be followed along."""

    T = "t"
    Z = "z"
    Y = "y"
    X = "x"


_Prompts = Annotated[
    Path, typer.Option(help="Points, boxes, masks: .json, .csv, or a label image.")
]
_Along = Annotated[
    AxisChoice | None,
    typer.Option(help="Axis to follow objects along.", show_default="the prompts', else t, z"),
]
_Contrast = Annotated[
    str | None, typer.Option(metavar="LO,HI", help="Values shown as black and white.")
]
_Direction = Annotated[DirectionChoice, typer.Option(help="Ways to go from the prompts.")]

_View = Annotated[str, typer.Option(metavar="auto|full|zoom[:PIXELS]", help="What the model sees.")]
_Refine = Annotated[
    bool, typer.Option("--refine", help="Look at each mask again, closer, at the end.")
]


def segment(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="File, folder or URL.")],
    prompts: _Prompts,
    output: Annotated[Path, typer.Option(help="Labels: .zarr, .ome.zarr or .tif.")],
    model: Annotated[str, typer.Option(help="auto, a name, or a weights file.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    axes: Annotated[str | None, typer.Option(help="One letter per dimension: TCZYX.")] = None,
    along: _Along = None,
    at: Annotated[list[str] | None, typer.Option(help="Fixed position: z=3; repeatable.")] = None,
    channel: Annotated[list[int] | None, typer.Option(help="Channel to use; repeatable.")] = None,
    contrast: _Contrast = None,
    window: Annotated[str | None, typer.Option(help="CT window, e.g. ct-abdomen.")] = None,
    direction: _Direction = DirectionChoice.BOTH,
    frames: Annotated[
        str | None, typer.Option("--range", metavar="A:B", help="Frames A to B - 1 only.")
    ] = None,
    view: _View = "auto",
    refine: _Refine = False,
    labels_as: Annotated[
        LabelsChoice, typer.Option(help="What a label image's labels become.")
    ] = LabelsChoice.MASK,
    scores: Annotated[Path | None, typer.Option(help="CSV, one row per object and frame.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier output.")
    ] = False,
) -> None:
    """Segment prompted objects of INPUT through time or depth.

    Labels have the axes and order of INPUT without channels; their value is the object's id.
    Only a few planes are in memory at a time. Ctrl-C stops after the frame in work.

    Exit codes: 0 done, 2 bad input and nothing written, 3 stopped part-way with what was done
    kept, 130 interrupted; --resume goes on.
    """
    from napari_sam2.workflows.run import run

    options = SegmentOptions(
        source=source,
        prompts=prompts,
        output=output,
        model=model,
        device=device,
        axes=axes,
        along=None if along is None else along.value,
        at=tuple(at or ()),
        channels=tuple(channel) if channel else None,
        contrast=contrast,
        window=window,
        direction=direction.value,
        frames=frames,
        view=view,
        refine=refine,
        labels_as=labels_as.value,
        scores=scores,
        resume=resume,
        overwrite=overwrite,
    )
    raise typer.Exit(run(options))
