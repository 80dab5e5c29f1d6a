"""The first view of an object: its size is estimated from its prompts, or by predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View, ViewMode
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement, ViewRequest, ViewSizing, share_views
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.prompts.plane_prompts import PlanePrompts

TRUSTED = 0.7
"""Score of a mask in the first view above which no wider view is tried."""


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """Estimated bounds of an object.

    Parameters
    ----------
    box : Window
        Bounds on the plane.
    views : tuple of View
        Views in which the object was predicted to estimate its size, best first.
    """

    box: Window
    views: tuple[View, ...] = ()

    @property
    def zoomed_views(self) -> tuple[View, ...]:
        """The views that are not the whole plane."""
        return tuple(view for view in self.views if view.zoomed)


@dataclass(frozen=True)
class InitialViewSelector:
    """Estimates the size of prompted objects and selects their first view.

    A mask, box or earlier mask gives the size. For points alone the object is predicted at one
    scale, and at a second one if the first prediction is not plausible.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    """

    encoder: ViewEncoder
    placement: ViewPlacement

    def estimate_sizes(
        self, index: PlaneIndex, prompts: Mapping[int, PlanePrompts]
    ) -> dict[int, SizeEstimate]:
        """Return the estimated bounds of each object; points close together share views.

        Parameters
        ----------
        index : tuple of int
            Full index of the plane.
        prompts : Mapping[int, PlanePrompts]
            The prompts of each object id.
        """
        known = {object_id: self._known_bounds(p) for object_id, p in prompts.items()}
        sizes = {o: SizeEstimate(box) for o, box in known.items() if box is not None}
        unknown = {object_id: p for object_id, p in prompts.items() if object_id not in sizes}
        trials: dict[int, list[tuple[float, Window, View]]] = {o: [] for o in unknown}
        for scale in (self.placement.image_size // 2, 2 * self.placement.image_size):
            for object_id, view in self._trial_views(unknown, scale).items():
                trials[object_id].append(self._predict_size(index, unknown[object_id], view))
            unknown = {
                o: p for o, p in unknown.items() if max(trial[0] for trial in trials[o]) < TRUSTED
            }
        for object_id, found in trials.items():
            best = sorted(found, key=lambda trial: trial[:2], reverse=True)
            sizes[object_id] = SizeEstimate(best[0][1], tuple(view for _, _, view in best))
        return sizes

    def side(self, size: SizeEstimate) -> int | None:
        """Return the side of an object's first view in plane pixels, or None for the whole plane.

        The side of a view that was tried is reused if it suits the object: its embedding exists.
        """
        side = self.placement.first_side(size.box)
        if side is None:
            return None
        sides = (view.side for view in size.zoomed_views)
        return next((s for s in sides if self.placement.close_enough(size.box, s)), side)

    def view(self, index: PlaneIndex, prompts: PlanePrompts) -> View:
        """Return the view for the prompts of a single object."""
        size = self.estimate_sizes(index, {0: prompts})[0]
        side = self.side(size)
        if side is None:
            return self.placement.full
        return share_views([self.request(0, size, side)], self.placement)[0]

    def request(self, object_id: int, size: SizeEstimate, side: int) -> ViewRequest:
        """Return the view request of an object; a view of this side that was tried is preferred."""
        need = self.placement.need(size.box, (0.0, 0.0), side)
        tried = next((view for view in size.zoomed_views if view.side == side), None)
        return ViewRequest(object_id, need, side, tried)

    def _known_bounds(self, prompts: PlanePrompts) -> Window | None:
        bounds = prompts.bounds
        if bounds is not None and not bounds.empty:
            return bounds
        policy = self.placement.policy
        fixed = policy.mode is ViewMode.FULL or policy.pixels is not None
        return prompts.point_bounds if fixed else None

    def _trial_views(self, prompts: Mapping[int, PlanePrompts], scale: int) -> dict[int, View]:
        """Return views of about ``scale`` pixels around points; the whole plane if smaller."""
        bounds = {object_id: p.point_bounds for object_id, p in prompts.items()}
        sides = {o: self.placement.side_for(max(scale, *box.shape)) for o, box in bounds.items()}
        requests = [
            ViewRequest(object_id, bounds[object_id].grow(side // 6), side)
            for object_id, side in sides.items()
            if side < max(self.placement.shape)
        ]
        return dict.fromkeys(prompts, self.placement.full) | share_views(requests, self.placement)

    def _predict_size(
        self, index: PlaneIndex, prompts: PlanePrompts, view: View
    ) -> tuple[float, Window, View]:
        encoder = self.encoder
        embedding = encoder.encode(index, view)
        found = encoder.predictor.predict(embedding, encoder.prompts_to_view(view, prompts))
        mask = encoder.mask_to_plane(view, found.logits[0])
        crop = encoder.components.filter_prompted(prompts, mask)
        if crop.box is None:
            return -1.0, prompts.point_bounds, view
        plausible = _plausibility(crop, crop.box, view, self.placement.sizes)
        return float(found.predicted_iou[0]) * plausible, crop.box, view


def _plausibility(crop: MaskCrop, box: Window, view: View, sizes: ViewSizing) -> float:
    """Return a factor in 0..1, lower for masks that are too large or small, or mostly holes."""
    share = max(box.shape) / view.side
    if share > sizes.largest:
        return 0.5 if view.zoomed else 0.8
    filled = crop.area / (box.shape[0] * box.shape[1])
    return min(share / sizes.plausible, 1.0) * (0.5 + 0.5 * min(filled / 0.4, 1.0))
