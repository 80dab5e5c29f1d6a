"""Prediction of masks from prompts on a single frame, without memory of other frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View
from napari_sam2.inference.initial_view import InitialViewSelector
from napari_sam2.inference.protocol import MaskCandidates
from napari_sam2.inference.tuning import REFINED_SIDE_SHARE
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import FrameResult, MaskCrop, MaskOrigin
from napari_sam2.prompts.plane_prompts import PlanePrompts, no_point_inside


@dataclass(frozen=True, slots=True)
class Preview:
    """The masks predicted for the prompts of an object on a frame.

    Parameters
    ----------
    candidates : tuple of FrameResult
        Best first. A single point gives three (whole, part, sub-part), other prompts mostly one.
    chosen : int
        Position of the chosen candidate.
    """

    candidates: tuple[FrameResult, ...]
    chosen: int = 0

    @property
    def result(self) -> FrameResult:
        """The chosen candidate."""
        return self.candidates[self.chosen]

    def choose(self, number: int) -> Preview:
        """Return the preview with another candidate chosen; numbers past the last start over."""
        return replace(self, chosen=number % len(self.candidates))


@dataclass(frozen=True)
class ClickPredictor:
    """Predicts masks from prompts on single frames.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    resolve : Callable
        Returns the prompts of (object id, frame).
    """

    encoder: ViewEncoder
    placement: ViewPlacement
    resolve: Callable[[int, int], PlanePrompts]

    def warm(self, frame: int) -> None:
        """Encode the whole plane of a frame if predictions on it start from there."""
        placement = self.placement
        if placement.first_side(placement.full.window) is None:
            self.encoder.encode(self.encoder.reader.index(frame), placement.full)

    def predict(self, object_id: int, frame: int, prompts: PlanePrompts | None = None) -> Preview:
        """Return the masks for the prompts of an object on a frame.

        Parameters
        ----------
        object_id, frame : int
            Label value, and position along the propagated axis.
        prompts : PlanePrompts or None
            Used in place of the object's prompts.

        Raises
        ------
        UserError
            If there are no prompts.
        """
        prompts = self.resolve(object_id, frame) if prompts is None else prompts
        if prompts.empty:
            raise UserError(f"Object {object_id} has no prompt on frame {frame}. Add one first.")
        if prompts.only_outside:
            raise no_point_inside(object_id, frame)
        encoder = self.encoder
        index = encoder.reader.index(frame)
        if prompts.mask is not None:
            return Preview((FrameResult.from_user(object_id, frame, index, prompts.mask),))
        view = InitialViewSelector(encoder, self.placement).view(index, prompts)
        found = self._predict(index, view, prompts)
        crops = self._crops(view, found)
        if prompts.trimmed is not None:
            crops = [crop.within(prompts.trimmed) for crop in crops]
        shown = view.window if view.zoomed else None
        return Preview(
            tuple(
                FrameResult(
                    *(object_id, frame, index, crop, float(iou), found.object_score),
                    MaskOrigin.PROMPT,
                    view=shown,
                )
                for crop, iou in zip(crops, found.predicted_iou, strict=True)
            )
        )

    def refine(self, before: FrameResult) -> FrameResult | None:
        """Predict a mask again in the view that suits its size best.

        The mask's box and logits are the prompts.

        Returns
        -------
        FrameResult or None
            None if that view is not clearly smaller than the earlier one; the result itself if its
            mask is empty.
        """
        box = before.crop.box
        if box is None:
            return before
        placement = self.placement
        side = placement.side_around(box)
        shown = Window.of(placement.shape) if before.view is None else before.view
        if not is_closer(side, shown):
            return None
        view = placement.place(box, side)
        bounds = np.array([[box.y0, box.x0], [box.y1, box.x1]], dtype=np.float64)
        found = self._predict(before.index, view, PlanePrompts(box=bounds, previous=before.crop))
        crop = self._crops(view, found)[0]
        iou = float(found.predicted_iou[0])
        return replace(
            before,
            crop=crop,
            predicted_iou=iou,
            object_score=found.object_score,
            view=view.window,
        )

    def _predict(self, index: PlaneIndex, view: View, prompts: PlanePrompts) -> MaskCandidates:
        encoder = self.encoder
        embedding = encoder.encode(index, view)
        return encoder.predictor.predict(embedding, encoder.prompts_to_view(view, prompts))

    def _crops(self, view: View, found: MaskCandidates) -> list[MaskCrop]:
        """Return the candidates on the plane; empty crops if the object is absent."""
        if found.object_score <= 0:
            return [MaskCrop.empty() for _ in found.logits]
        return [self.encoder.mask_to_plane(view, logits) for logits in found.logits]


def is_closer(side: int, view: Window) -> bool:
    """Return whether a view of ``side`` shows an object clearly closer than ``view``."""
    return side <= REFINED_SIDE_SHARE * max(view.shape)
