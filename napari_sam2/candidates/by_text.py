"""Candidates by text: boxes of a detector, which become masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from napari_sam2.candidates.candidate import Candidate, CandidateLimits, CandidateSource
from napari_sam2.candidates.selection import select_disjoint
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import ViewPrompts
from napari_sam2.inference.text_detector import Detection, TextDetector
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import MaskCrop

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class TextSearch:
    """Finds candidates that fit phrases on the whole plane.

    The detector is shown the same RGB image as the model. Each box becomes a box prompt. The
    score of a candidate is the geometric mean of the detector's score and the predicted IoU.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    detector : TextDetector
        Finds boxes.
    phrases : tuple of str
        What to find.
    limits : CandidateLimits
        Which candidates are kept.
    """

    encoder: ViewEncoder
    placement: ViewPlacement
    detector: TextDetector
    phrases: tuple[str, ...]
    limits: CandidateLimits = field(default_factory=CandidateLimits)

    def find(
        self,
        index: PlaneIndex,
        progress: Progress | None = None,
        occupied: Sequence[MaskCrop] = (),
    ) -> list[Candidate]:
        """Return candidates without common pixels, best first.

        Parameters
        ----------
        index : tuple of int
            Full index of the plane.
        progress : callable or None
            Called with the numbers of finished phrases and of all phrases.
        occupied : sequence of MaskCrop
            Masks of objects that exist already, see :func:`select_disjoint`.
        """
        view = self.placement.full
        image = self.encoder.image(index, view)
        found: list[Candidate] = []
        for done, phrase in enumerate(self.phrases, 1):
            boxes = self.detector.detect(image, phrase, self.limits.min_score**2)
            found += self._masks(index, view, boxes)
            if progress is not None:
                progress(done, len(self.phrases))
        return select_disjoint(found, self.encoder.shape, self.limits, occupied)

    def _masks(
        self, index: PlaneIndex, view: View, boxes: tuple[Detection, ...]
    ) -> Iterator[Candidate]:
        """Yield the masks of boxes; a box outside the image or a box without a mask has none."""
        if not boxes:
            return
        encoding = self.encoder.encode(index, view)
        size = np.array(view.image_shape, float)
        for detection in boxes:
            box = np.clip(np.reshape(detection.box, (2, 2)), 0, size)
            if (box[1] <= box[0]).any():
                continue
            prompt = ViewPrompts(np.zeros((0, 2)), np.zeros(0, np.int64), box)
            masks = self.encoder.predictor.predict(encoding, prompt)
            crop = self.encoder.mask_to_plane(view, masks.logits[0])
            if crop.area:
                score = sqrt(detection.score * float(masks.predicted_iou[0]))
                yield Candidate(crop, min(score, 1.0), CandidateSource.TEXT)
