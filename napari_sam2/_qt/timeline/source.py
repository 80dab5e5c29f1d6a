"""Builds what the timeline shows from the session, and only anew what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.timeline.model import Color, Confidence, TimelineModel
from napari_sam2.analysis.review import TrackReview
from napari_sam2.masks.scores import ScoreTable

if TYPE_CHECKING:
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.session.tracks.reviewed_frames import ReviewedFrames
    from napari_sam2.viewer.layer_sync import LayerSync

ROWS_AT_ONCE = 5000
"""Masks of other objects that are read for one model, so that the window does not stall."""
_GRAY: Color = (128, 128, 128)


@dataclass(frozen=True, eq=False)
class _Computed:
    """The confidence of an object's masks at one version of its scores."""

    scores: ScoreTable
    version: int
    confidence: Confidence

    def is_current(self, scores: ScoreTable, object_id: int) -> bool:
        return self.scores is scores and self.version == scores.version(object_id)


@dataclass(frozen=True, eq=False)
class _Reviewed:
    """The review of an object at one version of its scores, prompts and reviewed frames."""

    scores: ScoreTable
    prompted: tuple[int, ...]
    versions: tuple[int, int]
    track: TrackReview

    def is_current(
        self,
        scores: ScoreTable,
        object_id: int,
        prompted: tuple[int, ...],
        versions: tuple[int, int],
    ) -> bool:
        same_object = self.scores is scores and self.track.object_id == object_id
        return same_object and (self.prompted, self.versions) == (prompted, versions)


class TimelineSource:
    """Builds the model of the timeline; what has not changed is kept.

    Parameters
    ----------
    state : ControllerState
        The session and the current object.

    Attributes
    ----------
    complete : bool
        Whether the last model holds the present confidence of all objects; otherwise the next one
        holds more.
    """

    def __init__(self, state: ControllerState) -> None:
        self._state = state
        self._computed: dict[int, _Computed] = {}
        self._track: _Reviewed | None = None
        self.complete = True

    def model(self, reviewed: ReviewedFrames) -> TimelineModel | None:
        """Return what to show for the position that the viewer shows; None without a session."""
        state, sync, session = self._state, self._state.sync, self._state.session
        if sync is None or session is None:
            self._computed.clear()
            self._track, self.complete = None, True
            return None
        current = state.current
        self._compute(session, [item.id for item in state.objects if item.id != current])
        others = (self._computed.get(o.id) for o in state.objects if o.id != current)
        return TimelineModel(
            session.stack.n_frames,
            sync.dims.frame,
            self._review(sync, current, reviewed) if current else None,
            _color(sync, current),
            tuple(o.confidence for o in others if o is not None and o.scores is session.scores),
        )

    def _review(self, sync: LayerSync, object_id: int, reviewed: ReviewedFrames) -> TrackReview:
        scores, prompted = sync.session.scores, sync.session.prompts.frames(object_id)
        versions = scores.version(object_id), reviewed.version
        known = self._track
        if known is None or not known.is_current(scores, object_id, prompted, versions):
            track = track_review(sync, object_id, reviewed)
            self._track = known = _Reviewed(scores, prompted, versions, track)
        return known.track

    def _compute(self, session: SegmentationSession, objects: list[int]) -> None:
        scores, rows_left = session.scores, ROWS_AT_ONCE
        self.complete = True
        for object_id in objects:
            known = self._computed.get(object_id)
            if known is not None and known.is_current(scores, object_id):
                continue
            if rows_left <= 0:
                self.complete = False
                return
            version, rows = scores.version(object_id), scores.rows(object_id)
            rows_left -= len(rows)
            track = TrackReview.of(object_id, rows, session.stack.n_frames)
            self._computed[object_id] = _Computed(scores, version, track.mask_confidence)


def track_review(sync: LayerSync, object_id: int, reviewed: ReviewedFrames) -> TrackReview:
    """Return the review of an object on the position that the viewer shows."""
    return session_review(sync.session, object_id, reviewed)


def session_review(
    session: SegmentationSession, object_id: int, reviewed: ReviewedFrames
) -> TrackReview:
    """Return the review of an object in a session."""
    rows, prompts = session.scores.rows(object_id), session.prompts
    return TrackReview.of(
        object_id,
        rows,
        session.stack.n_frames,
        prompted=prompts.frames(object_id),
        reviewed=reviewed.frames(prompts.position, rows),
    )


def _color(sync: LayerSync, object_id: int) -> Color:
    color = sync.layers.drafts.get_color(object_id)
    if color is None:
        return _GRAY
    red, green, blue = (np.asarray(color)[:3] * 255).round().astype(int).tolist()
    return red, green, blue
