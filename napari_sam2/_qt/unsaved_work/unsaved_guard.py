"""A question before the window is closed with a session that could not be saved."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QWidget

from napari_sam2.session.session_group import SessionGroup
from napari_sam2.viewer.layer_sync import LayerSync


class UnsavedGuard(QObject):
    """Asks before the window of a viewer is closed, also after the widget was closed.

    Sessions are saved with every edit. There is a question only where no folder could be made, or
    where the disk was full.

    Parameters
    ----------
    window : QMainWindow
        The window, which owns the guard.
    viewer : napari.Viewer
        Its viewer.
    """

    def __init__(self, window: QMainWindow, viewer: Any) -> None:
        super().__init__(window)
        self._window = window
        self._viewer = viewer
        window.installEventFilter(self)

    @classmethod
    def install(cls, widget: QWidget, viewer: Any) -> None:
        """Guard the window of a widget, once."""
        window = widget.window()
        if isinstance(window, QMainWindow) and not window.findChildren(cls):
            cls(window, viewer)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Stop the closing of the window if the user wants to keep it open."""
        closing = event is not None and event.type() == QEvent.Type.Close
        if event is None or not closing or watched is not self._window:
            return False
        unsaved = [s.sessions for s in LayerSync.all_of(self._viewer) if s.sessions.unsaved]
        if all(self._may_close(sessions) for sessions in unsaved):
            return False
        event.ignore()
        return True

    def _may_close(self, sessions: SessionGroup) -> bool:
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self._window,
            "The session is not saved",
            f"The latest changes of the session of {sessions.stack.name!r} could not be saved, and "
            "are lost when the window is closed. Save the session in another folder?",
            buttons.Save | buttons.Discard | buttons.Cancel,
            buttons.Save,
        )
        return answer == buttons.Discard or (answer == buttons.Save and self._save(sessions))

    def _save(self, sessions: SessionGroup) -> bool:
        parent = QFileDialog.getExistingDirectory(self._window, "Save the session in")
        if not parent or sessions.folder is None:
            return False
        try:
            sessions.folder.create_in(Path(parent))
        except OSError as error:
            QMessageBox.warning(self._window, "The session is not saved", str(error))
            return False
        return True
