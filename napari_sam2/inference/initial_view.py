"""Find out how large an object is before its window is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View, ViewMode
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement, ViewRequest, ViewSizing, share_views
from napari_sam2.prompts.plane_prompts import MaskCrop, PlanePrompts

TRUSTED = 0.7
"""Predicted IoU of a plausible mask after which no wider look is taken."""


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """How large an object seems.

    Parameters
    ----------
    box : Window
        Its likely bounds on the plane.
    views : tuple of View
        Where it was looked for, if it had to be, that in which these bounds were seen first.
    """

    box: Window
    views: tuple[View, ...] = ()

    @property
    def windows(self) -> tuple[View, ...]:
        """The views that are not the full plane."""
        return tuple(view for view in self.views if view.zoomed)


@dataclass(frozen=True)
class InitialViewSelector:
    """Sizes objects by their prompts, and for lone clicks by looking at one scale or two.

    Parameters
    ----------
    encoder : ViewEncoder
        The model's eyes.
    placement : ViewPlacement
        Where windows may lie.
    """

    encoder: ViewEncoder
    placement: ViewPlacement

    def sizes(
        self, index: PlaneIndex, asked: Mapping[int, PlanePrompts]
    ) -> dict[int, SizeEstimate]:
        """Return the likely bounds of each object; clicks that are close share their looks."""
        known = {object_id: self._known(question) for object_id, question in asked.items()}
        sized = {
            object_id: SizeEstimate(box) for object_id, box in known.items() if box is not None
        }
        lone = {object_id: q for object_id, q in asked.items() if object_id not in sized}
        looks: dict[int, list[tuple[float, Window, View]]] = {object_id: [] for object_id in lone}
        for scale in (self.placement.image_size // 2, 2 * self.placement.image_size):
            for object_id, view in self._views(lone, scale).items():
                looks[object_id].append(self._look(index, lone[object_id], view))
            lone = {o: q for o, q in lone.items() if max(look[0] for look in looks[o]) < TRUSTED}
        for object_id, seen in looks.items():
            best = sorted(seen, key=lambda look: look[:2], reverse=True)
            sized[object_id] = SizeEstimate(best[0][1], tuple(view for _, _, view in best))
        return sized

    def side(self, sized: SizeEstimate) -> int | None:
        """Return the side of an object's first window: that of a look, if one was close enough.

        What was encoded for the look is then used again, and neighbours share it.
        """
        side = self.placement.first_side(sized.box)
        if side is None:
            return None
        seen = (view.side for view in sized.windows)
        return next((s for s in seen if self.placement.close_enough(sized.box, s)), side)

    def view(self, index: PlaneIndex, question: PlanePrompts) -> View:
        """Return the window for an object that is looked at alone."""
        sized = self.sizes(index, {0: question})[0]
        side = self.side(sized)
        if side is None:
            return self.placement.full
        return share_views([self.wanted(0, sized, side)], self.placement)[0]

    def wanted(self, object_id: int, sized: SizeEstimate, side: int) -> ViewRequest:
        """Return what an object asks of its first window: where it was seen, if that will do."""
        need = self.placement.need(sized.box, (0.0, 0.0), side)
        seen = (view for view in sized.windows if view.side == side)
        return ViewRequest(object_id, need, side, next(seen, None))

    def _known(self, question: PlanePrompts) -> Window | None:
        hint = question.hint
        if hint is not None and not hint.empty:
            return hint
        policy = self.placement.policy
        fixed = policy.mode is ViewMode.FULL or policy.pixels is not None
        return question.centre if fixed else None

    def _views(self, lone: Mapping[int, PlanePrompts], scale: int) -> dict[int, View]:
        """Return windows of about ``scale`` pixels around clicks, the full plane if smaller."""
        sides = {
            object_id: self.placement.side_for(max(scale, *question.centre.shape))
            for object_id, question in lone.items()
        }
        wanted = [
            ViewRequest(object_id, lone[object_id].centre.grow(side // 6), side)
            for object_id, side in sides.items()
            if side < max(self.placement.shape)
        ]
        return dict.fromkeys(lone, self.placement.full) | share_views(wanted, self.placement)

    def _look(
        self, index: PlaneIndex, question: PlanePrompts, view: View
    ) -> tuple[float, Window, View]:
        encoding = self.encoder.encode(index, view)
        answer = self.encoder.predictor.predict(
            encoding, self.encoder.prompts_to_view(view, question)
        )
        patch = self.encoder.components.answer(
            question, self.encoder.mask_to_plane(view, answer.logits[0])
        )
        box = patch.box
        if box is None:
            return -1.0, question.centre, view
        score = float(answer.predicted_iou[0])
        return score * _plausibility(patch, box, view, self.placement.sizes), box, view


def _plausibility(patch: MaskCrop, box: Window, view: View, sizes: ViewSizing) -> float:
    share = max(box.shape) / view.side
    if share > sizes.largest:
        return 0.5 if view.zoomed else 0.8
    filled = patch.area / (box.shape[0] * box.shape[1])
    return min(share / sizes.plausible, 1.0) * (0.5 + 0.5 * min(filled / 0.4, 1.0))
