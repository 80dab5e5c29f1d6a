"""``napari-sam2 import``: labels of another program as a session, for correction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_sam2.cli.option_defaults import defaults_of, given


def defaults() -> dict[str, Any]:
    """Return the defaults that the help shows."""
    from napari_sam2.workflows.tracking.session_import import SessionImportJob

    return defaults_of(SessionImportJob)


def import_labels(
    labels: Annotated[
        str,
        typer.Argument(
            metavar="LABELS", help="Label image, or a result folder of the Cell Tracking Challenge."
        ),
    ],
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Image of the labels.")],
    *,
    lineage: Annotated[
        Path | None, typer.Option(help="Parents: .csv with id and parent, *_track.txt or .geff.")
    ] = None,
    axes: Annotated[str | None, typer.Option(help="Axes of the labels: TZYX.")] = None,
    image_axes: Annotated[str | None, typer.Option(help="Axes of the image: TCZYX.")] = None,
    model: Annotated[str | None, typer.Option(help="A name or a weights file.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = None,
) -> None:
    """Make a session of LABELS on IMAGE, to correct them in the widget.

    Exit codes: 0 done, 2 bad input.
    """
    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.workflows.tracking.session_import import SessionImportJob, import_session

    console = error_console()
    options = given(lineage=lineage, axes=axes, image_axes=image_axes, model=model, device=device)
    job = SessionImportJob(labels=labels, image=image, **options)
    made = import_session(job, ConsoleReporter(console))
    console.print(
        f"{made.n_objects} object{'s' * (made.n_objects != 1)} imported. Open the session with: "
        f"napari-sam2 resume {made.path}",
        markup=False,
    )
