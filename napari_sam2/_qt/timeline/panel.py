"""Panel with the timeline of the session that the viewer shows."""

from typing import Any

from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QMenu, QVBoxLayout, QWidget

from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.timeline.review import ReviewController
from napari_sam2._qt.timeline.source import TimelineSource
from napari_sam2._qt.timeline.timeline import Timeline
from napari_sam2.images.coordinates import FixedPosition


class TimelinePanel(QWidget):
    """Shows the timeline, moves the viewer to chosen frames, and follows the viewer.

    Parameters
    ----------
    state : ControllerState
        The session and the viewer.
    runs : RunJobs
        Tracks objects back on request.
    parent : QWidget or None
        Owner.

    Attributes
    ----------
    timeline : Timeline
        The drawing.
    review : ReviewController
        The order in which frames are reviewed.
    """

    def __init__(
        self, state: ControllerState, runs: RunJobs, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._source = TimelineSource(state)
        self._position: FixedPosition | None = None
        self.timeline = Timeline()
        self.review = ReviewController(state, runs, self)
        self._more = QTimer(self)
        self._more.setSingleShot(True)
        self._more.timeout.connect(self._refresh_model)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.timeline)
        self.timeline.frame_chosen.connect(self._show_frame)
        self.timeline.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.timeline.customContextMenuRequested.connect(self._open_menu)
        self.review.changed.connect(self._refresh_model)
        self.hide()

    def attach(self) -> None:
        """Follow the viewer."""
        self._state.viewer.dims.events.current_step.connect(self._frame_shown)

    def refresh(self) -> None:
        """Show the present scores; the panel is hidden without frames to choose from."""
        self._refresh_model()
        self.review.masks_changed()

    def _refresh_model(self) -> None:
        model = self._source.model(self.review.checks)
        sync = self._state.sync
        self._position = None if sync is None else sync.dims.fixed
        self.setVisible(model is not None and model.n_frames > 1)
        if model is not None:
            self.timeline.show_model(model)
        if not self._source.complete:
            self._more.start()

    def _show_frame(self, frame: int) -> None:
        session = self._state.session
        if session is not None:
            self.review.show_plane(session.stack.index(frame))

    def menu(self) -> QMenu:
        """Return the menu of the timeline."""
        menu = QMenu(self)
        menu.addAction("Go to the worst frame not reviewed", self.review.next_frame)
        menu.addAction("Check by tracking back", self.review.track_back)
        return menu

    def _open_menu(self, position: QPoint) -> None:
        menu = self.menu()
        menu.exec(self.timeline.mapToGlobal(position))
        menu.deleteLater()

    def _frame_shown(self, _: Any = None) -> None:
        sync = self._state.sync
        if sync is None or not sync.alive:
            return
        self.review.frame_shown()
        if sync.dims.fixed == self._position:
            self.timeline.show_frame(sync.dims.frame)
        else:
            self._refresh_model()

    def detach(self) -> None:
        """Stop following the viewer."""
        self._state.viewer.dims.events.current_step.disconnect(self._frame_shown)
        self.review.release()
        self._more.stop()
