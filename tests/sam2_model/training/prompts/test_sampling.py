from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from torch import Tensor

from sam2_model.modeling.prompt_encoder import PointLabel
from sam2_model.training.prompts.distance import deepest_pixels, interior_depths, random_pixels
from sam2_model.training.prompts.sampling import PromptKind, corrections, first_prompts, tight_boxes
from tests.helpers.discs import disc

planes = arrays(bool, (3, 12, 12))
seeds = st.integers(0, 2**32)


def tensor(*masks: np.ndarray) -> Tensor:
    return torch.from_numpy(np.stack(masks))


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(planes)
def test_depths_lie_between_the_distances_of_squares_and_diamonds(masks: np.ndarray) -> None:
    found = interior_depths(tensor(*masks)).numpy()
    for mask, depth in zip(masks, found, strict=True):
        framed = np.pad(mask, 1)
        square = ndimage.distance_transform_cdt(framed, "chessboard")[1:-1, 1:-1]
        diamond = ndimage.distance_transform_cdt(framed, "taxicab")[1:-1, 1:-1]
        assert ((square <= depth) & (depth <= diamond)).all()


def test_depths_are_near_the_euclidean_distance() -> None:
    mask = disc(40, 32, 21)
    true = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    assert np.abs(interior_depths(tensor(mask))[0].numpy() - true).max() <= 2.5


def test_a_pixel_that_is_hardly_covered_is_better_than_none() -> None:
    cover = torch.zeros(1, 8, 8)
    cover[0, 5, 2] = 0.25
    assert deepest_pixels(interior_depths(cover)).tolist() == [[5, 2]]


@given(planes, seeds)
def test_every_point_lies_in_its_mask(masks: np.ndarray, seed: int) -> None:
    if not masks.any((1, 2)).all():
        return
    depth = interior_depths(tensor(*masks))
    for places in (deepest_pixels(depth), random_pixels(depth, 0.3, chance(seed))):
        assert all(mask[y, x] for mask, (y, x) in zip(masks, places.tolist(), strict=True))


def test_random_points_differ_and_keep_off_the_rim() -> None:
    depth = interior_depths(tensor(*[disc(30, 20, 9)] * 60))
    places = random_pixels(depth, 0.3, chance())
    assert len(places.unique(dim=0)) > 20
    assert all(depth[0, y, x] >= 0.3 * depth.max() for y, x in places.tolist())


@given(planes, planes)
def test_a_correction_lies_where_the_prediction_is_wrong(
    predicted: np.ndarray, truth: np.ndarray
) -> None:
    made = corrections(tensor(*predicted), tensor(*truth), stride=1)
    for found, true, point, label in zip(
        predicted, truth, made.points[:, 0], made.labels[:, 0], strict=True
    ):
        if label == PointLabel.PADDING:
            assert np.array_equal(found, true)
            continue
        x, y = (int(v) for v in point)
        assert found[y, x] != true[y, x]
        assert label == (PointLabel.INSIDE if true[y, x] else PointLabel.OUTSIDE)


def test_the_deeper_error_is_corrected_first() -> None:
    made = corrections(tensor(disc(44, 44, 12)), tensor(disc(20, 20, 8)), stride=2)
    assert made.labels.item() == PointLabel.OUTSIDE
    assert made.points.flatten().tolist() == [89.0, 89.0]


@given(planes, seeds)
def test_boxes_hold_area_and_stay_in_the_picture(masks: np.ndarray, seed: int) -> None:
    if not masks.any((1, 2)).all():
        return
    for mask, (x0, y0, x1, y1) in zip(
        masks, tight_boxes(tensor(*masks)).int().tolist(), strict=True
    ):
        assert mask[y0:y1, x0:x1].sum() == mask.sum()
        assert mask[y0].any()
        assert mask[:, x1 - 1].any()
    cover = tensor(*masks).float()
    made = first_prompts(cover, PromptKind.BOX, np.random.default_rng(seed), stride=2)
    assert (made.points[:, 0] < made.points[:, 1]).all()
    assert (made.points >= 0).all()
    assert (made.points <= 24).all()


def test_prompts_become_tokens_in_pixel_corner_coordinates() -> None:
    cover = tensor(*[disc(30, 20, 9)] * 50).float()
    boxes = first_prompts(cover, PromptKind.BOX, np.random.default_rng(0), stride=1)
    assert boxes.points.shape == (50, 2, 2)
    assert not boxes.ambiguous
    assert boxes.labels[0].tolist() == [PointLabel.BOX_TOP_LEFT, PointLabel.BOX_BOTTOM_RIGHT]
    exact = (boxes.points[:, 0] == torch.tensor([12.0, 22.0])).all(1)
    assert 10 < exact.sum() < 40
    points = first_prompts(cover, PromptKind.POINT, np.random.default_rng(0), stride=2)
    assert points.ambiguous
    assert (points.points[:, 0] == torch.tensor([41.0, 61.0])).all(1).sum() > 10


def test_what_cannot_be_prompted_is_refused() -> None:
    with pytest.raises(ValueError, match="has no points: use POINT or BOX"):
        first_prompts(torch.ones(1, 8, 8), PromptKind.MASK, np.random.default_rng(0))
    with pytest.raises(ValueError, match="empty mask"):
        first_prompts(torch.zeros(1, 8, 8), PromptKind.POINT, np.random.default_rng(0))
