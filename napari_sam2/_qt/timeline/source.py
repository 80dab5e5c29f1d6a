"""Builds what the timeline shows from the session, and only anew what has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.timeline.model import Color, Confidence, TimelineModel
from napari_sam2.analysis.agreement import AgreementTable
from napari_sam2.analysis.review import ReviewedFrames, TrackReview
from napari_sam2.masks.scores import ScoreTable

if TYPE_CHECKING:
    from napari_sam2.session.session import SegmentationSession
    from napari_sam2.viewer.layer_sync import LayerSync

_GRAY: Color = (128, 128, 128)


@dataclass(frozen=True)
class FrameChecks:
    """What is known of the masks of an image beside their scores.

    Parameters
    ----------
    reviewed : ReviewedFrames
        The masks that the user has seen.
    agreement : AgreementTable
        Their agreement with tracks in the opposite direction.
    """

    reviewed: ReviewedFrames = field(default_factory=ReviewedFrames)
    agreement: AgreementTable = field(default_factory=AgreementTable)


@dataclass(frozen=True, eq=False)
class _Computed:
    """The confidence of an object's masks at one version of its scores."""

    scores: ScoreTable
    version: int
    confidence: Confidence


class TimelineSource:
    """Builds the model of the timeline; the confidence of an object is kept until it changes.

    Parameters
    ----------
    state : ControllerState
        The session and the current object.
    """

    def __init__(self, state: ControllerState) -> None:
        self._state = state
        self._computed: dict[int, _Computed] = {}

    def model(self, checks: FrameChecks) -> TimelineModel | None:
        """Return what to show for the position that the viewer shows; None without a session."""
        state, sync, session = self._state, self._state.sync, self._state.session
        if sync is None or session is None:
            self._computed.clear()
            return None
        current = state.current
        others = [item.id for item in state.objects if item.id != current]
        return TimelineModel(
            session.stack.n_frames,
            sync.dims.frame,
            track_review(sync, current, checks) if current else None,
            _color(sync, current),
            tuple(self._confidence(session, object_id) for object_id in others),
        )

    def _confidence(self, session: SegmentationSession, object_id: int) -> Confidence:
        scores, version = session.scores, session.scores.version(object_id)
        known = self._computed.get(object_id)
        if known is None or known.scores is not scores or known.version != version:
            track = TrackReview.of(object_id, scores.rows(object_id), session.stack.n_frames)
            known = _Computed(scores, version, track.mask_confidence)
            self._computed[object_id] = known
        return known.confidence


def track_review(sync: LayerSync, object_id: int, checks: FrameChecks) -> TrackReview:
    """Return the review of an object on the position that the viewer shows."""
    session = sync.session
    rows, position = session.scores.rows(object_id), sync.dims.fixed
    return TrackReview.of(
        object_id,
        rows,
        session.stack.n_frames,
        prompted=session.prompts.frames(object_id),
        reviewed=checks.reviewed.frames(position, rows),
        agreement=checks.agreement.of(position, rows),
    )


def _color(sync: LayerSync, object_id: int) -> Color:
    color = sync.layers.drafts.get_color(object_id)
    if color is None:
        return _GRAY
    red, green, blue = (np.asarray(color)[:3] * 255).round().astype(int).tolist()
    return red, green, blue
