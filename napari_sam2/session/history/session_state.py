"""The values of one session that edits replace: prompts, predictions, masks and objects."""

from __future__ import annotations

from collections.abc import Mapping

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.scores import ScoreRow, ScoreTable
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.masks.store import MaskKey, MaskRecord
from napari_sam2.prompts.prediction_states import PredictionKey
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.events import SessionEvents
from napari_sam2.session.history.edit_keys import EditKey, EditValue
from napari_sam2.session.objects import ObjectKey, ObjectList
from napari_sam2.tracking.resume_state import Journal


class SessionState:
    """Sets values of a session for undo and redo, and keeps all that depends on them up to date.

    Parameters
    ----------
    store : SegmentationStore
        The masks and the label image.
    prompts : PromptStore
        The user's prompts.
    objects : ObjectList
        The objects.
    scores : ScoreTable
        Scores of the masks.
    events : SessionEvents
        Signals of the session.
    journal : Journal
        Records complete planes; it forgets objects whose masks are set.
    """

    def __init__(
        self,
        store: SegmentationStore,
        prompts: PromptStore,
        objects: ObjectList,
        scores: ScoreTable,
        events: SessionEvents,
        journal: Journal,
    ) -> None:
        self._store = store
        self._prompts = prompts
        self._objects = objects
        self._scores = scores
        self._events = events
        self._journal = journal
        self._changed: list[EditKey] = []

    def owns(self, key: EditKey) -> bool:
        """Return whether a value is one of this session; objects are of all sessions."""
        if isinstance(key, MaskKey):
            return self.has_plane(key.plane)
        return isinstance(key, ObjectKey) or key.position == self._prompts.position

    def has_plane(self, index: PlaneIndex) -> bool:
        """Return whether a plane is a frame of this session."""
        return self._store.has_plane(index)

    def frame(self, index: PlaneIndex) -> int:
        """Return the frame of a plane."""
        return self._store.frame(index)

    def plane(self, frame: int) -> PlaneIndex:
        """Return the full index of a frame."""
        return self._store.index(frame)

    def exchange(self, values: Mapping[EditKey, EditValue]) -> dict[EditKey, EditValue]:
        """Set values and return those replaced; call :meth:`announce` afterwards."""
        masks = {key: value for key, value in values.items() if isinstance(key, MaskKey)}
        before: dict[EditKey, EditValue] = dict(self._exchange_masks(masks).items())
        for key, value in values.items():
            if isinstance(key, PromptKey):
                before[key] = self._prompts.exchange(key.object_id, key.frame, value)
            elif isinstance(key, PredictionKey):
                states = self._prompts.predictions
                before[key] = states.exchange(key.object_id, key.frame, value)
            elif isinstance(key, ObjectKey):
                before[key] = self._objects.exchange(key.object_id, value)
        self._changed += values
        return before

    def _exchange_masks(
        self, masks: Mapping[MaskKey, MaskRecord | None]
    ) -> dict[MaskKey, MaskRecord | None]:
        before = self._store.exchange(masks)
        for object_id in {key.object_id for key in masks}:
            self._journal.forget(object_id)
        for key, record in masks.items():
            frame = self.frame(key.plane)
            if record is None:
                self._scores.drop(key.object_id, frame)
            else:
                self._scores.add(ScoreRow.from_info(frame, record.info))
        return before

    def announce(self) -> None:
        """Emit the signals of all values that were set."""
        changed, self._changed = self._changed, []
        for key in changed:
            if isinstance(key, MaskKey):
                self._events.masks.emit(key.object_id, key.plane)
        if any(isinstance(key, ObjectKey) for key in changed):
            self._events.objects.emit()
