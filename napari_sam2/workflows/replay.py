"""Compute the labels of a saved session again, without a viewer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import save_labels
from napari_sam2.inference.model_catalog import AUTO_DEVICE, predictor_of
from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.saved_sessions import OpenedSession, open_session_folder
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.storage.run_description import ModelIdentity
from napari_sam2.session.storage.session_archive import unpack_session
from napari_sam2.session.storage.session_folder import read_description
from napari_sam2.session.storage.session_image import image_path, open_session_image
from napari_sam2.tracking.plan import PropagationRequest
from napari_sam2.workflows.model_summary import model_summary
from napari_sam2.workflows.reporter import Reporter

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """What to replay, and where to write the labels.

    Parameters
    ----------
    session : Path
        The folder of the session, or the session as a zip file.
    output : Path
        The labels; the ending of the name is the format.
    source : Path or None
        The image; None opens the file that the session names.
    model : str, Path, Predictor or None
        The model; None loads the one that the session names.
    device : str
        Where the model runs.
    dtype : str or None
        Number format, see :func:`napari_sam2.open_session`; None uses that of the session.
    input_size : int or None
        Side of the model's square input in pixels; None uses that of the session.
    accept_changes : bool
        Whether to use another image or model than that of the session.
    overwrite : bool
        Whether to replace an earlier output.
    """

    session: Path
    output: Path
    source: Path | None = None
    model: str | Path | Predictor | None = None
    device: str = AUTO_DEVICE
    dtype: str | None = None
    input_size: int | None = None
    accept_changes: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """How a replay ended.

    Parameters
    ----------
    n_objects : int
        Number of objects in the labels.
    cancelled : bool
        Whether it was canceled; nothing is written then.
    """

    n_objects: int
    cancelled: bool = False


def replay_session(job: ReplayJob, reporter: Reporter) -> ReplayOutcome:
    """Propagate the prompts and locked masks of a session, and write the labels of all objects.

    The session is not changed. The labels are those of the session if all its objects were
    propagated after their last edit, over all frames and in both directions, and accepted in the
    order of their ids. Masks that were corrected locally, refined or deleted afterwards are
    computed as a run over all frames gives them.

    Raises
    ------
    UserError
        If the session, its image or an option cannot be used, or if the image or the model has
        changed and this is not accepted.
    """
    output = OutputDestination.parse(job.output)
    if output.existing() and not job.overwrite:
        raise UserError(f"{job.output} exists. Overwrite it or choose another output.")
    with TemporaryDirectory() as temporary:
        packed = job.session.suffix == ".zip"
        folder = unpack_session(job.session, Path(temporary)) if packed else job.session
        opened = _open(job, folder)
        try:
            if opened.differences and not job.accept_changes:
                raise UserError(
                    "Cannot replay: the image or the model has changed. "
                    + "; ".join(map(str, opened.differences))
                    + ". Use those of the session, or accept the changes."
                )
            return _replay(opened.sessions, job.output, reporter)
        finally:
            opened.sessions.close()


def _open(job: ReplayJob, folder: Path) -> OpenedSession:
    description = read_description(folder)
    source = job.source or image_path(job.session, description)
    stack = open_session_image(source, description)
    return open_session_folder(folder, stack, _predictor(job, description.model))


def _predictor(job: ReplayJob, saved: ModelIdentity) -> Predictor:
    model = saved.name if job.model is None else job.model
    if not isinstance(model, str | Path):
        return model
    dtype, input_size = job.dtype or saved.dtype, job.input_size or saved.input_size
    return predictor_of(model, job.device, dtype, input_size)


def _replay(saved: SessionGroup, output: Path, reporter: Reporter) -> ReplayOutcome:
    labels = DraftAndResultLabels.make(saved.stack)
    parts = (saved.stack, saved.predictor, saved.intensity, labels, saved.settings)
    again = SessionGroup(*parts, history=EditHistory(limit=0))
    info = saved.predictor.info
    for note in (model_summary(info), *info.notes, *_copy(saved, again)):
        reporter.message(note)
    for _, session in again:
        if any(session.prompts.objects()):
            with reporter.running(session.cancel):
                session.events.progress.connect(
                    lambda done, total: reporter.progress("Propagating", done, total)
                )
                deque(session.propagate(PropagationRequest()), maxlen=0)
            if session.run.cancelled:
                return ReplayOutcome(0, cancelled=True)
    for item in again.objects:
        for _, session in again:
            session.accept(item.id)
    note = "" if saved.predictor.info.trained else "untrained"
    count = save_labels(output, saved.stack, again.labels, again.masks, note)
    return ReplayOutcome(count)


def _copy(saved: SessionGroup, again: SessionGroup) -> Iterator[str]:
    """Copy objects, locked masks and prompts, and yield messages about what is not replayed."""
    again.objects.restore(saved.objects)
    infos = saved.masks.infos()
    locked = (info for info in infos if info.status is MaskStatus.LOCKED)
    records = [saved.masks.get(info.object_id, info.index) for info in locked]
    again.masks.put(record for record in records if record is not None)
    for position, session in saved:
        again.add_session(position, session.prompts)
    again.redraw()
    refined = {info.object_id for info in infos if info.refined}
    if refined:
        ids = ", ".join(map(str, sorted(refined)))
        yield f"Masks of object {ids} were refined in the session; they are not refined again."
    accepted = {info.object_id for info in infos if info.status >= MaskStatus.ACCEPTED}
    if drafts := {info.object_id for info in infos} - accepted:
        ids = ", ".join(map(str, sorted(drafts)))
        yield f"Object {ids} was not accepted in the session; its labels are written too."
