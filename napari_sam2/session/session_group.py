"""The sessions of one image: one for each position on the axes that are not propagated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates
from napari_sam2.masks.scores import ObjectProgress
from napari_sam2.masks.store import MaskStore, MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.session.history.edit_history import EditHistory
from napari_sam2.session.objects import ObjectList
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.settings import SessionSettings

if TYPE_CHECKING:
    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.label_array import DraftAndResultLabels


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
    labels : DraftAndResultLabels
        The label images of drafts and of results.
    settings : SessionSettings or None
        Settings that change results or resources.

    Attributes
    ----------
    history : EditHistory
        All edits of all sessions, with undo and redo.
    """

    def __init__(
        self,
        stack: Stack,
        predictor: Predictor,
        intensity: Intensity,
        labels: DraftAndResultLabels,
        settings: SessionSettings | None = None,
    ) -> None:
        self.stack = stack
        self.grid = LayerCoordinates.of(stack)
        self.labels = labels
        self.masks: MaskStore = MemoryMaskStore()
        self.objects = ObjectList()
        self.history = EditHistory()
        self.settings = settings or SessionSettings()
        self._predictor = predictor
        self._intensity = intensity
        self._sessions: dict[FixedPosition, SegmentationSession] = {}
        self._listeners: list[Callable[[SegmentationSession], None]] = []

    def __getitem__(self, fixed: FixedPosition) -> SegmentationSession:
        """Return the session of a position, created at the first access."""
        if fixed not in self._sessions:
            prompts = PromptStore(axis=self.stack.along, position=fixed)
            self._sessions[fixed] = self._create(fixed, prompts)
        return self._sessions[fixed]

    def __iter__(self) -> Iterator[tuple[FixedPosition, SegmentationSession]]:
        return iter(list(self._sessions.items()))

    def connect(self, created: Callable[[SegmentationSession], None]) -> None:
        """Call ``created`` with every session, existing ones now and new ones when created."""
        self._listeners.append(created)
        for session in self._sessions.values():
            created(session)

    def disconnect(self, created: Callable[[SegmentationSession], None]) -> None:
        """Undo :meth:`connect` for new sessions."""
        if created in self._listeners:
            self._listeners.remove(created)

    def progress(self, object_id: int) -> ObjectProgress:
        """Return the summary of an object's masks in all sessions."""
        sessions = self._sessions.values()
        return ObjectProgress.combined(s.scores.progress(object_id) for s in sessions)

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
        for session in self._sessions.values():
            session.intensity = intensity

    def set_predictor(self, predictor: Predictor) -> None:
        """Change the model of all sessions; prompts and masks stay."""
        self._predictor = predictor
        for fixed, old in list(self._sessions.items()):
            self._sessions[fixed] = self._create(fixed, old.prompts)

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
