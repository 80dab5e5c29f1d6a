"""Repeats actions of a log in one session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from napari_sam2.masks.mask import MaskStatus
from napari_sam2.session.actions.actions import (
    CandidateChosen,
    MaskPredicted,
    MaskRefined,
    MasksDeleted,
    MasksMerged,
    MasksMoved,
    RunStarted,
    SessionAction,
    StatusChanged,
)

if TYPE_CHECKING:
    from napari_sam2.inference.preview import Preview
    from napari_sam2.masks.store import MaskRecord, MaskStore
    from napari_sam2.session.editing import MaskEditor
    from napari_sam2.session.lineage.lineage_editor import LineageEditor
    from napari_sam2.session.runs import SessionRuns


class ActionPlayer:
    """Computes the masks of actions again, and changes masks as they did.

    Parameters
    ----------
    editor : MaskEditor
        Changes masks.
    runs : SessionRuns
        Propagates and refines.
    predict : Callable
        Predicts and stores the mask of (object id, frame).
    choose : Callable
        Stores another candidate of a prediction.
    lineage : LineageEditor
        Moves masks from one object to another.
    """

    def __init__(
        self,
        editor: MaskEditor,
        runs: SessionRuns,
        predict: Callable[[int, int], Preview],
        choose: Callable[[Preview, int], Preview],
        lineage: LineageEditor,
    ) -> None:
        self._editor = editor
        self._runs = runs
        self._predict = predict
        self._choose = choose
        self._lineage = lineage
        self._previews: dict[tuple[int, int], Preview] = {}

    def play(self, action: SessionAction) -> None:
        """Repeat an action other than a run."""
        match action:
            case MaskPredicted(_, object_id, frame):
                self._previews[object_id, frame] = self._predict(object_id, frame)
            case CandidateChosen(_, object_id, frame, number):
                preview = self._previews[object_id, frame]
                self._previews[object_id, frame] = self._choose(preview, number)
            case MaskRefined(_, object_id, frame, rivals, replace):
                self._runs.refine_mask(object_id, frame, rivals, replace=replace)
            case StatusChanged(_, object_id):
                self._editor.set_status(action, f"Change the status of object {object_id}")
            case MasksDeleted(_, object_id, frames):
                self._editor.delete(object_id, frames)
            case MasksMerged(_, source_id, target_id):
                self._editor.merge_masks(source_id, target_id)
            case MasksMoved(_, source_id, target_id, frames):
                self._lineage.move_masks(source_id, target_id, frames)

    def set_mask(self, record: MaskRecord) -> None:
        """Store a mask that was imported."""
        self._editor.import_masks([record])

    def start(self, action: RunStarted) -> Iterator[int]:
        """Return a run that yields the number of frames done after each was stored."""
        return self._runs.repeat(action.plan)

    def take_locked(self, change: StatusChanged, masks: MaskStore) -> None:
        """Before masks are locked, replace them by those of other masks that are locked."""
        if change.status is MaskStatus.LOCKED:
            self._editor.take_locked(change.object_id, change.frames, masks)
