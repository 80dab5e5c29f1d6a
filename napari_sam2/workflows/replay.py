"""Compute the labels of a saved session again, without a viewer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.export.classes.object_classes import ObjectClasses
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import save_labels
from napari_sam2.inference.model_catalog import AUTO_DEVICE, predictor_of
from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.session.actions.action_table import SqliteActionLog
from napari_sam2.session.actions.actions import InputUsed
from napari_sam2.session.actions.replayer import ActionReplayer
from napari_sam2.session.history.edit_history import MAX_STEPS, EditHistory
from napari_sam2.session.saved_sessions import restore_sessions
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.storage.run_description import ModelIdentity, RunDifference
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
    n_frames : int
        Number of frames with labels in the session or in the replay.
    different : tuple of PlaneIndex
        The frames on which the labels of the replay are not those of the session.
    """

    n_objects: int
    cancelled: bool = False
    n_frames: int = 0
    different: tuple[PlaneIndex, ...] = ()

    @property
    def comparison(self) -> str:
        """A sentence that compares the labels with those of the session."""
        if not self.different:
            return "The labels are the same as in the session."
        first = ", ".join(map(str, self.different[0])) or "0"
        return (
            f"The labels differ from those of the session on {len(self.different)} of "
            f"{self.n_frames} frames, first on {first}."
        )


def replay_session(job: ReplayJob, reporter: Reporter) -> ReplayOutcome:
    """Compute a session again from its log, and write the labels of all objects.

    All predictions, runs and refinements are computed again in the order in which they were made,
    with the prompts, painted masks and decisions of the log between them. The session is not
    changed. Drafts are written too, accepted in the order of their ids. For sessions that an
    earlier version has begun, which kept no log, the prompts and locked masks are propagated in
    one run instead; this is reported.

    Raises
    ------
    UserError
        If the session, its image or an option cannot be used, or if the image or a model has
        changed and this is not accepted.
    """
    output = OutputDestination.parse(job.output)
    if output.existing() and not job.overwrite:
        raise UserError(f"{job.output} exists. Overwrite it or choose another output.")
    with TemporaryDirectory() as temporary:
        packed = job.session.suffix == ".zip"
        folder = unpack_session(job.session, Path(temporary)) if packed else job.session
        models = ModelLoader(job)
        saved, log = _open(job, folder, models)
        try:
            differences = (*saved.differences(), *models.differences(log.inputs()))
            if differences and not job.accept_changes:
                raise UserError(
                    "Cannot replay: the image or the model has changed. "
                    + "; ".join(dict.fromkeys(map(str, differences)))
                    + ". Use those of the session, or accept the changes."
                )
            info = saved.predictor.info
            for note in (model_summary(info), *info.notes):
                reporter.message(note)
            again = _repeat(saved, log, models, reporter, changed=bool(differences))
            if again is None:
                return ReplayOutcome(0, cancelled=True)
            return _write(saved, again, job.output, reporter)
        finally:
            saved.close()


class ModelLoader:
    """Loads the models that a session has used.

    Parameters
    ----------
    job : ReplayJob
        Its model, number format and input size replace those of the session, if they are given.
    """

    def __init__(self, job: ReplayJob) -> None:
        self._job = job
        self._loaded: dict[ModelIdentity, Predictor] = {}

    def load(self, identity: ModelIdentity) -> Predictor:
        """Return the model of an identity, or the one in its place."""
        job = self._job
        model = identity.name if job.model is None else job.model
        if not isinstance(model, str | Path):
            return model
        if identity not in self._loaded:
            dtype, size = job.dtype or identity.dtype, job.input_size or identity.input_size
            self._loaded[identity] = predictor_of(model, job.device, dtype, size)
        return self._loaded[identity]

    def differences(self, used: Iterable[InputUsed]) -> tuple[RunDifference, ...]:
        """Return which models of a session are not those that are used now."""
        before = dict.fromkeys(item.model for item in used)
        pairs = [(model, ModelIdentity.of(self.load(model).info)) for model in before]
        return tuple(RunDifference.of_models(model, now) for model, now in pairs if model != now)


