"""Sets parents of objects."""

from collections.abc import Sequence

from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.core.errors import UserError
from napari_sam2.viewer.layer_sync import LayerSync

_SERIES = (
    "Objects that are tracked along t and z have no parents. Each daughter is an object of its "
    "own: click it at the time point where it appears."
)


class ParentEdits:
    """Sets parents of objects; what is refused is shown as a notice.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    """

    def __init__(self, state: ControllerState) -> None:
        self._state = state

    def set_text(self, object_id: int, text: str) -> None:
        """Set the parent of an object to the id in a text; an empty text removes it."""
        text = text.strip()
        if text and not text.isdecimal():
            self._state.notice.emit(f"{text!r} is not an object id. Give the id of the parent.")
            return
        self.set_parent([object_id], int(text) if text else None)

    def set_parent(self, object_ids: Sequence[int], parent_id: int | None) -> None:
        """Set the parent of some objects as one step, None for none; all or nothing."""
        sync = self._state.sync
        if sync is None or self._refused(sync):
            return
        session, history = sync.session, sync.sessions.history
        names = ", ".join(map(str, object_ids))
        try:
            for object_id in object_ids:
                session.check_parent(object_id, parent_id)
            with history.step(f"Set the parent of object {names}"):
                for object_id in object_ids:
                    session.set_parent(object_id, parent_id)
        except UserError as error:
            self._state.notice.emit(str(error))
            return
        removed = f"Object {names} has no parent now."
        set_to = f"Object {parent_id} is now the parent of object {names}."
        self._finish(removed if parent_id is None else set_to)

    def divide(self, object_id: int, daughters: Sequence[int]) -> None:
        """Divide an object on the frame that is shown; its later masks become a daughter."""
        sync = self._state.sync
        if sync is None or self._refused(sync):
            return
        frame = sync.dims.frame
        try:
            found = sync.session.divide(object_id, frame, daughters)
        except UserError as error:
            self._state.notice.emit(str(error))
            return
        names = ", ".join(map(str, found))
        self._finish(f"Object {object_id} ends before frame {frame}; its daughters are {names}.")

    def _refused(self, sync: LayerSync) -> bool:
        if sync.sessions.series:
            self._state.notice.emit(_SERIES)
        return sync.sessions.series

    def _finish(self, text: str) -> None:
        self._state.unsaved = True
        self._state.notice.emit(text)
        self._state.changed.emit()
