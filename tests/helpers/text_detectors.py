"""A text detector without a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.inference.text_detector import Detection


class BrightDetector:
    """Finds the bright spots of an image if the phrase is one that it knows.

    Parameters
    ----------
    *phrases : str
        What it knows.
    scores : tuple of float
        Scores of the spots from top to bottom; the last one is repeated.
    """

    def __init__(self, *phrases: str, scores: tuple[float, ...] = (0.8,)) -> None:
        self.phrases = phrases or ("disk",)
        self.scores = scores

    def detect(
        self, image: NDArray[np.uint8], phrase: str, min_score: float
    ) -> tuple[Detection, ...]:
        if phrase not in self.phrases:
            return ()
        bright, _ = ndimage.label(image.mean(axis=2) > 128)
        found = []
        for number, (rows, columns) in enumerate(ndimage.find_objects(bright)):
            score = self.scores[min(number, len(self.scores) - 1)]
            box = (rows.start - 2, columns.start - 2, rows.stop + 2, columns.stop + 2)
            found.append(Detection(tuple(map(float, box)), score))
        return tuple(one for one in found if one.score >= min_score)
