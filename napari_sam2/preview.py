"""Answer a click on one frame, at once and without memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from napari_sam2.errors import UserError
from napari_sam2.first_look import FirstLook
from napari_sam2.geometry import Index
from napari_sam2.look import Looker
from napari_sam2.pieces import Pieces
from napari_sam2.predictor_protocol import Candidates
from napari_sam2.questions import Patch, Question
from napari_sam2.results import Direction, FrameResult
from napari_sam2.view_plan import ViewRules
from napari_sam2.views import View, seen_side

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
class Previewer:
    """Answers prompts on single frames.

    Parameters
    ----------
    looker : Looker
        The model's eyes.
    rules : ViewRules
        Where windows may lie.
    question : Callable
        Gives the question of (object id, frame).
    """

    looker: Looker
    rules: ViewRules
    question: Callable[[int, int], Question]

    def warm(self, frame: int) -> None:
        """Encode the whole plane, if clicks on it would start there."""
        if self.rules.first_side(self.rules.full.window) is None:
            self.looker.encode(self.looker.stack.index(frame), self.rules.full)

    def preview(self, object_id: int, frame: int, question: Question | None = None) -> Preview:
        """Answer an object's prompts on a frame, or another question about it.

        Raises
        ------
        UserError
            If there are none.
        """
        question = self.question(object_id, frame) if question is None else question
        if question.mask is None and question.box is None and not len(question.points):
            raise UserError(f"Object {object_id} has no prompt on frame {frame}.")
        index = self.looker.stack.index(frame)
        if question.mask is not None:
            return Preview((_given(object_id, frame, index, question.mask),))
        view = FirstLook(self.looker, self.rules).view(index, question)
        answer = self._answer(index, view, question)
        main = partial(self.looker.pieces.answer, question)
        return Preview(self._results((object_id, frame, index), view, answer, main))

    def refine(self, before: FrameResult) -> FrameResult | None:
        """Look again at a mask in the window that shows it best.

        Returns
        -------
        FrameResult or None
            None if that window is not ``CLOSER`` than the one in which the mask was seen first.
        """
        patch = Patch(before.window, before.logits)
        box = patch.box
        if box is None:
            return before
        side = self.rules.side_around(box)
        if side > CLOSER * seen_side(before.view, self.rules.shape):
            return None
        view = self.rules.place(box, side)
        bounds = np.array([[box.y0, box.x0], [box.y1, box.x1]], dtype=np.float64)
        question = Question(box=bounds, previous=patch)
        answer = self._answer(before.index, view, question)
        pieces = self.looker.pieces
        place = (before.object_id, before.frame, before.index)
        main = (pieces if pieces.whole(patch) else Pieces()).main
        refined = self._results(place, view, answer, main)[0]
        return replace(refined, direction=before.direction, final=before.final)

    def _answer(self, index: Index, view: View, question: Question) -> Candidates:
        encoding = self.looker.encode(index, view)
        return self.looker.predictor.click(encoding, self.looker.ask(view, question))

    def _results(
        self,
        place: tuple[int, int, Index],
        view: View,
        answer: Candidates,
        main: Callable[[Patch], Patch],
    ) -> tuple[FrameResult, ...]:
        """Return a result for each candidate; ``place`` is object id, frame and index."""
        results = []
        for logits, iou in zip(answer.logits, answer.predicted_iou, strict=True):
            seen = answer.object_score > 0
            patch = main(self.looker.paste(view, logits)) if seen else Patch.empty()
            results.append(
                FrameResult(
                    *place,
                    window=patch.window,
                    logits=patch.logits,
                    predicted_iou=float(iou),
                    object_score=answer.object_score,
                    direction=Direction.PROMPT,
                    view=str(view),
                )
            )
        return tuple(results)


def _given(object_id: int, frame: int, index: Index, mask: Patch) -> FrameResult:
    """Return a mask that the user gave, to the pixel."""
    score = 10.0 if mask.area else -10.0
    return FrameResult(
        object_id, frame, index, mask.window, mask.logits, 1.0, score, Direction.PROMPT
    )
