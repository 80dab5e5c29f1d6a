"""``napari-sam2 measure``: a table of sizes, positions and intensities of labeled objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_Channel = Annotated[list[int] | None, typer.Option(help="Channel to measure; repeatable.")]
_Axes = Annotated[str | None, typer.Option(help="Axes of the labels: TZYX.")]
_ImageAxes = Annotated[str | None, typer.Option(help="Axes of the image: TCZYX.")]


def measure(
    labels: Annotated[str, typer.Argument(help="Label image: file, folder or URL.")],
    image: Annotated[str | None, typer.Argument(help="Image whose values are measured.")] = None,
    *,
    output: Annotated[Path, typer.Option(help="Table to write: .csv.")],
    axes: _Axes = None,
    image_axes: _ImageAxes = None,
    channel: _Channel = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier table.")
    ] = False,
) -> None:
    """Measure each object of LABELS on each frame, in physical units.

    Along z an object is one volume, and its frame is empty unless there is a time axis.
    """
    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.workflows.measure import MeasurementJob, measure_labels

    job = MeasurementJob(
        labels=labels,
        output=output,
        image=image,
        axes=axes,
        image_axes=image_axes,
        channels=channel,
        overwrite=overwrite,
    )
    console = error_console()
    outcome = measure_labels(job, ConsoleReporter(console))
    rows = "1 row" if outcome.rows == 1 else f"{outcome.rows} rows"
    console.print(f"{rows} written to {outcome.output}.", markup=False)
