"""Review of the current object's frames: the worst first, and which ones the user has seen."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.panels.status import RemedyButton
from napari_sam2._qt.timeline.source import session_review
from napari_sam2.analysis.agreement import return_tracks
from napari_sam2.analysis.review import TrackReview, reach_along, worst_unreviewed
from napari_sam2.analysis.run_summary import RunSummary
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.scores import ScoreRow
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.tracks.reviewed_frames import ReviewedFrames
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
    """A frame was reviewed."""

    def __init__(
        self, state: ControllerState, runs: RunJobs, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._runs = runs
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)

    @property
    def reviewed(self) -> ReviewedFrames:
        """The masks of the present image that the user has seen."""
        sync = self._state.sync
        return ReviewedFrames() if sync is None else sync.sessions.reviewed

    def frame_shown(self) -> None:
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
            try:
                self.reviewed.add(sync.dims.fixed, row)
            except OSError as error:
                self._state.notice.emit(f"Reviewed frames are not saved. {error}")
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
        current, tracks = self._state.current, self._tracks(sync)
        worst = [
            (session, track, frame)
            for session, track in tracks
            if (frame := worst_unreviewed(track, reach_along(session.stack.along))) is not None
        ]
        if not worst:
            done = f"All frames of object {current} are reviewed."
            missing = f"Object {current} has no mask yet. Click it, then propagate."
            visited = any(track.visited.any() for _, track in tracks)
            self._state.notice.emit(done if visited else missing)
            return
        session, track, frame = min(worst, key=lambda item: item[1].confidence[item[2]])
        left = sum(int(np.count_nonzero(track.to_review)) for _, track in tracks) - 1
        self.show_plane(session.stack.index(frame))
        self.look()
        self._state.notice.emit(
            f"Object {current}. {self._place(session, frame)}: {track.state(frame).description}. "
            f"{_left(left)}"
        )

    def _tracks(self, sync: LayerSync) -> list[tuple[SegmentationSession, TrackReview]]:
        """Return the reviews of the current object, of a series one for each volume."""
        volumes = sync.series.volumes().values() if sync.sessions.series else (sync.session,)
        return [(s, session_review(s, self._state.current, self.reviewed)) for s in volumes]

    def _place(self, session: SegmentationSession, frame: int) -> str:
        sync = self._state.sync
        if sync is None or not sync.sessions.series:
            return f"Frame {frame}"
        return f"t={session.stack.index(frame)[0]}, z={frame}"

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
        """Track the current object back to its prompts, and report how well both ways agree."""
        sync, current = self._state.sync, self._state.current
        if sync is not None and current:
            found: list[list[float]] = []
            steps = partial(self._steps, current, found)
            self._runs.start(sync, steps, lambda _: _agreement(current, found))

    def _steps(
        self, object_id: int, found: list[list[float]], session: SegmentationSession
    ) -> Iterator[int]:
        for track in return_tracks(session, object_id):
            # So that the progress is that of this track, and Stop stops it.
            self._state.running = track.session
            found.append([])
            for frame, iou in track.ious():
                found[-1].append(iou)
                yield frame
            if track.session.run.cancelled:
                return

    def release(self) -> None:
        """Stop counting time."""
        self._timer.stop()


def _agreement(object_id: int, found: list[list[float]]) -> str:
    ious = [iou for way in found for iou in way]
    if not ious:
        return f"Object {object_id} has no track from a prompt to an end that could be checked."
    frames = "frame" if len(ious) == 1 else "frames"
    return (
        f"Object {object_id} was tracked back over {len(ious)} {frames}. IoU of both tracks: "
        f"{np.mean(ious):.2f} on average, {min(way[-1] for way in found if way):.2f} at the end "
        "of the way back. Where it is low, one of the tracks left the object."
    )


def _left(count: int) -> str:
    if count == 0:
        return "This is the last frame to review."
    return f"{count} more frame{'s' if count > 1 else ''} to review."
