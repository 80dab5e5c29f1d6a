"""Answer a click on one frame, at once and without memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.view import View, seen_side
from napari_sam2.inference.initial_view import InitialViewSelector
from napari_sam2.inference.postprocess import ComponentFilter
from napari_sam2.inference.protocol import MaskCandidates
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import FrameResult, MaskOrigin
from napari_sam2.prompts.plane_prompts import MaskCrop, PlanePrompts

CLOSER = 0.75
"""A second look pays in a window that is smaller by this factor, or more."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a prompt may mean.

    Parameters
    ----------
    candidates : tuple of FrameResult
        Best first; whole, part and sub-part for a lone click, else mostly one.
    chosen : int
        Which one is meant.
    """

    candidates: tuple[FrameResult, ...]
    chosen: int = 0

    @property
    def result(self) -> FrameResult:
        """The chosen mask."""
        return self.candidates[self.chosen]

    def choose(self, number: int) -> Preview:
        """Return the preview with another candidate; counts round."""
        return replace(self, chosen=number % len(self.candidates))


@dataclass(frozen=True)
class ClickPredictor:
    """Answers prompts on single frames.

    Parameters
    ----------
    encoder : ViewEncoder
        The model's eyes.
    placement : ViewPlacement
        Where windows may lie.
    question : Callable
        Gives the question of (object id, frame).
    """

    encoder: ViewEncoder
    placement: ViewPlacement
    question: Callable[[int, int], PlanePrompts]

    def warm(self, frame: int) -> None:
        """Encode the whole plane, if clicks on it would start there."""
        if self.placement.first_side(self.placement.full.window) is None:
            self.encoder.encode(self.encoder.stack.index(frame), self.placement.full)

    def preview(self, object_id: int, frame: int, question: PlanePrompts | None = None) -> Preview:
        """Answer an object's prompts on a frame, or another question about it.

        Raises
        ------
        UserError
            If there are none.
        """
        question = self.question(object_id, frame) if question is None else question
        if question.mask is None and question.box is None and not len(question.points):
            raise UserError(f"Object {object_id} has no prompt on frame {frame}.")
        index = self.encoder.stack.index(frame)
        if question.mask is not None:
            return Preview((_given(object_id, frame, index, question.mask),))
        view = InitialViewSelector(self.encoder, self.placement).view(index, question)
        answer = self._answer(index, view, question)
        main = partial(self.encoder.components.answer, question)
        return Preview(self._results((object_id, frame, index), view, answer, main))

    def refine(self, before: FrameResult) -> FrameResult | None:
        """Look again at a mask in the window that shows it best.

        Returns
        -------
        FrameResult or None
            None if that window is not ``CLOSER`` than the one in which the mask was seen first.
        """
        patch = MaskCrop(before.window, before.logits)
        box = patch.box
        if box is None:
            return before
        side = self.placement.side_around(box)
        if side > CLOSER * seen_side(before.view, self.placement.shape):
            return None
        view = self.placement.place(box, side)
        bounds = np.array([[box.y0, box.x0], [box.y1, box.x1]], dtype=np.float64)
        question = PlanePrompts(box=bounds, previous=patch)
        answer = self._answer(before.index, view, question)
        components = self.encoder.components
        place = (before.object_id, before.frame, before.index)
        main = (components if components.whole(patch) else ComponentFilter()).main
        refined = self._results(place, view, answer, main)[0]
        return replace(refined, direction=before.direction, final=before.final)

    def _answer(self, index: PlaneIndex, view: View, question: PlanePrompts) -> MaskCandidates:
        encoding = self.encoder.encode(index, view)
        return self.encoder.predictor.predict(
            encoding, self.encoder.prompts_to_view(view, question)
        )

    def _results(
        self,
        place: tuple[int, int, PlaneIndex],
        view: View,
        answer: MaskCandidates,
        main: Callable[[MaskCrop], MaskCrop],
    ) -> tuple[FrameResult, ...]:
        """Return a result for each candidate; ``place`` is object id, frame and index."""
        results = []
        for logits, iou in zip(answer.logits, answer.predicted_iou, strict=True):
            seen = answer.object_score > 0
            patch = main(self.encoder.mask_to_plane(view, logits)) if seen else MaskCrop.empty()
            results.append(
                FrameResult(
                    *place,
                    window=patch.window,
                    logits=patch.logits,
                    predicted_iou=float(iou),
                    object_score=answer.object_score,
                    direction=MaskOrigin.PROMPT,
                    view=str(view),
                )
            )
        return tuple(results)


def _given(object_id: int, frame: int, index: PlaneIndex, mask: MaskCrop) -> FrameResult:
    """Return a mask that the user gave, to the pixel."""
    score = 10.0 if mask.area else -10.0
    return FrameResult(
        object_id, frame, index, mask.window, mask.logits, 1.0, score, MaskOrigin.PROMPT
    )
