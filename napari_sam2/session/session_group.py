"""The sessions of one image: one for each position on the axes that are not propagated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates
from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.masks.scores import ObjectProgress
from napari_sam2.masks.store import MaskStore, MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.actions.actions import InputUsed
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.objects import ObjectList
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.storage.run_description import ModelIdentity, RunDifference
from napari_sam2.session.storage.saved_values import SavedValues
from napari_sam2.session.storage.session_description import SessionDescription
from napari_sam2.session.storage.session_folder import SessionFolder
from napari_sam2.session.tracks.reviewed_frames import ReviewedFrames
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.prompts.types import Prompt


class SessionGroup:
    """The sessions of one image; for a 3D+t image one for each depth, otherwise a single one.

    Sessions share masks, labels, objects and the model, and have their own prompts.

    Parameters
    ----------
    stack : Stack
        The image; its fixed position is ignored.
    predictor : Predictor
        The model.
    intensity : Intensity
        Converts raw values to the image that the model is shown.
    labels : LabelArray
        The label image; in a viewer those of drafts and of results.
    settings : SessionSettings or None
        Settings that change results or resources.
    folder : SessionFolder or None
        Where everything is saved; None keeps it in memory. What it holds is restored.
    history : EditHistory or None
        Steps for undo and redo; None keeps them in the folder, or in memory without a folder.

    Attributes
    ----------
    history : EditHistory
        All edits of all sessions, with undo and redo.
    reviewed : ReviewedFrames
        The masks that the user has looked at.
    """

    def __init__(
        self,
        stack: Stack,
        predictor: Predictor,
        intensity: Intensity,
        labels: LabelArray,
        settings: SessionSettings | None = None,
        folder: SessionFolder | None = None,
        history: EditHistory | None = None,
    ) -> None:
        self.stack = stack
        self.grid = LayerCoordinates.of(stack)
        self.labels = labels
        self.folder = folder
        self.masks: MaskStore = MemoryMaskStore() if folder is None else folder.masks
        self.reviewed = ReviewedFrames() if folder is None else folder.reviewed
        self.objects = ObjectList()
        steps = None if folder is None else folder.steps
        actions = None if folder is None else folder.actions
        self.history = EditHistory(steps, actions=actions) if history is None else history
        self.settings = settings or SessionSettings()
        self._predictor = predictor
        self._intensity = intensity
        self._sessions: dict[FixedPosition, SegmentationSession] = {}
        self._listeners: list[Callable[[SegmentationSession], None]] = []
        self._creating = RLock()
        self._series = folder is not None and folder.description.series
        self._log_input()
        if folder is not None:
            self._restore(folder)

    def _restore(self, folder: SessionFolder) -> None:
        """Create the sessions that a folder holds values of."""
        saved = SavedValues.of(folder.steps, folder.masks, self.grid)
        self.objects.restore(saved.objects)
        for position in saved.positions:
            prompts = PromptStore(saved.prompts_at(position), self.stack.along, position)
            prompts.predictions.restore(saved.predictions_at(position))
            self.add_session(position, prompts)

    def add_session(self, fixed: FixedPosition, prompts: PromptStore) -> SegmentationSession:
        """Create the session of a position with prompts, in place of an earlier one."""
        self._sessions[fixed] = self._create(fixed, prompts)
        return self._sessions[fixed]

    def redraw(self) -> None:
        """Draw the labels of all masks again, e.g. after a session was opened."""
        for session in list(self._sessions.values()):
            session.redraw()

    def check_input(self) -> tuple[RunDifference, ...]:
        """Compare image and model with those of the folder, and keep those of now.

        Some pixels are read; any thread may call.

        Returns
        -------
        tuple of RunDifference
            How they differ; empty if they do not.
        """
        if self.folder is None:
            return ()
        now = self._description().with_input(self.stack)
        differences = self.folder.description.differences(now)
        self.folder.describe(now)
        return differences

    def differences(self) -> tuple[RunDifference, ...]:
        """Return how image and model differ from those of the folder; nothing is changed."""
        if self.folder is None:
            return ()
        now = self._description().with_input(self.stack)
        return self.folder.description.differences(now)

    @property
    def unsaved(self) -> bool:
        """Whether the sessions were to be saved, and no folder could be made."""
        return self.folder is not None and self.folder.failed

    def close(self) -> None:
        """Close the folder; another process can open it then. Do not use the sessions any more."""
        if self.folder is not None:
            self.folder.close()

    def _description(self) -> SessionDescription:
        parts = (self.stack, self._predictor, self._intensity, self.settings)
        return replace(SessionDescription.of(*parts), series=self._series)

    def _describe(self) -> None:
        if self.folder is not None:
            known = self.folder.description.input
            self.folder.describe(replace(self._description(), input=known))

    def __getitem__(self, fixed: FixedPosition) -> SegmentationSession:
        """Return the session of a position, created at the first access.

        Creation waits for edits of other threads, so that an edit must not wait for it: get the
        sessions that an edit changes before it begins.
        """
        if (found := self._sessions.get(fixed)) is not None:
            return found
        with self._creating:
            if fixed not in self._sessions:
                prompts = PromptStore(axis=self.stack.along, position=fixed)
                self._sessions[fixed] = self._create(fixed, prompts)
            return self._sessions[fixed]

    def __iter__(self) -> Iterator[tuple[FixedPosition, SegmentationSession]]:
        return iter(list(self._sessions.items()))

    def merge(self, source_id: int, target_id: int) -> tuple[Prompt, ...]:
        """Merge an object into another one in all sessions, as one step; see the session's method.

        Raises
        ------
        UserError
            If both are the same object, one does not exist, or a locked mask would change; nothing
            is merged then.
        """
        sessions = list(self._sessions.values())
        for session in sessions:
            session.check_mergeable(source_id, target_id)
        dropped: list[Prompt] = []
        with self.history.step(f"Merge object {source_id} into object {target_id}"):
            for session in sessions:
                self.objects.add(source_id)
                dropped += session.merge(source_id, target_id)
        return tuple(dropped)

    def accept(self, fixed: FixedPosition, object_id: int, *, cover: bool = False) -> None:
        """Accept an object's masks at a position, of a series those of all sessions."""
        for session in self._of_object(fixed):
            session.accept(object_id, cover=cover)

    def reopen(self, fixed: FixedPosition, object_id: int) -> None:
        """Undo :meth:`accept`; locked masks stay locked."""
        for session in self._of_object(fixed):
            session.reopen(object_id)

    def _of_object(self, fixed: FixedPosition) -> tuple[SegmentationSession, ...]:
        """Return the sessions in which an object is edited from a position."""
        return tuple(self._sessions.values()) if self.series else (self[fixed],)

    def connect(self, created: Callable[[SegmentationSession], None]) -> None:
        """Call ``created`` with every session, existing ones now and new ones when created."""
        self._listeners.append(created)
        for session in list(self._sessions.values()):
            created(session)

    def disconnect(self, created: Callable[[SegmentationSession], None]) -> None:
        """Undo :meth:`connect` for new sessions."""
        if created in self._listeners:
            self._listeners.remove(created)

    def progress(self, object_id: int) -> ObjectProgress:
        """Return the summary of an object's masks in all sessions."""
        sessions = list(self._sessions.values())
        return ObjectProgress.combined(s.scores.progress(object_id) for s in sessions)

    @property
    def series(self) -> bool:
        """Whether objects are followed from session to session, and accepted in all of them."""
        return self._series

    @series.setter
    def series(self, series: bool) -> None:
        if series != self._series:
            self._series = series
            self._describe()

    @property
    def axis_choice(self) -> str:
        """The propagated axis, or ``"t,z"`` for a series of volumes."""
        return TIME_AND_DEPTH if self._series else self.stack.along

    @property
    def viewer_labels(self) -> DraftAndResultLabels:
        """The labels of drafts and of results, as a viewer needs them; else a TypeError."""
        if not isinstance(self.labels, DraftAndResultLabels):
            raise TypeError("These sessions have one label image for drafts and results.")
        return self.labels

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self._predictor

    @property
    def intensity(self) -> Intensity:
        """Converts raw values to the image that the model is shown."""
        return self._intensity

    def set_intensity(self, intensity: Intensity) -> None:
        """Change the intensity of all sessions, and drop their embeddings."""
        self._intensity = intensity
        for session in list(self._sessions.values()):
            session.intensity = intensity
        self._log_input()
        self._describe()

    def set_predictor(self, predictor: Predictor) -> None:
        """Change the model of all sessions; prompts and masks stay."""
        self._predictor = predictor
        for fixed, old in list(self._sessions.items()):
            self._sessions[fixed] = self._create(fixed, old.prompts)
        self._log_input()
        self._describe()

    def _log_input(self) -> None:
        model = ModelIdentity.of(self._predictor.info)
        self.history.use(InputUsed(self._intensity, model))

    def _create(self, fixed: FixedPosition, prompts: PromptStore) -> SegmentationSession:
        session = SegmentationSession(
            self.stack.with_along(self.stack.along, dict(fixed)),
            self._predictor,
            intensity=self._intensity,
            prompts=prompts,
            masks=self.masks,
            labels=self.labels,
            settings=self.settings,
            objects=self.objects,
            history=self.history,
        )
        for created in self._listeners:
            created(session)
        return session
