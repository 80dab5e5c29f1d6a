"""Find out how large an object is before its window is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam2.geometry import Index, Window
from napari_sam2.look import Looker
from napari_sam2.questions import Patch, Question
from napari_sam2.view_plan import ViewRules, ViewSizes
from napari_sam2.views import View, ViewMode


@dataclass(frozen=True)
class FirstLook:
    """Sizes an object by its prompts, and for lone clicks by looking at two scales.

    Parameters
    ----------
    looker : Looker
        The model's eyes.
    rules : ViewRules
        Where windows may lie.
    """

    looker: Looker
    rules: ViewRules

    def box(self, index: Index, question: Question) -> Window:
        """Return the object's likely bounds on the plane."""
        hint = question.hint
        if hint is not None and not hint.empty:
            return hint
        if self.rules.policy.mode is ViewMode.FULL or self.rules.policy.pixels is not None:
            return question.centre
        looks = [self._look(index, question, view) for view in self._scales(question.centre)]
        return max(looks)[1] if looks else question.centre

    def view(self, index: Index, question: Question) -> View:
        """Return the window for an object that is looked at alone."""
        box = self.box(index, question)
        side = self.rules.first_side(box)
        return self.rules.full if side is None else self.rules.place(box, side)

    def _scales(self, centre: Window) -> list[View]:
        size = self.rules.image_size
        sides = [self.rules.side_for(max(s, max(centre.shape))) for s in (size // 2, 2 * size)]
        limit = max(self.rules.shape)
        views = [self.rules.place(centre, side) for side in sides if side < limit]
        return views if len(views) == len(sides) else [*views, self.rules.full]

    def _look(self, index: Index, question: Question, view: View) -> tuple[float, Window]:
        encoding = self.looker.encode(index, view)
        answer = self.looker.predictor.click(encoding, self.looker.ask(view, question))
        patch = self.looker.paste(view, answer.logits[0])
        box = patch.box
        if box is None:
            return -1.0, question.centre
        return float(answer.predicted_iou[0]) * _plausibility(
            patch, box, view, self.rules.sizes
        ), box


def _plausibility(patch: Patch, box: Window, view: View, sizes: ViewSizes) -> float:
    share = max(box.shape) / view.side
    if share > sizes.largest:
        return 0.5 if view.zoomed else 0.8
    filled = patch.area / (box.shape[0] * box.shape[1])
    return min(share / sizes.plausible, 1.0) * (0.5 + 0.5 * min(filled / 0.4, 1.0))
