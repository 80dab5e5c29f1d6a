"""Review of the current object's frames: the worst first, and which ones the user has seen."""

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.timeline.source import track_review
from napari_sam2.analysis.review import ReviewedFrames, worst_unreviewed
from napari_sam2.masks.scores import ScoreRow
from napari_sam2.session.session_group import SessionGroup

LOOK_MS = 600
"""Milliseconds for which a frame must be shown to count as reviewed."""


class ReviewController(QObject):
    """Shows the frames with the lowest confidence, and records which ones the user has seen.

    A frame is reviewed when the viewer has shown it with the object selected for more than half a
    second, until its mask changes.

    Parameters
    ----------
    state : ControllerState
        The session, the current object and the frame that is shown.
    parent : QObject or None
        Owner.
    """

    reviewed_changed = Signal()
    """A frame was reviewed."""

    def __init__(self, state: ControllerState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._reviewed: WeakKeyDictionary[SessionGroup, ReviewedFrames] = WeakKeyDictionary()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def reviewed(self) -> ReviewedFrames:
        """The masks of the present image that the user has seen."""
        sync = self._state.sync
        if sync is None:
            return ReviewedFrames()
        return self._reviewed.setdefault(sync.sessions, ReviewedFrames())

    def frame_shown(self, *_: Any) -> None:
        """Start to count the time for which a frame is shown."""
        self._timer.start()

    def masks_changed(self) -> None:
        """Start to count the time for the shown frame, unless its mask is reviewed."""
        row, sync = self._shown_row(), self._state.sync
        if row is None or sync is None or self._timer.isActive():
            return
        if not self.reviewed.includes(sync.dims.fixed, row):
            self._timer.start()

    def look(self) -> None:
        """Record that the user has seen the current object on the shown frame."""
        row, sync = self._shown_row(), self._state.sync
        if row is not None and sync is not None:
            self.reviewed.add(sync.dims.fixed, row)
            self.reviewed_changed.emit()

    def _shown_row(self) -> ScoreRow | None:
        state = self._state
        if state.sync is None or state.session is None or not state.sync.alive:
            return None
        return state.session.scores.get(state.current, state.sync.dims.frame)

    def next_frame(self, object_id: int | None = None) -> None:
        """Show the frame with the lowest confidence that is not reviewed.

        Parameters
        ----------
        object_id : int or None
            The object, which is selected; None for the current one.
        """
        sync = self._state.sync
        if sync is None:
            return
        if object_id is None or object_id == self._state.current:
            self.look()
        else:
            sync.prompt_layers.select(object_id)
        current, session = self._state.current, sync.session
        track = track_review(sync, current, self.reviewed)
        frame = worst_unreviewed(track)
        if frame is None:
            done = bool(track.visited.any())
            rest = f"All frames of object {current} are reviewed."
            missing = f"Object {current} has no mask yet. Click it, then propagate."
            self._state.notice.emit(rest if done else missing)
            return
        sync.dims.show_plane(session.stack.index(frame))
        left = int(np.count_nonzero(track.to_review)) - 1
        state = track.state(frame)
        self.look()
        self._state.notice.emit(f"Object {current}. {state.text}. {_left(left)}")

    def release(self) -> None:
        """Stop counting time."""
        self._timer.stop()


def _left(count: int) -> str:
    if count == 0:
        return "This is the last frame to review."
    return f"{count} more frame{'s' if count > 1 else ''} to review."