def _open(
    job: ReplayJob, folder: Path, models: ModelLoader
) -> tuple[SessionGroup, SqliteActionLog]:
    description = read_description(folder)
    source = job.source or image_path(job.session, description)
    stack = open_session_image(source, description)
    saved = restore_sessions(folder, stack, models.load(description.model))
    if saved.folder is None:
        raise UserError(f"There is no session in {folder}.")
    return saved, saved.folder.actions


def _repeat(
    saved: SessionGroup,
    log: SqliteActionLog,
    models: ModelLoader,
    reporter: Reporter,
    *,
    changed: bool,
) -> SessionGroup | None:
    """Return new sessions with the masks of the log, None if canceled."""
    labels = DraftAndResultLabels.make(saved.stack)
    parts = (saved.stack, saved.predictor, saved.intensity, labels, saved.settings)
    if not log.complete:
        again = SessionGroup(*parts, history=EditHistory(limit=0))
        return again if _propagate_once(saved, again, reporter) else None
    again = SessionGroup(*parts, history=EditHistory(limit=2 * MAX_STEPS))
    cancelled = Event()
    total = len(log)
    replayer = ActionReplayer(again, models.load, saved.masks if changed else None)
    replayer.advanced.connect(lambda done: reporter.progress("Replaying", done, total))
    with reporter.running(cancelled.set):
        for logged in log:
            if cancelled.is_set():
                return None
            try:
                replayer.play(logged)
            except UserError as error:
                if not changed:
                    raise
                reporter.message(
                    "One action cannot be repeated with the changed image or model, and is left "
                    f"out. {error}"
                )
    return again


def _write(
    saved: SessionGroup, again: SessionGroup, output: Path, reporter: Reporter
) -> ReplayOutcome:
    saved.redraw()
    planes = sorted({info.index for group in (saved, again) for info in group.masks.infos()})
    different = tuple(plane for plane in planes if not _same_labels(saved, again, plane))
    accepted = {i.object_id for i in again.masks.infos() if i.status >= MaskStatus.ACCEPTED}
    drafts = sorted(set(again.masks.objects()) - accepted)
    if drafts:
        ids = ", ".join(map(str, drafts))
        reporter.message(f"Objects that are not accepted in the session are written too: {ids}.")
    for item in again.objects:
        for _, session in again:
            session.accept(item.id)
    note = "" if saved.predictor.info.trained else "untrained"
    classes = ObjectClasses.of(again.objects)
    if text := classes.note(OutputDestination.parse(output)):
        reporter.message(text)
    count = save_labels(output, saved.stack, again.labels, again.masks, note, classes)
    return ReplayOutcome(count, n_frames=len(planes), different=different)


def _same_labels(saved: SessionGroup, again: SessionGroup, plane: PlaneIndex) -> bool:
    before, after = saved.viewer_labels, again.viewer_labels
    return np.array_equal(before.read(plane), after.read(plane)) and np.array_equal(
        before.drafts.read(plane), after.drafts.read(plane)
    )


def _propagate_once(saved: SessionGroup, again: SessionGroup, reporter: Reporter) -> bool:
    """Propagate the prompts and locked masks of a session in one run; False if canceled."""
    reporter.message(
        "The session was begun by an earlier version, which did not record its actions. All "
        "objects are propagated in one run; corrected and refined masks can differ."
    )
    again.objects.restore(saved.objects)
    infos = saved.masks.infos()
    locked = (info for info in infos if info.status is MaskStatus.LOCKED)
    records = [saved.masks.get(info.object_id, info.index) for info in locked]
    again.masks.put(record for record in records if record is not None)
    for position, session in saved:
        again.add_session(position, session.prompts)
    again.redraw()
    for _, session in again:
        if any(session.prompts.objects()):
            with reporter.running(session.cancel):
                session.events.progress.connect(
                    lambda done, total: reporter.progress("Propagating", done, total)
                )
                deque(session.propagate(PropagationRequest()), maxlen=0)
            if session.run.cancelled:
                return False
    accepted = {info.object_id for info in infos if info.status >= MaskStatus.ACCEPTED}
    for object_id in sorted(accepted):
        for _, session in again:
            session.accept(object_id)
    return True
