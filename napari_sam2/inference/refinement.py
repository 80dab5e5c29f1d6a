"""A second, closer look at masks that are there; the first ones stay where the two disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.masks.mask import FrameResult, MaskStatus
from napari_sam2.prompts.types import MaskPrompt

if TYPE_CHECKING:
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.prompts.store import PromptStore

AGREE = 0.5
"""IoU of the two masks below which the second look sees something else."""
WORSE = 0.2
"""How much lower the model's own estimate of the second mask may be."""
REFINED = " refined"
"""Ending of the view of a mask that had its second look."""


class RefinementOutcome(Enum):
    """What came of a second look."""

    SHARPENED = "sharpened"
    DOUBTED = "doubted"
    CLOSE = "close"
    UNTOUCHED = "untouched"


@dataclass(frozen=True, slots=True)
class Refined:
    """One object's mask on one frame after a second look.

    Parameters
    ----------
    result : FrameResult
        The mask that stands now.
    outcome : RefinementOutcome
        ``SHARPENED``: the closer look replaced the mask. ``DOUBTED``: it saw nothing, something
        else, or was much less sure, so the first mask stays. ``CLOSE``: there was no look, as the
        first one was about as close. ``UNTOUCHED``: nor was there, as the mask is empty, the
        user's own, accepted, locked, or was refined before.
    """

    result: FrameResult
    outcome: RefinementOutcome


@dataclass(frozen=True)
class MaskRefiner:
    """Looks again at stored masks.

    Parameters
    ----------
    storing : SegmentationStore
        Where masks are.
    prompts : PromptStore
        Tells which masks the user drew.
    look : Callable
        Answers from the window that shows a mask best; None if that is not a closer one.
    """

    storing: SegmentationStore
    prompts: PromptStore
    look: Callable[[FrameResult], FrameResult | None]

    def free(self, object_id: int, frame: int) -> bool:
        """Whether there is a mask to look at again: see ``RefinementOutcome.UNTOUCHED``; cheap."""
        known = self.storing.header(object_id, frame)
        if known is None or known.area == 0 or known.view.endswith(REFINED):
            return False
        asked = self.prompts.get(object_id, frame)
        drawn = any(isinstance(prompt, MaskPrompt) for prompt in asked)
        return known.status < MaskStatus.ACCEPTED and not drawn

    def frame(self, object_id: int, frame: int) -> FrameResult:
        """Return the sharper mask of one frame, whoever made the first.

        Raises
        ------
        UserError
            If there is no mask, if it was seen as closely before, or if the second look disagrees
            with it.
        """
        before = self.storing.result(object_id, frame)
        if before is None or before.area == 0:
            raise UserError(f"Object {object_id} has no mask on frame {frame} to refine.")
        seen = self._again(before)
        if seen.outcome is RefinementOutcome.CLOSE:
            raise UserError(
                f"Object {object_id} was seen as closely before on frame {frame}: a second look "
                "would not sharpen its mask. Correct it by a click instead."
            )
        if seen.outcome is RefinementOutcome.DOUBTED:
            raise UserError(
                f"A closer look at object {object_id} on frame {frame} does not agree with its "
                "mask, which stays as it is. Correct it by a click first."
            )
        return seen.result

    def places(
        self, objects: Iterable[int] | None, frames: Iterable[int] | None
    ) -> list[tuple[int, int]]:
        """Return (frame, object id) of the masks that are asked for, frame by frame."""
        only = None if objects is None else set(objects)
        when = None if frames is None else set(frames)
        return sorted(
            (frame, header.object_id)
            for frame, header in self.storing.headers()
            if (only is None or header.object_id in only) and (when is None or frame in when)
        )

    def at(self, places: Iterable[tuple[int, int]]) -> Iterator[Refined]:
        """Look again at each place's mask; what is to be kept is the caller's to store."""
        for frame, object_id in places:
            before = self.storing.result(object_id, frame)
            if before is not None:
                free = self.free(object_id, frame)
                yield self._again(before) if free else Refined(before, RefinementOutcome.UNTOUCHED)

    def _again(self, before: FrameResult) -> Refined:
        after = self.look(before)
        if after is None:
            return Refined(before, RefinementOutcome.CLOSE)
        if _doubtful(before, after):
            return Refined(before, RefinementOutcome.DOUBTED)
        return Refined(replace(after, view=after.view + REFINED), RefinementOutcome.SHARPENED)


def outcome_words(outcomes: Mapping[RefinementOutcome, int]) -> str:
    """Return how often what came of second looks, e.g. ``"12 masks sharpened."``."""
    sharpened, doubted, close = (
        outcomes.get(o, 0)
        for o in (RefinementOutcome.SHARPENED, RefinementOutcome.DOUBTED, RefinementOutcome.CLOSE)
    )
    kept = f", {doubted} kept as they were: the second look did not agree" if doubted else ""
    seen = f", {close} left: the first look was as close" if close else ""
    return f"{sharpened} mask{'s' * (sharpened != 1)} sharpened{kept}{seen}."


def _doubtful(before: FrameResult, after: FrameResult) -> bool:
    unsure = after.predicted_iou < before.predicted_iou - WORSE
    return after.object_score <= 0 or unsure or _iou(before, after) < AGREE


def _iou(first: FrameResult, second: FrameResult) -> float:
    common = first.window.intersect(second.window)
    mine = first.logits[common.relative_to(first.window).slices] > 0
    theirs = second.logits[common.relative_to(second.window).slices] > 0
    shared = int(np.count_nonzero(mine & theirs)) if not common.empty else 0
    union = first.area + second.area - shared
    return shared / union if union else 0.0
