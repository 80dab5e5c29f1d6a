"""``napari-sam2 export``: tracks with lineage, or semantic labels, for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_sam2.core.errors import UserError


class FormatChoice(StrEnum):
    """Values of :class:`napari_sam2.export.tracking.formats.TrackingFormat`, and SEMANTIC."""

    CTC = "ctc"
    GEFF = "geff"
    TRACKMATE = "trackmate"
    TRACKS = "tracks"
    LINEAGE = "lineage"
    SEMANTIC = "semantic"


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
        Path,
        typer.Option(
            help="Folder (ctc), .geff, .xml (trackmate), .csv (tracks, lineage), labels (semantic)."
        ),
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
    """Write the tracks of SESSION or LABELS with their lineage, or the classes of SESSION.

    Exit codes: 0 done, 2 bad input and nothing written.
    """
    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.export.tracking.formats import TrackingFormat
    from napari_sam2.workflows.tracking.export import TrackingExportJob, export_tracks

    console = error_console()
    if kind is FormatChoice.SEMANTIC:
        _export_semantic(
            source, output, image, {"--lineage": lineage, "--axes": axes}, drafts, overwrite
        )
        return
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


def _export_semantic(
    source: str,
    output: Path,
    image: Path | None,
    unused: Mapping[str, object],
    drafts: bool,
    overwrite: bool,
) -> None:
    from napari_sam2.cli.console import ConsoleReporter, error_console
    from napari_sam2.workflows.tracking.semantic_export import SemanticExportJob, export_semantic

    if given := [option for option, value in unused.items() if value is not None]:
        raise UserError(f"{given[0]} has no effect on semantic labels. Leave it out.")
    job = SemanticExportJob(
        session=Path(source), output=output, image=image, drafts=drafts, overwrite=overwrite
    )
    console = error_console()
    done = export_semantic(job, ConsoleReporter(console))
    objects = f"{done.n_objects} object{'s' * (done.n_objects != 1)}"
    classes = f"{done.n_classes} class{'es' * (done.n_classes != 1)}"
    console.print(
        f"{objects} of {classes} written to {output}; names in {done.table.name}.", markup=False
    )
