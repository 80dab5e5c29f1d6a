"""State and confidence of an object on every frame, and which frames the user should check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.masks.scores import ScoreRow, confidences

Flags = NDArray[np.bool_]
_REACH_ALONG_TIME = 0.25


class Presence(Enum):
    """Whether an object has a mask on a frame; the value is the text for the user."""

    UNVISITED = "not computed"
    FOUND = "has a mask"
    LOST = "lost: no mask here, but before and after"
    ABSENT = "no mask"


@dataclass(frozen=True, slots=True)
class FrameState:
    """State of one object on one frame.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    presence : Presence
        Whether there is a mask.
    confidence : float or None
        Confidence of the mask, or of the object being absent, in 0..1; None where nothing has
        been computed.
    prompted, locked, accepted, reviewed : bool
        Whether there are prompts, whether the mask is locked, whether it is accepted or locked,
        and whether the user has looked at it since it last changed.
    """

    frame: int
    presence: Presence
    confidence: float | None
    prompted: bool
    locked: bool
    accepted: bool
    reviewed: bool

    @property
    def text(self) -> str:
        """The state in words, e.g. ``"Frame 12: has a mask, confidence 0.25, prompt"``."""
        return f"Frame {self.frame}: {self.description}"

    @property
    def description(self) -> str:
        """The same words without the frame."""
        words = [self.presence.value]
        if self.confidence is not None:
            words.append(f"confidence {self.confidence:.2f}")
        flags = {"prompt": self.prompted, "reviewed": self.reviewed}
        words += [word for word, present in flags.items() if present]
        if self.accepted:
            words.append("locked" if self.locked else "accepted")
        return ", ".join(words)


@dataclass(frozen=True, eq=False)
class TrackReview:
    """State of one object on all frames.

    Parameters
    ----------
    object_id : int
        The label value.
    confidence : NDArray[np.float64]
        (n_frames,) confidence in 0..1, see :func:`napari_sam2.masks.scores.track_confidence`;
        nan where nothing has been computed.
    found, lost, prompted, locked, accepted, reviewed : NDArray[np.bool_]
        (n_frames,) whether the frame has a mask; whether it has none although a frame before and
        one after have; and as in :class:`FrameState`.
    """

    object_id: int
    confidence: NDArray[np.float64]
    found: Flags
    lost: Flags
    prompted: Flags
    locked: Flags
    accepted: Flags
    reviewed: Flags

    @classmethod
    def of(
        cls,
        object_id: int,
        rows: Sequence[ScoreRow],
        n_frames: int,
        *,
        prompted: Iterable[int] = (),
        reviewed: Iterable[int] = (),
        agreement: Mapping[int, float] | None = None,
    ) -> TrackReview:
        """Return the review of an object.

        Parameters
        ----------
        object_id : int
            The label value.
        rows : sequence of ScoreRow
            The scores of its masks, by increasing frame.
        n_frames : int
            Length of the propagated axis.
        prompted, reviewed : iterable of int
            Frames with prompts, and frames that the user has looked at.
        agreement : mapping of int to float or None
            IoU, in 0..1, of the mask with that of a track in the opposite direction, for some
            frames; see :func:`napari_sam2.analysis.agreement.backward_agreement`. The confidence
            is multiplied by it, which ranks frames worse in
            :mod:`tests.benchmarks.review_study`.
        """
        frames = np.array([row.frame for row in rows], np.intp)
        confidence = np.full(n_frames, np.nan)
        confidence[frames] = confidences(rows)
        for frame, iou in (agreement or {}).items():
            confidence[frame] *= iou
        found = _of_rows(n_frames, rows, lambda row: row.area > 0)
        by_user = _of_rows(n_frames, rows, lambda row: row.origin is MaskOrigin.PROMPT)
        inside = np.logical_or.accumulate(found) & np.logical_or.accumulate(found[::-1])[::-1]
        return cls(
            object_id,
            confidence,
            found,
            inside & ~found & ~by_user & ~np.isnan(confidence),
            _flags(n_frames, prompted),
            _of_rows(n_frames, rows, lambda row: row.locked),
            _of_rows(n_frames, rows, lambda row: row.accepted),
            _flags(n_frames, reviewed),
        )

    @property
    def n_frames(self) -> int:
        """Length of the propagated axis."""
        return len(self.confidence)

    @property
    def visited(self) -> Flags:
        """(n_frames,) whether the frame has been computed."""
        return ~np.isnan(self.confidence)

    @property
    def mask_confidence(self) -> NDArray[np.float64]:
        """(n_frames,) confidence of the masks; 0 where the object is lost, nan where absent."""
        masks = np.where(self.found, self.confidence, np.nan)
        return np.where(self.lost, 0.0, masks)

    @property
    def to_review(self) -> Flags:
        """(n_frames,) whether the user should check the frame.

        These are the frames with a mask or a loss and the first empty frame on each side of the
        masks, without those that are locked or reviewed.
        """
        beside = np.zeros(self.n_frames, bool)
        beside[1:] |= self.found[:-1]
        beside[:-1] |= self.found[1:]
        relevant = self.found | self.lost | (beside & self.visited)
        return relevant & ~self.locked & ~self.reviewed

    def state(self, frame: int) -> FrameState:
        """Return the state on a frame; IndexError if there is no such frame."""
        if not 0 <= frame < self.n_frames:
            raise IndexError(f"Frame {frame} is outside 0..{self.n_frames - 1}.")
        computed = bool(self.visited[frame])
        return FrameState(
            frame,
            self._presence(frame) if computed else Presence.UNVISITED,
            float(self.confidence[frame]) if computed else None,
            bool(self.prompted[frame]),
            bool(self.locked[frame]),
            bool(self.accepted[frame]),
            bool(self.reviewed[frame]),
        )

    def _presence(self, frame: int) -> Presence:
        if self.found[frame]:
            return Presence.FOUND
        return Presence.LOST if self.lost[frame] else Presence.ABSENT


def reach_along(axis: str) -> float:
    """Return the share of frames over which a checked frame makes others less urgent.

    Along time, corrections that are spread over the frames help more of them. Along depth the worst
    frames are those where an object should have ended, which a distant correction does not change.
    Both were measured by :mod:`tests.benchmarks.review_study`.

    Parameters
    ----------
    axis : str
        Name of the propagated axis.
    """
    return _REACH_ALONG_TIME if axis == "t" else 0.0


def worst_unreviewed(track: TrackReview, reach: float = 0.0) -> int | None:
    """Return the next frame to review; None if there is none.

    It has the largest ``(1 - confidence) * min(1, distance / (reach * frames))``: *distance* is the
    number of frames to the nearest one that has a prompt, is reviewed or is locked, and *frames*
    is the number of frames with a mask or a loss. A correction changes the frames beside it, so
    that corrections far from each other help more frames.

    Parameters
    ----------
    track : TrackReview
        The states and confidences of an object.
    reach : float
        Share of the frames over which a checked frame makes others less urgent, see
        :func:`reach_along`; 0 orders the frames by their confidence alone.
    """
    frames = np.flatnonzero(track.to_review)
    if not len(frames):
        return None
    doubt = 1 - track.confidence[frames]
    checked = np.flatnonzero(track.prompted | track.reviewed | track.locked)
    width = reach * np.count_nonzero(track.found | track.lost)
    if len(checked) and width > 0:
        distance = np.abs(frames[:, np.newaxis] - checked).min(axis=1)
        doubt = doubt * np.minimum(1, distance / width)
    return int(frames[np.argmax(doubt)])


def _of_rows(n_frames: int, rows: Iterable[ScoreRow], has: Callable[[ScoreRow], bool]) -> Flags:
    return _flags(n_frames, (row.frame for row in rows if has(row)))


def _flags(n_frames: int, frames: Iterable[int]) -> Flags:
    made = np.zeros(n_frames, bool)
    made[np.fromiter(frames, np.intp)] = True
    return made
