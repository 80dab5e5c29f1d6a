"""Builds the map of a series from its sessions; volumes that have not changed are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_sam2._qt.timeline.source import session_review
from napari_sam2._qt.volume_series.map_model import VolumeMapModel

if TYPE_CHECKING:
    from napari_sam2._qt.jobs.state import ControllerState
    from napari_sam2.analysis.review import TrackReview
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.session.tracks.reviewed_frames import ReviewedFrames


class VolumeMapSource:
    """Builds the map of the current object.

    Parameters
    ----------
    state : ControllerState
        The sessions and the current object.
    """

    def __init__(self, state: ControllerState) -> None:
        self._state = state
        self._known: dict[int, tuple[object, TrackReview]] = {}

    def model(self, reviewed: ReviewedFrames) -> VolumeMapModel | None:
        """Return what to show; None unless objects are tracked along t and z."""
        sync, current = self._state.sync, self._state.current
        if sync is None or not sync.sessions.series:
            self._known.clear()
            return None
        stack = sync.sessions.stack
        lengths = dict(zip(stack.label_axes, stack.label_shape, strict=True))
        shown = dict(sync.dims.fixed)["t"], sync.dims.frame
        volumes = {} if not current else self._volumes(sync.series.volumes(), current, reviewed)
        return VolumeMapModel(lengths["T"], lengths["Z"], shown, current, volumes)

    def _volumes(
        self, sessions: dict[int, SegmentationSession], object_id: int, reviewed: ReviewedFrames
    ) -> dict[int, TrackReview]:
        known, self._known = self._known, {}
        for time, session in sessions.items():
            scores, prompted = session.scores, session.prompts.frames(object_id)
            state = object_id, id(scores), scores.version(object_id), prompted, reviewed.version
            before = known.get(time)
            track = before[1] if before and before[0] == state else None
            track = track or session_review(session, object_id, reviewed)
            self._known[time] = state, track
        return {time: track for time, (_, track) in self._known.items()}
