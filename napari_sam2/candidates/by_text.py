"""Candidates by text: boxes of a detector, which become masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from napari_sam2.candidates.candidate import Candidate, CandidateLimits, CandidateSource
from napari_sam2.candidates.point_grid import tile_starts
from napari_sam2.candidates.selection import select_disjoint, touches_inner_edge
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View
from napari_sam2.inference.protocol import ViewPrompts
from napari_sam2.inference.text_detector import Detection, TextDetector
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement
from napari_sam2.masks.mask import MaskCrop

Progress = Callable[[int, int], object]

_TILE_SIDE = 1024
"""Detectors reduce larger images to about 1000 pixels: these are searched in tiles as well."""
_OVERLAP = 256
"""Objects of fewer pixels are whole in at least one tile; larger ones are found on the plane."""


@dataclass(frozen=True)
class TextSearch:
    """Finds candidates that fit phrases on the whole plane.

    The detector is shown the same RGB images as the model: the whole plane, and overlapping tiles
    of a large one. Each box becomes a box prompt. The score of a candidate is the geometric mean of
    the detector's score and the predicted IoU.

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
            Called with the numbers of finished and of all pairs of a view and a phrase.
        occupied : sequence of MaskCrop
            Masks of objects that exist already, see :func:`select_disjoint`.
        """
        report = progress or (lambda done, total: None)
        views = [self.placement.full, *self._tiles()]
        found: list[Candidate] = []
        done, total = 0, len(views) * len(self.phrases)
        for view in views:
            image = self.encoder.image(index, view)
            for phrase in self.phrases:
                boxes = self.detector.detect(image, phrase, self.limits.min_score**2)
                found += (one for one in self._masks(index, view, boxes) if self._whole(one, view))
                done += 1
                report(done, total)
        return select_disjoint(found, self.encoder.shape, self.limits, occupied)

    def _tiles(self) -> list[View]:
        """Return overlapping views of a plane that is too large for the detector."""
        shape, side = self.encoder.shape, self.placement.side_for(_TILE_SIDE)
        if max(shape) <= side:
            return []
        rows, columns = (tile_starts(length, side, _OVERLAP) for length in shape)
        return [
            self.placement.place(Window(y, x, y + side, x + side), side)
            for y in rows
            for x in columns
        ]

    def _whole(self, candidate: Candidate, view: View) -> bool:
        """Return whether a mask does not end at an edge of a tile."""
        box = candidate.crop.box
        return box is not None and not touches_inner_edge(box, view.window, self.encoder.shape)

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
