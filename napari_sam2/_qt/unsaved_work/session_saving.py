"""Tells the user that the session cannot be saved, and saves it again on request."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_sam2._qt.jobs.error_messages import ErrorMessage, Remedy
from napari_sam2._qt.jobs.queue import Failure, JobKey, JobKind, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.panels.status import RemedyButton
from napari_sam2.session.storage.session_folder import SessionFolder

_TIPS = {
    Remedy.SAVE_AGAIN: "Save the session where it was, after you have made space.",
    Remedy.OTHER_FOLDER: "Save the session in a folder on another disk.",
    Remedy.UNSAVED: "Keep the session in memory. You are asked again when you close napari.",
}


class SessionSaving(QObject):
    """Follows the folder of the session, which continues in memory when the disk is full.

    Parameters
    ----------
    state : ControllerState
        The session; receives the messages.
    window : QWidget
        Owner, and parent of the dialog.
    """

    def __init__(self, state: ControllerState, window: QWidget) -> None:
        super().__init__(window)
        self._state = state
        self._window = window
        self._folder: SessionFolder | None = None
        self._queue = JobQueue("napari-sam2 saving", self)
        self._queue.failed.connect(self._failed)
        state.session_changed.connect(self._session_changed)

    @property
    def idle(self) -> bool:
        """Whether nothing is being saved."""
        return self._queue.idle

    def attach(self) -> None:
        """Follow the session again after :meth:`detach`."""
        self._queue.open()
        self._session_changed()

    def detach(self) -> None:
        """Finish saving, and leave the session; what it cannot save then is an error."""
        self._queue.close()
        self._follow(None)

    def remedies(self, message: ErrorMessage) -> list[RemedyButton]:
        """Return the buttons for those remedies of an error that concern the session."""
        calls: dict[Remedy, Callable[[], Any]] = {
            Remedy.SAVE_AGAIN: self.save_again,
            Remedy.OTHER_FOLDER: self.choose_folder,
            Remedy.UNSAVED: lambda: None,
        }
        found = [remedy for remedy in message.remedies if remedy in calls]
        return [RemedyButton(remedy.value, _TIPS[remedy], calls[remedy]) for remedy in found]

    def save_again(self) -> None:
        """Save the session where it was."""
        if self._folder is not None:
            self._submit(self._folder.save)

    def choose_folder(self) -> None:
        """Ask for a folder, and save the session there."""
        parent = QFileDialog.getExistingDirectory(self._window, "Save the session in")
        folder = self._folder
        if folder is None:
            return
        if parent:
            self._submit(lambda: folder.create_in(Path(parent)))
        else:
            self._report(OSError("No folder was chosen."))

    def _submit(self, save: Callable[[], Path]) -> None:
        self._queue.submit(JobKey(JobKind.SAVE_SESSION), save, self._saved)

    def _saved(self, path: Path) -> None:
        self._state.notice.emit(f"The session is saved in {path}.")
        self._state.changed.emit()

    def _failed(self, failure: Failure) -> None:
        error = failure.error
        self._report(error if isinstance(error, OSError) else OSError(str(error)))

    def _session_changed(self) -> None:
        sync = self._state.sync
        self._follow(None if sync is None else sync.sessions.folder)

    def _follow(self, folder: SessionFolder | None) -> None:
        if self._folder is not None:
            self._folder.not_saved.disconnect(self._report, missing_ok=True)
        self._folder = folder
        if folder is not None:
            folder.not_saved.connect(self._report)

    def _report(self, error: OSError) -> None:
        """Ask the user what to do; any thread may call."""
        path = None if self._folder is None else self._folder.path
        # An earlier message may say that the session is saved.
        self._state.notice.emit("")
        self._state.fault.emit(ErrorMessage.of_unsaved_session(error, path))
        self._state.changed.emit()
