"""Agreement of a track with one in the opposite direction."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from napari_sam2.analysis.review import MaskIdentity, mask_identity
from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.mask import FrameResult, MaskOrigin
from napari_sam2.masks.scores import ScoreRow
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt
from napari_sam2.session.factory import create_session
from napari_sam2.session.session import SegmentationSession
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest


@dataclass(frozen=True)
class ReturnTrack:
    """A track from the last mask of an object back to its prompts.

    Parameters
    ----------
    original : SegmentationSession
        The session with the masks to compare with; it is not changed.
    session : SegmentationSession
        A session of its own that computes the track; cancel it to stop.
    request : PropagationRequest
        The object, the direction and the frames.
    """

    original: SegmentationSession
    session: SegmentationSession
    request: PropagationRequest

    @classmethod
    def of(cls, original: SegmentationSession, seed: FrameResult, conditioning: int) -> ReturnTrack:
        """Return the track from a mask up to the frame beside a conditioning frame."""
        backward = seed.frame > conditioning
        frames = (conditioning + 1, seed.frame + 1) if backward else (seed.frame, conditioning)
        direction = PropagationDirection.BACKWARD if backward else PropagationDirection.FORWARD
        window, mask = seed.crop.window, seed.crop.logits > 0
        prompt = MaskPrompt(seed.object_id, seed.frame, mask, window.offset)
        session = create_session(
            original.stack,
            original.predictor,
            intensity=original.intensity,
            prompts=PromptStore([prompt], axis=original.prompts.axis),
            settings=original.settings,
        )
        return cls(original, session, PropagationRequest((seed.object_id,), direction, frames))

    def ious(self) -> Iterator[tuple[int, float]]:
        """Compute the track, and yield each frame with the IoU of both masks, in 0..1."""
        for result in self.session.propagate(self.request):
            before = self.original.result(result.object_id, result.frame)
            if before is not None and result.origin is not MaskOrigin.PROMPT:
                both_empty = not before.area and not result.area
                yield result.frame, 1.0 if both_empty else before.crop.iou(result.crop)


def return_tracks(session: SegmentationSession, object_id: int) -> tuple[ReturnTrack, ...]:
    """Return the tracks from an object's last and first mask back to its conditioning frames.

    There is none where the outermost mask lies on or beside a conditioning frame. Masks between
    conditioning frames are not compared, as they already are the blend of both directions.

    Raises
    ------
    UserError
        If no mask of the object comes from a prompt.
    """
    rows = session.scores.rows(object_id)
    conditioning = [row.frame for row in rows if row.origin is MaskOrigin.PROMPT or row.locked]
    if not conditioning:
        raise UserError(
            f"Object {object_id} has no mask from a prompt to track back to. Add a prompt first."
        )
    found = [row.frame for row in rows if row.area]
    ends = [(found[-1], conditioning[-1]), (found[0], conditioning[0])] if found else []
    seeds = [(session.result(object_id, end), to) for end, to in ends if abs(end - to) > 1]
    return tuple(ReturnTrack.of(session, seed, to) for seed, to in seeds if seed is not None)


def backward_agreement(session: SegmentationSession, object_id: int) -> dict[int, float]:
    """Return the IoU, in 0..1, of an object's masks with those of :func:`return_tracks`.

    This takes about as long as the propagation did.

    Parameters
    ----------
    session : SegmentationSession
        The session, after a propagation; it is not changed.
    object_id : int
        The label value.

    Returns
    -------
    dict of int to float
        IoU by frame.

    Raises
    ------
    UserError
        If no mask of the object comes from a prompt.
    """
    tracks = return_tracks(session, object_id)
    return {frame: iou for track in tracks for frame, iou in track.ious()}


class AgreementTable:
    """The agreement of masks, until they change.

    Attributes
    ----------
    version : int
        Number of changes.
    """

    def __init__(self) -> None:
        self.version = 0
        self._known: dict[tuple[FixedPosition, int, int], tuple[MaskIdentity, float]] = {}

    def add(self, position: FixedPosition, row: ScoreRow, iou: float) -> None:
        """Add the agreement of the mask of a row, in 0..1."""
        self._known[position, row.object_id, row.frame] = mask_identity(row), iou
        self.version += 1

    def of(self, position: FixedPosition, rows: Collection[ScoreRow]) -> dict[int, float]:
        """Return the agreement by frame of those rows for which it is known."""
        found: dict[int, float] = {}
        for row in rows:
            known = self._known.get((position, row.object_id, row.frame))
            if known is not None and known[0] == mask_identity(row):
                found[row.frame] = known[1]
        return found
