"""Divisions in the labels of a run: reported, or written as daughters with a lineage table."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.export.tracking.tables import write_lineage_rows
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.tracking.division.daughters import DaughterLabels
from napari_sam2.tracking.division.detection import detect_divisions

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.workflows.reporter import Reporter


class DivisionMode(Enum):
    """What is done about divisions of tracked objects."""

    OFF = "off"
    """Nothing."""
    FLAG = "flag"
    """They are reported; labels stay as they are."""
    AUTO = "auto"
    """Daughters get labels of their own, and the parents are written to a table."""


def check_divisions(
    mode: DivisionMode, lineage: Path | None, stack: Stack, *, replaces: bool
) -> None:
    """Check the options of divisions, before anything is computed.

    Parameters
    ----------
    mode : DivisionMode
        What is done about divisions.
    lineage : Path or None
        Where parents are written.
    stack : Stack
        The image.
    replaces : bool
        Whether an earlier table may be replaced.

    Raises
    ------
    UserError
        If there is no time axis, or the table is missing, not needed or cannot be written.
    """
    if mode is not DivisionMode.OFF and stack.along != "t":
        raise UserError(
            f"Divisions are found along t only; the run is along {stack.along}. Leave out "
            "--divisions: along z a branch belongs to the same object."
        )
    if (mode is DivisionMode.AUTO) != (lineage is not None):
        raise UserError(
            "--divisions auto needs --lineage FILE.csv, where the parents are written."
            if lineage is None
            else "--lineage is for --divisions auto only. Leave it out, or add that."
        )
    if lineage is None:
        return
    if lineage.suffix.lower() != ".csv":
        raise UserError(f"The lineage cannot be written to {lineage.name}. Give a .csv file.")
    if lineage.is_dir() or not lineage.absolute().parent.is_dir():
        raise UserError(f"{lineage} cannot be written. Give a file in a folder that exists.")
    if lineage.exists() and not replaces:
        raise UserError(f"{lineage} exists. Choose another file, or --overwrite it.")


def write_divisions(
    session: SegmentationSession,
    labels: LabelArray,
    mode: DivisionMode,
    lineage: Path | None,
    reporter: Reporter,
) -> tuple[int, ...]:
    """Report divisions, and write daughters if they are wanted; masks are not changed.

    Returns
    -------
    tuple of int
        The ids of all objects in the labels, increasing.
    """
    ids = tuple(session.masks.objects())
    if mode is DivisionMode.OFF:
        return ids
    divisions = detect_divisions(_planes(session))
    for division in divisions:
        reporter.message(f"Division: {division.text}")
    if not divisions:
        reporter.message("No divisions were found.")
    if lineage is None:
        return ids
    daughters = DaughterLabels(divisions, max(ids, default=0) + 1)
    for frame, plane in enumerate(_planes(session)):
        divided = daughters.add(frame, plane)
        labels.write(session.stack.index(frame), Window.of(session.stack.shape), divided)
    write_lineage_rows(lineage, daughters.spans, daughters.lineage)
    return tuple(daughters.spans)


def _planes(session: SegmentationSession) -> Iterator[NDArray[Any]]:
    """Yield the labels (H, W) of all frames, as they follow from the masks."""
    window = Window.of(session.stack.shape)
    for frame in range(session.stack.n_frames):
        yield compose_labels(session.masks.at(session.stack.index(frame)), window)
