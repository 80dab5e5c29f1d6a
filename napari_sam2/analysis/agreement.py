"""Agreement of a track with one in the opposite direction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt
from napari_sam2.session.factory import create_session
from napari_sam2.session.session import SegmentationSession
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest


def backward_agreement(
    session: SegmentationSession, object_id: int, cancelled: Callable[[], bool] = lambda: False
) -> dict[int, float]:
    """Return the IoU, in 0..1, of an object's masks with those of a track back to its prompts.

    The object is tracked again from its last mask back to its last conditioning frame, and from
    its first mask on to its first conditioning frame, with a store of its own: the session is not
    changed. Masks between conditioning frames are not compared, as they already are the blend of
    both directions. This takes about as long as the propagation did.

    Parameters
    ----------
    session : SegmentationSession
        The session, after a propagation.
    object_id : int
        The label value.
    cancelled : Callable
        Called after each frame; when it returns True, the frames compared so far are returned.

    Returns
    -------
    dict of int to float
        IoU by frame.

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
    agreement: dict[int, float] = {}
    for start, nearest in ((found[-1:], conditioning[-1]), (found[:1], conditioning[0])):
        for frame, iou in _tracked_back(session, object_id, start, nearest):
            agreement[frame] = iou
            if cancelled():
                return agreement
    return agreement


def _tracked_back(
    session: SegmentationSession, object_id: int, start: list[int], conditioning: int
) -> Iterator[tuple[int, float]]:
    """Yield (frame, IoU) from a start, if there is one, up to next to a conditioning frame."""
    seed = session.result(object_id, start[0]) if start else None
    if seed is None or abs(seed.frame - conditioning) < 2:
        return
    backward = seed.frame > conditioning
    frames = (conditioning + 1, seed.frame + 1) if backward else (seed.frame, conditioning)
    direction = PropagationDirection.BACKWARD if backward else PropagationDirection.FORWARD
    mask = MaskPrompt(object_id, seed.frame, seed.crop.logits > 0, seed.crop.window.offset)
    other = create_session(
        session.stack,
        session.predictor,
        intensity=session.intensity,
        prompts=PromptStore([mask], axis=session.prompts.axis),
        settings=session.settings,
    )
    for result in other.propagate(PropagationRequest((object_id,), direction, frames)):
        before = session.result(object_id, result.frame)
        if before is not None and result.frame != seed.frame:
            both_empty = not before.area and not result.area
            yield result.frame, 1.0 if both_empty else before.crop.iou(result.crop)
