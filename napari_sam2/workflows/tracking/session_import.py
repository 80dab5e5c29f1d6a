"""Make a session of the labels of another program, for correction."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.ctc_folder import find_ctc_tracks, open_ctc_masks
from napari_sam2.export.tracking.label_movie import LabelMovie
from napari_sam2.export.tracking.track_table import measure_tracks
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_MODEL, predictor_of
from napari_sam2.inference.protocol import Predictor
from napari_sam2.session.saved_sessions import create_saved_sessions
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.tracks.imported_labels import (
    check_label_stack,
    import_label_stack,
    open_label_stack,
)
from napari_sam2.workflows.reporter import RecordingReporter, Reporter
from napari_sam2.workflows.tracking.export import lineage_of


@dataclass(frozen=True, kw_only=True)
class SessionImportJob:
    """One import, as the command ``import`` makes it.

    Parameters
    ----------
    labels : str or Path
        Labels of all frames, or a result folder of the Cell Tracking Challenge.
    image : str or Path
        The image, of the axes and shape of the labels apart from channels.
    lineage : Path or None
        Parents, see :func:`napari_sam2.export.tracking.lineage_files.read_lineage`; None uses the
        track file of a result folder.
    axes, image_axes : str or None
        Axes of the labels and of the image; None uses those of the files.
    model : str, Path or Predictor
        The model of the session, for corrections.
    device : str
        Where the model runs.
    """

    labels: str | Path
    image: str | Path
    lineage: Path | None = None
    axes: str | None = None
    image_axes: str | None = None
    model: str | Path | Predictor = AUTO_MODEL
    device: str = AUTO_DEVICE


@dataclass(frozen=True)
class SessionImport:
    """Result of :func:`import_session`.

    Parameters
    ----------
    path : Path
        The folder of the session.
    n_objects : int
        Number of objects.
    messages : tuple of str
        All messages that were reported.
    """

    path: Path
    n_objects: int
    messages: tuple[str, ...]


def import_session(job: SessionImportJob, reporter: Reporter | None = None) -> SessionImport:
    """Save a session with accepted masks of all labels, and with their parents.

    The session is saved where the widget saves that of the image.

    Raises
    ------
    UserError
        If an input cannot be used, the shapes differ, there is no label, or the parents do not fit
        the labels; no session is made then.
    """
    recorder = RecordingReporter(reporter)
    stack = open_stack(job.image, axes=job.image_axes)
    labels = _open_labels(job, stack)
    for text in dict.fromkeys((*stack.notes, *labels.notes)):
        recorder.message(text)
    lineage = _checked_lineage(job, labels, recorder)
    with _new_sessions(stack, predictor_of(job.model, job.device)) as sessions:
        with recorder.running():
            report = partial(recorder.progress, "Importing")
            import_label_stack(sessions, labels, lineage=lineage, report=report)
        folder = sessions.folder
        if folder is None or folder.path is None:
            raise UserError(
                f"{job.labels} has no label, or no folder of a session can be written beside "
                f"{job.image}. No session was made."
            )
        return SessionImport(folder.path, len(sessions.objects), tuple(recorder.messages))


@contextmanager
def _new_sessions(stack: Stack, predictor: Predictor) -> Iterator[SessionGroup]:
    """Yield new sessions; after an error, none of their files is left."""
    sessions = create_saved_sessions(stack, predictor)
    try:
        yield sessions
    except BaseException:
        path = None if sessions.folder is None else sessions.folder.path
        sessions.close()
        if path is not None:
            shutil.rmtree(path)
        raise
    sessions.close()


def _open_labels(job: SessionImportJob, stack: Stack) -> Stack:
    if job.axes is not None or find_ctc_tracks(Path(job.labels)) is None:
        return open_label_stack(job.labels, stack, job.axes)
    labels = open_ctc_masks(Path(job.labels))
    check_label_stack(labels, stack)
    return labels


def _checked_lineage(job: SessionImportJob, labels: Stack, reporter: Reporter) -> Lineage:
    """Return the parents that fit the labels; links of objects without pixels are reported."""
    lineage = lineage_of(job.labels, job.lineage, reporter)
    if not lineage.parents:
        return lineage
    table, notes = measure_tracks(LabelMovie.of_labels(labels), lineage)
    for text in notes:
        reporter.message(text)
    return table.lineage
