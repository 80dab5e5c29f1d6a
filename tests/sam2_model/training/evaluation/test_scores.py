"""Scores of clips: what they count, and that they follow objects as they are told to."""

from __future__ import annotations

import numpy as np
import pytest

from sam2_model.tracker import TrackerSettings
from sam2_model.training.data.samples import SIDE, ClipSample
from sam2_model.training.evaluation.scores import clip_scores
from sam2_model.training.prompts.sampling import PromptKind
from tests.helpers.networks import network


@pytest.fixture(scope="module")
def sample() -> ClipSample:
    """A square on gray that is gone on the third of five frames."""
    masks = np.zeros((5, 1, SIDE, SIDE), bool)
    masks[:, 0, 100:140, 80:130] = True
    masks[2] = False
    images = np.where(masks[:, 0, ..., None], 200, 60).astype(np.uint8).repeat(3, axis=-1)
    return ClipSample(images, masks, masks.any((2, 3)))


@pytest.mark.parametrize("kind", list(PromptKind))
def test_nothing_is_followed_above_every_score(sample: ClipSample, kind: PromptKind) -> None:
    settings = TrackerSettings(presence_threshold=1e4)
    scores = clip_scores(network(), [sample], kind, settings)
    assert scores.mean_iou == 0
    assert scores.reappeared == 0
    assert scores.empty_when_absent == 1
    assert scores.first_mask == 1
