"""Masks that agree become one proposal, in one view and across views."""

from __future__ import annotations

import numpy as np

from napari_sam2.candidates.candidate import Candidate
from napari_sam2.candidates.proposals import Proposal, merge_proposals, propose
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.images.view import View
from napari_sam2.inference.features.feature_cache import FeatureCache
from napari_sam2.inference.protocol import PointMasks
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.masks.mask import MaskCrop
from tests.helpers.fakes import FakePredictor


class Scripted(FakePredictor):
    """Answers points with given boxes (y0, x0, y1, x1) of a logit, on a 32 x 32 mask."""

    def __init__(self, *answers: tuple[tuple[int, int, int, int], float, float]) -> None:
        super().__init__(image_size=128)
        self.answers = answers

    def predict_points(self, encoding, points, *, min_iou=0.0):
        logits = np.full((len(points), 3, 32, 32), -8, np.float32)
        ious = np.zeros((len(points), 3), np.float32)
        for row, ((y0, x0, y1, x1), logit, iou) in enumerate(self.answers):
            logits[row, 0, y0:y1, x0:x1] = logit
            ious[row, 0] = iou
        return PointMasks(logits, ious)


def proposals(*answers, min_score: float = 0.5) -> list[Proposal]:
    stack = open_stack(np.zeros((32, 32), np.uint8), axes="YX")
    encoder = ViewEncoder(stack, Intensity(((0.0, 1.0),)), Scripted(*answers), FeatureCache(0))
    points = np.zeros((len(answers), 2))
    return propose(encoder, (), View.full((32, 32)), points, min_score)


def test_masks_that_agree_are_one_proposal_with_the_best_of_them() -> None:
    first, again, other = (2, 2, 12, 12), (2, 2, 12, 11), (16, 16, 28, 28)
    found = proposals((first, 8, 0.8), (again, 8, 0.9), (other, 8, 0.7))
    assert [(one.support, one.candidate.crop.area) for one in found] == [(2, 90), (1, 144)]


def test_uncertain_masks_score_less_and_unstable_ones_are_left_out() -> None:
    box = (2, 2, 12, 12)
    [sure], [unsure] = proposals((box, 12, 0.9)), proposals((box, 2, 0.9))
    assert 0.5 < unsure.candidate.score < sure.candidate.score < 0.9
    assert proposals((box, 0.5, 0.9), min_score=0) == []
    assert proposals((box, 12, 0.45)) == []


def test_proposals_of_several_views_add_their_support() -> None:
    def proposal(x: int, width: int, score: float, support: int) -> Proposal:
        mask = MaskCrop.from_mask(np.ones((10, width), bool), (5, x))
        return Proposal(Candidate(mask, score), support)

    part, whole, far = proposal(10, 9, 0.7, 1), proposal(10, 10, 0.8, 2), proposal(30, 10, 0.9, 1)
    merged = merge_proposals([part, whole, far, proposal(10, 4, 0.6, 5)])
    assert [(one.candidate.score, one.support) for one in merged] == [(0.9, 1), (0.8, 3), (0.6, 5)]
