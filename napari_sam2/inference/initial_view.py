"""The first view of an object: its size is given by its prompts, or predicted from points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View, ViewMode
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement, ViewRequest, share_views
from napari_sam2.prompts.plane_prompts import PlanePrompts


@dataclass(frozen=True, slots=True)
class SizeEstimate:
    """Estimated bounds of an object.

    Parameters
    ----------
    box : Window
        Bounds on the plane.
    view : View or None
        The view in which the object was predicted to estimate its size; None if its prompts gave
        it.
    """

    box: Window
    view: View | None = None


@dataclass(frozen=True)
class InitialViewSelector:
    """Estimates the size of prompted objects and selects their first view.

    A mask, box or earlier mask gives the size. For points alone the object is predicted once, in
    a view of half the model's input.

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
        for object_id, view in self._trial_views(unknown).items():
            sizes[object_id] = self._predict_size(index, unknown[object_id], view)
        return sizes

    def view(self, index: PlaneIndex, prompts: PlanePrompts) -> View:
        """Return the view for the prompts of a single object."""
        size = self.estimate_sizes(index, {0: prompts})[0]
        side = self.placement.first_side(size.box)
        if side is None:
            return self.placement.full
        return share_views([self.request(0, size, side)], self.placement)[0]

    def request(self, object_id: int, size: SizeEstimate, side: int) -> ViewRequest:
        """Return the view request of an object; the view of its estimate is preferred."""
        need = self.placement.need(size.box, (0.0, 0.0), side)
        reusable = size.view is not None and size.view.zoomed and size.view.side == side
        return ViewRequest(object_id, need, side, size.view if reusable else None)

    def _known_bounds(self, prompts: PlanePrompts) -> Window | None:
        bounds = prompts.bounds
        if bounds is not None and not bounds.empty:
            return bounds
        policy = self.placement.policy
        fixed = policy.mode is ViewMode.FULL or policy.pixels is not None
        return prompts.point_bounds if fixed else None

    def _trial_views(self, prompts: Mapping[int, PlanePrompts]) -> dict[int, View]:
        """Return views of half the input around points; the whole plane where it is smaller."""
        scale = self.placement.image_size // 2
        bounds = {object_id: p.point_bounds for object_id, p in prompts.items()}
        sides = {o: self.placement.side_for(max(scale, *box.shape)) for o, box in bounds.items()}
        requests = [
            ViewRequest(object_id, bounds[object_id].grow(side // 6), side)
            for object_id, side in sides.items()
            if side < max(self.placement.shape)
        ]
        return dict.fromkeys(prompts, self.placement.full) | share_views(requests, self.placement)

    def _predict_size(self, index: PlaneIndex, prompts: PlanePrompts, view: View) -> SizeEstimate:
        encoder = self.encoder
        embedding = encoder.encode(index, view)
        found = encoder.predictor.predict(embedding, encoder.prompts_to_view(view, prompts))
        crop = encoder.mask_to_plane(view, found.logits[0])
        # Without a mask the size is unknown: the object may be larger than the view.
        return SizeEstimate(crop.box or view.window.clip(self.placement.shape), view)
