"""``napari-sam2 measure``: a table of sizes, shapes, positions and intensities of objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_Channel = Annotated[list[int] | None, typer.Option(help="Channel to measure; repeatable.")]
_Axes = Annotated[str | None, typer.Option(help="Axes of the labels: TZYX.")]
_ImageAxes = Annotated[str | None, typer.Option(help="Axes of the image: TCZYX.")]


_Lineage = Annotated[
    Path | None, typer.Option(help="Parents of labels: .csv, *_track.txt or .geff.")
]


def measure(
    labels: Annotated[
        str, typer.Argument(metavar="LABELS|SESSION", help="Label image, run folder or session.")
    ],
    image: Annotated[
        str | None,
        typer.Argument(help="Image whose values are measured; that of a session by default."),
    ] = None,
    *,
    output: Annotated[Path, typer.Option(help="Table to write: .csv or .parquet.")],
    axes: _Axes = None,
    image_axes: _ImageAxes = None,
    channel: _Channel = None,
    lineage: _Lineage = None,
    drafts: Annotated[
        bool, typer.Option("--drafts", help="Measure masks that are not accepted, too.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier table.")
    ] = False,
) -> None:
    """Measure each object of LABELS or SESSION on each frame, in physical units.

    Along z an object is one volume, and its frame is empty unless there is a time axis.
    """
    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.workflows.measurements.job import MeasurementJob
    from napari_sam2.workflows.measurements.measure import measure_labels

    job = MeasurementJob(
        labels=labels,
        output=output,
        image=image,
        axes=axes,
        image_axes=image_axes,
        channels=channel,
        lineage=lineage,
        drafts=drafts,
        overwrite=overwrite,
    )
    console = error_console()
    outcome = measure_labels(job, ConsoleReporter(console))
    rows = "1 row" if outcome.rows == 1 else f"{outcome.rows} rows"
    console.print(f"{rows} written to {outcome.output}.", markup=False)
