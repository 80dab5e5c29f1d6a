"""From the model's answer on a frame to what the track takes from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_sam2.images.view import View
from napari_sam2.inference.protocol import TrackingResult
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.prompts.plane_prompts import MaskCrop
from napari_sam2.tracking.termination import ObjectContrast, TerminationRule, contrast_of
from napari_sam2.tracking.track import Track

Outcome = tuple[Track, MaskCrop, TrackingResult]


@dataclass(frozen=True)
class TrackUpdater:
    """Puts masks back on the plane, and leaves out what nothing in the picture stands for.

    Parameters
    ----------
    encoder : ViewEncoder
        The model's eyes.
    rule : TerminationRule or None
        When an object is as good as gone; None never doubts the model.
    """

    encoder: ViewEncoder
    rule: TerminationRule | None

    def update(self, frame: int, view: View, track: Track, step: TrackingResult) -> Outcome:
        """Return a track with a frame behind it, its mask there, and the model's answer.

        Parameters
        ----------
        frame : int
            The frame.
        view : View
            What the model saw.
        track : Track
            As it stood on the frame before.
        step : TrackingResult
            The model's answer.
        """
        if step.object_score <= 0:
            return self._taken(frame, track, step, MaskCrop.empty())
        smooth = self.encoder.smoothed(view, step.logits)
        patch = self._main(track, self.encoder.mask_to_plane(view, smooth))
        if self.rule is None or patch.box is None or not self.encoder.small(view):
            return self._taken(frame, track, step, patch)
        image = self.encoder.image(self.encoder.stack.index(frame), view)
        contrast = contrast_of(image, step.logits > 0)
        if contrast is not None and track.presence.doubtful(contrast, self.rule):
            return self._taken(frame, track, replace(step, object_score=0.0), MaskCrop.empty())
        return self._taken(frame, track, step, patch, contrast)

    def _main(self, track: Track, patch: MaskCrop) -> MaskCrop:
        """Return a mask without specks, unless a prompt showed the object with such."""
        main = self.encoder.components.main(patch)
        if main is patch:
            return patch
        shown = (MaskCrop(a.result.window, a.result.logits) for a in track.answers)
        return main if all(self.encoder.components.whole(p) for p in shown) else patch

    def _taken(
        self,
        frame: int,
        track: Track,
        step: TrackingResult,
        patch: MaskCrop,
        contrast: ObjectContrast | None = None,
    ) -> Outcome:
        rule = self.rule or TerminationRule()
        after = track.advance(frame, step.state, patch, step.object_score, rule, contrast)
        return after, patch, step
