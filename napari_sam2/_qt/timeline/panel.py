"""Panel with the timeline of the session that the viewer shows, or the map of a series."""

from typing import Any

from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QMenu, QVBoxLayout, QWidget

from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.timeline.review import ReviewController
from napari_sam2._qt.timeline.source import TimelineSource
from napari_sam2._qt.timeline.timeline import Timeline
from napari_sam2._qt.volume_series.map_source import VolumeMapSource
from napari_sam2._qt.volume_series.volume_map import VolumeMap
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
        The drawing of one session.
    map : VolumeMap
        The drawing of a series of volumes, in place of the timeline.
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
        self.timeline, self.map = Timeline(), VolumeMap()
        self._map_source = VolumeMapSource(state)
        self.review = ReviewController(state, runs, self)
        self._more = QTimer(self)
        self._more.setSingleShot(True)
        self._more.timeout.connect(self._refresh_model)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for drawing in (self.timeline, self.map):
            layout.addWidget(drawing)
            drawing.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            drawing.customContextMenuRequested.connect(self._open_menu)
        self.timeline.frame_chosen.connect(self._show_frame)
        self.map.plane_chosen.connect(self._show_plane)
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
        volumes = self._map_source.model(self.review.reviewed)
        self.map.setVisible(volumes is not None)
        self.timeline.setVisible(volumes is None)
        if volumes is not None:
            self.setVisible(True)
            self.map.show_model(volumes)
            return
        model = self._source.model(self.review.reviewed)
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

    def _show_plane(self, time: int, z: int) -> None:
        self.review.show_plane((time, z))

    def menu(self) -> QMenu:
        """Return the menu of the timeline or the map."""
        menu = QMenu(self)
        menu.addAction("Go to the next frame to review", self.review.next_frame)
        if not self.map.isVisibleTo(self):
            menu.addAction("Check by tracking back", self.review.track_back)
        return menu

    def _open_menu(self, position: QPoint) -> None:
        menu = self.menu()
        shown = self.map if self.map.isVisibleTo(self) else self.timeline
        menu.exec(shown.mapToGlobal(position))
        menu.deleteLater()

    def _frame_shown(self, _: Any = None) -> None:
        sync = self._state.sync
        if sync is None or not sync.alive:
            return
        self.review.frame_shown()
        if sync.sessions.series:
            self.map.show_plane((dict(sync.dims.fixed)["t"], sync.dims.frame))
        elif sync.dims.fixed == self._position:
            self.timeline.show_frame(sync.dims.frame)
        else:
            self._refresh_model()

    def detach(self) -> None:
        """Stop following the viewer."""
        self._state.viewer.dims.events.current_step.disconnect(self._frame_shown)
        self.review.release()
        self._more.stop()
