"""Refinement of stored masks: each is predicted again in a closer view, and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.inference.tuning import MIN_REFINED_IOU
from napari_sam2.masks.mask import FrameResult, MaskStatus
from napari_sam2.prompts.types import MaskPrompt

if TYPE_CHECKING:
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.prompts.store import PromptStore


class RefinementOutcome(Enum):
    """Outcome of refining one mask.

    ``REFINED``: the refined mask replaces the earlier one. ``REJECTED``: the refined mask is
    empty, or does not show the same object as the earlier one.
    ``ALREADY_CLOSE``: the earlier view was as close. ``SKIPPED``: the mask is empty, drawn
    by the user, accepted, locked, or was refined before.
    """

    REFINED = "refined"
    REJECTED = "rejected"
    ALREADY_CLOSE = "already close"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Refined:
    """One mask after an attempt to refine it.

    Parameters
    ----------
    result : FrameResult
        The refined mask, or the earlier one unless the outcome is ``REFINED``.
    outcome : RefinementOutcome
        Outcome of the attempt.
    """

    result: FrameResult
    outcome: RefinementOutcome


@dataclass(frozen=True)
class MaskRefiner:
    """Refines stored masks; storing the refined ones is left to the caller.

    Parameters
    ----------
    masks : SegmentationStore
        The stored masks.
    prompts : PromptStore
        The user's prompts; masks that the user drew are not refined.
    predict : Callable
        Predicts a mask again in the view that suits it best; None if that view is not closer.
    """

    masks: SegmentationStore
    prompts: PromptStore
    predict: Callable[[FrameResult], FrameResult | None]

    def refinable(self, object_id: int, frame: int) -> bool:
        """Return whether there is a mask that would not be skipped; no model is run."""
        info = self.masks.info(object_id, frame)
        if info is None or info.area == 0 or info.refined:
            return False
        prompts = self.prompts.get(object_id, frame)
        drawn = any(isinstance(prompt, MaskPrompt) for prompt in prompts)
        return info.status < MaskStatus.ACCEPTED and not drawn

    def refine(self, object_id: int, frame: int) -> FrameResult:
        """Return the refined mask of one frame, also of an accepted or drawn mask.

        Raises
        ------
        UserError
            If there is no mask, the earlier view was as close, or the refined mask is rejected.
        """
        before = self.masks.result(object_id, frame)
        if before is None or before.area == 0:
            raise UserError(f"Object {object_id} has no mask on frame {frame} to refine.")
        refined = self._refine(before)
        if refined.outcome is RefinementOutcome.ALREADY_CLOSE:
            raise UserError(
                f"Object {object_id} was already predicted in a view as close on frame {frame}; "
                "refining cannot improve its mask. Correct it with a click instead."
            )
        if refined.outcome is RefinementOutcome.REJECTED:
            raise UserError(
                f"The refined mask of object {object_id} on frame {frame} does not agree with the "
                "present one, which was kept. Correct it with a click first."
            )
        return refined.result

    def select(
        self, objects: Iterable[int] | None, frames: Iterable[int] | None
    ) -> list[tuple[int, int]]:
        """Return (frame, object id) of the stored masks of some objects and frames, or of all."""
        ids = None if objects is None else set(objects)
        chosen = None if frames is None else set(frames)
        return sorted(
            (frame, info.object_id)
            for frame, info in self.masks.infos()
            if (ids is None or info.object_id in ids) and (chosen is None or frame in chosen)
        )

    def refine_all(self, selection: Iterable[tuple[int, int]]) -> Iterator[Refined]:
        """Refine the masks of (frame, object id) in turn; those that may not change are skipped."""
        for frame, object_id in selection:
            before = self.masks.result(object_id, frame)
            if before is None:
                continue
            if self.refinable(object_id, frame):
                yield self._refine(before)
            else:
                yield Refined(before, RefinementOutcome.SKIPPED)

    def _refine(self, before: FrameResult) -> Refined:
        after = self.predict(before)
        if after is None:
            return Refined(before, RefinementOutcome.ALREADY_CLOSE)
        if _rejected(before, after):
            return Refined(before, RefinementOutcome.REJECTED)
        return Refined(replace(after, refined=True), RefinementOutcome.REFINED)


def summarize_outcomes(outcomes: Mapping[RefinementOutcome, int]) -> str:
    """Return a sentence with the number of masks by outcome, e.g. ``"12 masks refined."``."""
    refined = outcomes.get(RefinementOutcome.REFINED, 0)
    rejected = outcomes.get(RefinementOutcome.REJECTED, 0)
    close = outcomes.get(RefinementOutcome.ALREADY_CLOSE, 0)
    kept = f", {rejected} kept: the closer view gave a different mask" if rejected else ""
    left = f", {close} unchanged: the earlier view was as close" if close else ""
    return f"{refined} mask{'s' * (refined != 1)} refined{kept}{left}."


def _rejected(before: FrameResult, after: FrameResult) -> bool:
    return after.object_score <= 0 or before.crop.iou(after.crop) < MIN_REFINED_IOU
