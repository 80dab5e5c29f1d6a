from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sam2_model.prompt_encoder import PointLabel
from sam2_model.training.clicks import (
    corrective_click,
    deepest_point,
    loose_box,
    random_point,
    tight_box,
)
from sam2_model.training.prompting import PromptKind, corrections, first_prompts
from tests.sam2_model.training.discs import disc

masks = arrays(bool, (12, 15))
CPU = torch.device("cpu")


@given(masks, st.integers(0, 2**32))
def test_every_point_lies_in_the_mask(mask: np.ndarray, seed: int) -> None:
    if not mask.any():
        with pytest.raises(ValueError, match="empty mask"):
            deepest_point(mask)
        return
    rng = np.random.default_rng(seed)
    for click in (deepest_point(mask), random_point(mask, rng)):
        assert mask[click.y, click.x]
        assert click.inside


@given(masks, masks)
def test_a_correction_lies_where_the_prediction_is_wrong(
    predicted: np.ndarray, truth: np.ndarray
) -> None:
    click = corrective_click(predicted, truth)
    if click is None:
        assert np.array_equal(predicted, truth)
        return
    assert predicted[click.y, click.x] != truth[click.y, click.x]
    assert click.inside == truth[click.y, click.x]


@given(masks, st.integers(0, 2**32))
def test_boxes_hold_area_and_stay_in_the_picture(mask: np.ndarray, seed: int) -> None:
    if not mask.any():
        return
    x0, y0, x1, y1 = tight_box(mask).astype(int)
    assert mask[y0:y1, x0:x1].sum() == mask.sum()
    assert mask[y0].any()
    assert mask[:, x1 - 1].any()
    a0, b0, a1, b1 = loose_box(mask, np.random.default_rng(seed))
    assert 0 <= a0 < a1 <= 15
    assert 0 <= b0 < b1 <= 12


def test_the_deepest_point_of_a_disc_is_its_centre() -> None:
    click = deepest_point(disc(30, 20, 9))
    assert (click.y, click.x) == (30, 20)


def test_a_disc_at_the_border_is_clicked_inside_the_picture() -> None:
    click = deepest_point(disc(0, 32, 9))
    assert click.y > 1


def test_the_larger_error_is_corrected_first() -> None:
    truth, predicted = disc(20, 20, 8), disc(44, 44, 12)
    click = corrective_click(predicted, truth)
    assert click is not None
    assert not click.inside
    assert (click.y, click.x) == (44, 44)


def test_prompts_become_tokens_in_pixel_corner_coordinates() -> None:
    truth = disc(30, 20, 9)
    boxes = first_prompts([truth] * 50, PromptKind.BOX, np.random.default_rng(0), CPU)
    assert boxes.points.shape == (50, 2, 2)
    assert not boxes.ambiguous
    assert boxes.labels[0].tolist() == [PointLabel.BOX_TOP_LEFT, PointLabel.BOX_BOTTOM_RIGHT]
    assert (boxes.points[:, 0] == torch.tensor([12.0, 22.0])).all(1).any()
    points = first_prompts([truth] * 50, PromptKind.POINT, np.random.default_rng(0), CPU)
    assert (points.points[:, 0] == torch.tensor([20.5, 30.5])).all(1).any()
    with pytest.raises(ValueError, match="not made of points"):
        first_prompts([truth], PromptKind.MASK, np.random.default_rng(0), CPU)


def test_nothing_to_correct_is_a_padding_point() -> None:
    right, wrong = disc(30, 20, 9), disc(30, 40, 9)
    made = corrections([right, wrong], [right, right], CPU)
    assert made.labels[0, 0] == PointLabel.PADDING
    assert made.labels[1, 0] in (PointLabel.INSIDE, PointLabel.OUTSIDE)
