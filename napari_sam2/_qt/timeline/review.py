"""Review of the current object's frames: the worst first, and which ones the user has seen."""

from collections.abc import Iterator
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.panels.status import RemedyButton
from napari_sam2._qt.timeline.source import FrameChecks, track_review
from napari_sam2.analysis.agreement import return_tracks
from napari_sam2.analysis.review import worst_unreviewed
from napari_sam2.analysis.run_summary import RunSummary
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.scores import ScoreRow
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.viewer.layer_sync import LayerSync

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
    runs : RunJobs
        Tracks objects back on request.
    parent : QObject or None
        Owner.
    """

    changed = Signal()
    """A frame was reviewed, or its agreement is known."""

    def __init__(
        self, state: ControllerState, runs: RunJobs, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._runs = runs
        self._checks: WeakKeyDictionary[SessionGroup, FrameChecks] = WeakKeyDictionary()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def checks(self) -> FrameChecks:
        """What is known of the masks of the present image beside their scores."""
        sync = self._state.sync
        return FrameChecks() if sync is None else self._checks_of(sync)

    def _checks_of(self, sync: LayerSync) -> FrameChecks:
        return self._checks.setdefault(sync.sessions, FrameChecks())

    def frame_shown(self) -> None:
        """Start to count the time for which a frame is shown."""
        self._timer.start()

    def masks_changed(self) -> None:
        """Start to count the time for the shown frame, unless its mask is reviewed."""
        row, sync = self._shown_row(), self._state.sync
        if row is None or sync is None or self._timer.isActive():
            return
        if not self.checks.reviewed.includes(sync.dims.fixed, row):
            self._timer.start()

    def look(self) -> None:
        """Record that the user has seen the current object on the shown frame."""
        row, sync = self._shown_row(), self._state.sync
        if row is not None and sync is not None:
            self.checks.reviewed.add(sync.dims.fixed, row)
            self.changed.emit()

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
        current = self._state.current
        track = track_review(sync, current, self.checks)
        frame = worst_unreviewed(track)
        if frame is None:
            done = f"All frames of object {current} are reviewed."
            missing = f"Object {current} has no mask yet. Click it, then propagate."
            self._state.notice.emit(done if track.visited.any() else missing)
            return
        left = int(np.count_nonzero(track.to_review)) - 1
        self.show_plane(sync.session.stack.index(frame))
        self.look()
        self._state.notice.emit(f"Object {current}. {track.state(frame).text}. {_left(left)}")

    def jump_button(self, summary: RunSummary) -> RemedyButton | None:
        """Return a button that goes to the worst frame of a run; None without masks."""
        worst, plane = summary.worst, summary.worst_plane
        if worst is None or plane is None:
            return None
        tip = f"Select object {worst.object_id} and show its frame with the lowest confidence."
        call = partial(self._show, worst.object_id, plane)
        return RemedyButton(f"Go to frame {worst.worst}", tip, call)

    def _show(self, object_id: int, plane: PlaneIndex) -> None:
        sync = self._state.sync
        if sync is not None and object_id in sync.sessions.objects:
            sync.prompt_layers.select(object_id)
            self.show_plane(plane)

    def show_plane(self, index: PlaneIndex) -> None:
        """Show a plane."""
        if self._state.sync is not None and self._state.sync.alive:
            self._state.sync.dims.show_plane(index)

    def track_back(self) -> None:
        """Track the current object back to its prompts; what disagrees loses confidence."""
        sync, current = self._state.sync, self._state.current
        if sync is not None and current:
            found: dict[int, float] = {}
            steps = partial(self._steps, sync, current, sync.dims.fixed, found)
            self._runs.start(sync, steps, lambda _: _summary(current, found))

    def _steps(
        self,
        sync: LayerSync,
        object_id: int,
        position: FixedPosition,
        found: dict[int, float],
        session: SegmentationSession,
    ) -> Iterator[int]:
        agreement = self._checks_of(sync).agreement
        for track in return_tracks(session, object_id):
            # So that the progress is that of this track, and Stop stops it.
            self._state.running = track.session
            for frame, iou in track.ious():
                row = session.scores.get(object_id, frame)
                if row is not None:
                    found[frame] = iou
                    agreement.add(position, row, iou)
                yield frame
            if track.session.run.cancelled:
                return

    def release(self) -> None:
        """Stop counting time."""
        self._timer.stop()


def _summary(object_id: int, found: dict[int, float]) -> str:
    if not found:
        return f"Object {object_id} has no track from a prompt to an end that could be checked."
    worst = min(found, key=lambda frame: found[frame])
    mean, frames = np.mean(list(found.values())), "frame" if len(found) == 1 else "frames"
    return (
        f"Object {object_id} was tracked back over {len(found)} {frames}. Mean agreement (IoU) "
        f"{mean:.2f}, lowest {found[worst]:.2f} on frame {worst}."
    )


def _left(count: int) -> str:
    if count == 0:
        return "This is the last frame to review."
    return f"{count} more frame{'s' if count > 1 else ''} to review."
