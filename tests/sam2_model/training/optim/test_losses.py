from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sam2_model.modeling.mask_decoder import DecodedMasks
from sam2_model.training.optim.losses import (
    LossWeights,
    dice_loss,
    hard_iou,
    mask_loss,
    weighted_cross_entropy,
)
from tests.helpers.discs import disc

WEIGHTS = LossWeights()


def truth(y: float = 32, x: float = 32) -> Tensor:
    return torch.from_numpy(disc(y, x, 9)).float()[None, None]


def logits_of(mask: Tensor, strength: float = 8.0) -> Tensor:
    return (mask * 2 - 1) * strength


def decoded(logits: Tensor, score: float = 4.0) -> DecodedMasks:
    count = len(logits)
    return DecodedMasks(
        logits, torch.full((count, 4), 0.5), torch.zeros(count, 4, 8), torch.full((count, 1), score)
    )


@pytest.mark.parametrize("loss", [dice_loss, weighted_cross_entropy])
def test_the_right_mask_costs_less_than_a_moved_one_and_than_none(loss) -> None:
    right = loss(logits_of(truth()), truth())
    moved = loss(logits_of(truth(32, 38)), truth())
    empty = loss(logits_of(torch.zeros_like(truth())), truth())
    assert right < 0.02
    assert right < moved
    assert right < empty


def test_missing_a_small_object_costs_more_than_its_share_of_pixels() -> None:
    small = torch.from_numpy(disc(32, 32, 3)).float()[None, None]
    missed = weighted_cross_entropy(logits_of(torch.zeros_like(small), 4.0), small)
    plain = 4.0 * small.mean()
    assert missed > 5 * plain


def test_only_the_best_of_three_learns_its_mask() -> None:
    guesses = torch.cat([logits_of(truth(20, 20)), logits_of(truth(30, 40)),
                         logits_of(truth(32, 33)), logits_of(truth(50, 32))], dim=1)  # fmt: skip
    guesses.requires_grad_()
    weights = LossWeights(inactive=0.0, losers=0.0)
    mask_loss(decoded(guesses), truth(), ambiguous=True, weights=weights).total.backward()
    moved = guesses.grad.abs().sum((0, 2, 3)) > 0
    assert moved.tolist() == [False, False, True, False]


def test_an_unambiguous_prompt_teaches_the_first_mask() -> None:
    guesses = logits_of(truth()).repeat(1, 4, 1, 1).requires_grad_()
    weights = LossWeights(inactive=0.0, losers=0.0)
    mask_loss(decoded(guesses), truth(), ambiguous=False, weights=weights).total.backward()
    moved = guesses.grad.abs().sum((0, 2, 3)) > 0
    assert moved.tolist() == [True, False, False, False]


def test_an_absent_object_counts_for_its_score_alone() -> None:
    guesses = logits_of(truth()).repeat(1, 4, 1, 1).requires_grad_()
    nothing = torch.zeros_like(truth())
    seen = mask_loss(decoded(guesses, 4.0), nothing, ambiguous=True, weights=WEIGHTS)
    unseen = mask_loss(decoded(guesses, -4.0), nothing, ambiguous=True, weights=WEIGHTS)
    assert seen.presence > 3.9 > unseen.presence
    assert seen.cross_entropy == seen.dice == 0
    (gradient,) = torch.autograd.grad(seen.total, guesses, allow_unused=True)
    assert gradient is None or not gradient.any()


def test_iou_counts_pixels() -> None:
    half = truth().clone()
    half[..., :32, :] = 0
    expected = (half.sum() / truth().sum()).item()
    assert hard_iou(logits_of(half), truth()).item() == pytest.approx(expected)
