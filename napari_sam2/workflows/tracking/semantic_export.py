"""Export the classes of a session's objects as semantic labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.export.classes.object_classes import ObjectClasses
from napari_sam2.export.classes.semantic import SemanticLabels, class_table
from napari_sam2.export.destination import OutputDestination
from napari_sam2.images.input_files import check_outside, input_paths
from napari_sam2.workflows.reporter import RecordingReporter, Reporter
from napari_sam2.workflows.tracking.saved_labels import is_session, open_saved_labels


@dataclass(frozen=True, kw_only=True)
class SemanticExportJob:
    """One export, as the command ``export --format semantic`` makes it.

    Parameters
    ----------
    session : Path
        The folder of a session, or a packed session.
    output : Path
        Labels to write, in any format of labels. The table of classes is written beside them.
    image : Path or None
        The image of the session; None opens the file that the session names.
    drafts : bool
        Whether masks that are not accepted are exported.
    overwrite : bool
        Replace an earlier output.
    """

    session: Path
    output: Path
    image: Path | None = None
    drafts: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class SemanticExport:
    """Result of :func:`export_semantic`.

    Parameters
    ----------
    n_objects : int
        Number of objects that were written.
    n_classes : int
        Number of classes.
    table : Path
        The table of classes.
    messages : tuple of str
        All messages that were reported.
    """

    n_objects: int
    n_classes: int
    table: Path
    messages: tuple[str, ...]


def export_semantic(job: SemanticExportJob, reporter: Reporter | None = None) -> SemanticExport:
    """Write labels whose values are classes, and the table of classes.

    Raises
    ------
    UserError
        If the session or the output cannot be used, or no object has a class; nothing has been
        written then.
    """
    recorder = RecordingReporter(reporter)
    output = OutputDestination.parse(job.output)
    if not is_session(job.session):
        raise UserError(f"{job.session} is not a session. Only sessions have classes.")
    check_outside(output.path, job.session)
    _check_output(output, overwrite=job.overwrite)
    with open_saved_labels(job.session, job.image, drafts=job.drafts) as saved:
        output.check_apart(input_paths(job.image, saved.stack.source))
        saved.check()
        if saved.note:
            recorder.message(saved.note)
        indices = saved.planes
        shown = sorted({object_id for ids in indices.values() for object_id in ids})
        classes = ObjectClasses.of(saved.objects).among(shown)
        labels = SemanticLabels(saved.stack, saved.read, classes)
        if bare := [str(object_id) for object_id in shown if object_id not in classes.names]:
            recorder.message(f"Objects without a class are background: {', '.join(bare)}.")
        with recorder.running():
            table = labels.write(output, indices)
    return SemanticExport(len(classes.names), len(classes.values), table, tuple(recorder.messages))


def _check_output(output: OutputDestination, *, overwrite: bool) -> None:
    output.check_writable()
    if overwrite:
        output.check_removable()
        return
    output.check_free("or --overwrite it")
    if class_table(output.path).exists():
        raise UserError(f"{class_table(output.path)} exists. Remove it, or --overwrite it.")
