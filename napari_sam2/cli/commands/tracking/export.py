"""``napari-sam2 export``: tracks with lineage for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class FormatChoice(StrEnum):
    """Values of :class:`napari_sam2.export.tracking.formats.TrackingFormat`."""

    CTC = "ctc"
    GEFF = "geff"
    TRACKMATE = "trackmate"
    TRACKS = "tracks"
    LINEAGE = "lineage"


_Lineage = Annotated[
    Path | None,
    typer.Option(
        help="Parents of labels: .csv with the columns id and parent, *_track.txt, .geff."
    ),
]


def export(
    source: Annotated[
        str, typer.Argument(metavar="SESSION|LABELS", help="Session, or labels of a time series.")
    ],
    *,
    kind: Annotated[FormatChoice, typer.Option("--format", help="Format of the output.")],
    output: Annotated[
        Path, typer.Option(help="Folder (ctc), .geff, .xml (trackmate) or .csv (tracks, lineage).")
    ],
    lineage: _Lineage = None,
    image: Annotated[
        Path | None, typer.Option("--input", help="Image of the session, if it was moved.")
    ] = None,
    axes: Annotated[str | None, typer.Option(help="Axes of the labels: TZYX.")] = None,
    drafts: Annotated[
        bool, typer.Option("--drafts", help="Export masks that are not accepted, too.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier output.")
    ] = False,
) -> None:
    """Write the tracks of SESSION or LABELS with their lineage.

    Exit codes: 0 done, 2 bad input and nothing written.
    """
    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.export.tracking.formats import TrackingFormat
    from napari_sam2.workflows.tracking.export import TrackingExportJob, export_tracks

    console = error_console()
    job = TrackingExportJob(
        source=source,
        kind=TrackingFormat(kind.value),
        output=output,
        lineage=lineage,
        image=image,
        axes=axes,
        drafts=drafts,
        overwrite=overwrite,
    )
    written = export_tracks(job, ConsoleReporter(console))
    count, links = written.n_objects, written.n_links
    console.print(
        f"{count} object{'s' * (count != 1)}, {links} with a parent, written to {written.output}.",
        markup=False,
    )
