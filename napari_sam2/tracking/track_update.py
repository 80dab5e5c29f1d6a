"""The step of a track by one frame: from the model's logits to the object's mask."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import TrackingResult
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.masks.mask import MaskCrop
from napari_sam2.tracking.termination import ObjectContrast, TerminationRule, contrast_of
from napari_sam2.tracking.track import Track


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """One object on one frame.

    Parameters
    ----------
    track : Track
        The track after the frame.
    crop : MaskCrop
        The object's mask on the frame.
    tracking : TrackingResult
        The model's scores.
    """

    track: Track
    crop: MaskCrop
    tracking: TrackingResult


@dataclass(frozen=True)
class TrackUpdater:
    """Maps tracked masks to the plane, cleans them, and rejects those without contrast.

    Parameters
    ----------
    encoder : ViewEncoder
        Converts masks from view to plane pixels.
    rule : TerminationRule or None
        Decides when a mask is rejected; None accepts every mask.
    """

    encoder: ViewEncoder
    rule: TerminationRule | None

    def update(
        self, frame: int, index: PlaneIndex, view: View, track: Track, tracking: TrackingResult
    ) -> TrackUpdate:
        """Return the track after a frame, with the mask there.

        Parameters
        ----------
        frame, index : int, tuple of int
            Position along the propagated axis, and the full index of the plane.
        view : View
            The view that the model was shown.
        track : Track
            The track before the frame.
        tracking : TrackingResult
            The model's result, in pixels of the view.
        """
        encoder, logits = self.encoder, tracking.logits
        if tracking.object_score <= 0:
            return self._advance(frame, track, tracking, MaskCrop.empty())
        crop = self._clean(track, encoder.mask_to_plane(view, encoder.smooth(view, logits)))
        if self.rule is None or crop.box is None or not encoder.measurable(view):
            return self._advance(frame, track, tracking, crop)
        contrast = contrast_of(encoder.image(index, view), logits > 0)
        if contrast is not None and track.presence.doubtful(contrast, self.rule):
            absent = replace(tracking, object_score=0.0)
            return self._advance(frame, track, absent, MaskCrop.empty())
        return self._advance(frame, track, tracking, crop, contrast)

    def _clean(self, track: Track, crop: MaskCrop) -> MaskCrop:
        """Return a mask without small components, unless a conditioning mask has such."""
        components = self.encoder.components
        cleaned = components.filter(crop)
        if cleaned is crop:
            return crop
        conditioning = (item.result.crop for item in track.conditioning)
        return cleaned if all(map(components.keeps_all, conditioning)) else crop

    def _advance(
        self,
        frame: int,
        track: Track,
        tracking: TrackingResult,
        crop: MaskCrop,
        contrast: ObjectContrast | None = None,
    ) -> TrackUpdate:
        rule = self.rule or TerminationRule()
        after = track.advance(frame, tracking.state, crop, tracking.object_score, rule, contrast)
        return TrackUpdate(after, crop, tracking)
