"""Export tracks with their lineage, from a session or labels to a file of another program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.ctc_folder import find_ctc_tracks, open_ctc_masks
from napari_sam2.export.tracking.formats import (
    TrackingFormat,
    check_tracking_output,
    tracking_notes,
    write_tracks,
)
from napari_sam2.export.tracking.label_movie import LabelMovie
from napari_sam2.export.tracking.lineage_files import read_lineage
from napari_sam2.export.tracking.track_table import measure_tracks
from napari_sam2.images.input_files import check_outside, input_paths
from napari_sam2.images.stack import Stack
from napari_sam2.session.tracks.imported_labels import open_labels
from napari_sam2.workflows.reporter import RecordingReporter, Reporter
from napari_sam2.workflows.tracking.saved_labels import is_session, open_saved_labels


@dataclass(frozen=True, kw_only=True)
class TrackingExportJob:
    """One export, as the command ``export`` makes it.

    Parameters
    ----------
    source : str or Path
        The folder of a session, a packed session, or a label image with a time axis.
    kind : TrackingFormat
        Format of the output.
    output : Path
        File or folder to write.
    lineage : Path or None
        Parents of labels, see :func:`napari_sam2.export.tracking.lineage_files.read_lineage`; None
        uses the track file of a result folder of the Cell Tracking Challenge.
    image : Path or None
        The image of a session; None opens the file that the session names.
    axes : str or None
        Axes of labels, e.g. ``"TYX"``; None uses those of the file.
    drafts : bool
        Whether masks of a session that are not accepted are exported.
    overwrite : bool
        Replace an earlier output.
    """

    source: str | Path
    kind: TrackingFormat
    output: Path
    lineage: Path | None = None
    image: Path | None = None
    axes: str | None = None
    drafts: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class TrackingExport:
    """Result of :func:`export_tracks`.

    Parameters
    ----------
    n_objects : int
        Number of objects that were written.
    n_links : int
        Number of objects with a parent.
    output : Path
        The file or folder.
    messages : tuple of str
        All messages that were reported.
    """

    n_objects: int
    n_links: int
    output: Path
    messages: tuple[str, ...]


def export_tracks(job: TrackingExportJob, reporter: Reporter | None = None) -> TrackingExport:
    """Write the tracks of a session or of labels, with their lineage.

    Raises
    ------
    UserError
        If the input, an option or the output cannot be used, there is no object, or a parent
        still exists when its daughter begins; nothing is written then.
    """
    recorder = RecordingReporter(reporter)
    check_tracking_output(job.output, job.kind, overwrite=job.overwrite)
    with _opened(job, recorder) as (movie, lineage):
        with recorder.running():
            table, notes = measure_tracks(
                movie,
                lineage,
                lambda done: recorder.progress("Measuring", done, movie.n_frames),
            )
        for text in (*notes, *tracking_notes(table, job.kind)):
            recorder.message(text)
        write_tracks(job.output, table, job.kind)
    count, links = len(table.tracks), len(table.lineage.parents)
    return TrackingExport(count, links, job.output, tuple(recorder.messages))


@contextmanager
def _opened(job: TrackingExportJob, reporter: Reporter) -> Iterator[tuple[LabelMovie, Lineage]]:
    path = Path(job.source)
    if not is_session(path):
        _check_unused(job, {"--input": job.image is not None, "--drafts": job.drafts}, "a session")
        labels = _open_labels(job)
        for read in input_paths(job.source, labels.source):
            check_outside(job.output, read)
        for text in labels.notes:
            reporter.message(text)
        yield LabelMovie.of_labels(labels), lineage_of(job.source, job.lineage, reporter)
        return
    given = {"--lineage": job.lineage is not None, "--axes": job.axes is not None}
    _check_unused(job, given, "labels")
    check_outside(job.output, path)
    with open_saved_labels(path, job.image, drafts=job.drafts) as saved:
        for read in input_paths(str(path), saved.stack.source):
            check_outside(job.output, read)
        saved.check()
        if saved.note:
            reporter.message(saved.note)
        if any(item.label_class for item in saved.objects):
            reporter.message(
                f"{job.output.name} stores no classes of objects. Export --format semantic, or "
                "measure the session, to keep them."
            )
        yield LabelMovie(saved.stack, saved.read), saved.lineage


def lineage_of(labels: str | Path, given: Path | None, reporter: Reporter) -> Lineage:
    """Return the parents of labels, from a file that is given or lies in their folder."""
    path = given or find_ctc_tracks(Path(labels))
    if path is None:
        return Lineage()
    if given is None:
        reporter.message(f"Parents are those in {path.name}.")
    return read_lineage(path)


def _check_unused(job: TrackingExportJob, given: dict[str, bool], kind: str) -> None:
    for option, is_given in given.items():
        if is_given:
            raise UserError(f"{option} is for {kind} only, and {job.source} is not. Leave it out.")


def _open_labels(job: TrackingExportJob) -> Stack:
    """Return the labels along t, without a note on other axes: all their planes are read."""
    if job.axes is None and find_ctc_tracks(Path(job.source)) is not None:
        return open_ctc_masks(Path(job.source))
    labels = open_labels(job.source, job.axes)
    if "T" not in labels.label_axes:
        return labels
    others = {axis.lower(): 0 for axis in labels.layout.index_axes if axis != "T"}
    return labels.with_along("t", others)
