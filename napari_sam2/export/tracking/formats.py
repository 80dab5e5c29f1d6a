"""Formats of tracks: their names, what they leave out, and writing in any of them."""

from __future__ import annotations

import shutil
from enum import Enum
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.export.tracking.ctc import TRACKS, ctc_notes, write_ctc
from napari_sam2.export.tracking.geff import check_geff, write_geff
from napari_sam2.export.tracking.tables import write_lineage_csv, write_tracks_csv
from napari_sam2.export.tracking.track_table import TrackTable
from napari_sam2.export.tracking.trackmate import write_trackmate


class TrackingFormat(Enum):
    """Formats of tracks."""

    CTC = "ctc"
    GEFF = "geff"
    TRACKMATE = "trackmate"
    TRACKS = "tracks"
    LINEAGE = "lineage"

    @property
    def ending(self) -> str:
        """Ending that the output must have; "" for a folder of any name."""
        endings = {
            TrackingFormat.CTC: "",
            TrackingFormat.GEFF: ".geff",
            TrackingFormat.TRACKMATE: ".xml",
        }
        return endings.get(self, ".csv")

    @property
    def title(self) -> str:
        """Name for the user."""
        titles = {
            TrackingFormat.CTC: "Cell Tracking Challenge, a folder",
            TrackingFormat.GEFF: "GEFF",
            TrackingFormat.TRACKMATE: "TrackMate",
            TrackingFormat.TRACKS: "napari Tracks",
        }
        return titles.get(self, "lineage table")

    @property
    def is_folder(self) -> bool:
        """Whether the output is a folder."""
        return self in (TrackingFormat.CTC, TrackingFormat.GEFF)


def check_tracking_output(path: Path, kind: TrackingFormat, *, overwrite: bool) -> None:
    """Check that tracks can be written to a path, before anything is measured.

    Raises
    ------
    UserError
        If its name has another ending, its folder does not exist, a library is missing, or
        something is there that may not be replaced.
    """
    if kind is TrackingFormat.GEFF:
        check_geff()
    if not path.name.lower().endswith(kind.ending):
        raise UserError(
            f"Cannot write {kind.value} to {path.name}. Give a name that ends in {kind.ending}."
        )
    if not path.absolute().parent.is_dir():
        raise UserError(f"There is no folder {path.parent}. Create it first.")
    if not path.exists():
        return
    if path.is_dir() and not any(path.iterdir()):
        return
    if not overwrite:
        raise UserError(f"{path} exists. Choose another output, or --overwrite it.")
    if path.is_dir() != kind.is_folder or (path.is_dir() and not _is_earlier_output(path, kind)):
        raise UserError(
            f"{path} is not an earlier {kind.value} output, so it is not replaced. Choose another "
            "output, or remove it first."
        )


def _is_earlier_output(folder: Path, kind: TrackingFormat) -> bool:
    if kind is TrackingFormat.GEFF:
        return (folder / "zarr.json").is_file() and (folder / "nodes").is_dir()
    names = {item.name for item in folder.iterdir()}
    masks = {name for name in names if name.startswith("mask") and name.endswith(".tif")}
    return names - masks == {TRACKS}


def tracking_notes(table: TrackTable, kind: TrackingFormat) -> tuple[str, ...]:
    """Return messages about what a format does not store of the tracks."""
    match kind:
        case TrackingFormat.CTC:
            return ctc_notes(table)
        case TrackingFormat.GEFF | TrackingFormat.TRACKMATE:
            return (f"{kind.value} stores positions, sizes and links, not masks.",)
        case TrackingFormat.TRACKS:
            return ("Positions are in pixels: give the layer the scale of the image.",)
        case TrackingFormat.LINEAGE:
            return ()


def write_tracks(path: Path, table: TrackTable, kind: TrackingFormat) -> None:
    """Write tracks in a format; an earlier output is replaced at the end.

    Parameters
    ----------
    path : Path
        The output, see :func:`check_tracking_output`.
    table : TrackTable
        The tracks.
    kind : TrackingFormat
        The format.
    """
    write = {
        TrackingFormat.CTC: write_ctc,
        TrackingFormat.GEFF: write_geff,
        TrackingFormat.TRACKMATE: write_trackmate,
        TrackingFormat.TRACKS: write_tracks_csv,
        TrackingFormat.LINEAGE: write_lineage_csv,
    }[kind]
    if not kind.is_folder:
        write(path, table)
        return
    temporary = path.with_name(f".{path.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        write(temporary, table)
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
