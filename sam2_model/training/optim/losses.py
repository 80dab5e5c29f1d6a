"""What the network is punished for: masks, their predicted quality, the object's presence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sam2_model.modeling.layers import upsample
from sam2_model.modeling.mask_decoder import DecodedMasks

_HEAVIEST_FOREGROUND = 20.0


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How the terms are added up.

    Parameters
    ----------
    cross_entropy, dice : float
        Of the mask. A focal term in place of the first collapsed to empty masks in trials.
    iou : float
        Mean absolute error of the predicted IoU, over all four hypotheses.
    presence : float
        Cross-entropy of the object score.
    inactive : float
        Share of the mask loss for the hypothesis that the prompt does not ask for: number 0, or
        the best of the three.
    losers : float
        Share of the mask loss for the two others of the three. Without it the predicted IoU, late
        to learn, picks masks that were never taught.
    """

    cross_entropy: float = 2.0
    dice: float = 1.0
    iou: float = 1.0
    presence: float = 1.0
    inactive: float = 0.3
    losers: float = 0.1


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean over objects of each term, unweighted, and their weighted sum.

    Parameters
    ----------
    total, cross_entropy, dice, iou, presence : Tensor
        Scalars.
    """

    total: Tensor
    cross_entropy: Tensor
    dice: Tensor
    iou: Tensor
    presence: Tensor


def mean_losses(parts: list[Losses]) -> Losses:
    """Average the losses of several frames or rounds, term by term."""
    names = ("total", "cross_entropy", "dice", "iou", "presence")
    return Losses(*(torch.stack([getattr(part, name) for part in parts]).mean() for name in names))


def mask_loss(
    decoded: DecodedMasks, truth: Tensor, *, ambiguous: bool, weights: LossWeights
) -> Losses:
    """Compare all hypotheses with the truth (SAM 2 paper, appendix D.2.2).

    Of the three hypotheses for ambiguous prompts the best one learns its mask, the two others
    hardly; all predict their IoU. Objects that are absent count for the object score alone.

    Parameters
    ----------
    decoded : DecodedMasks
        B objects.
    truth : Tensor
        (B, 1, R, R) in 0..1, coverage of each pixel at the resolution of the comparison; nothing
        but zeros where the object is absent.
    ambiguous : bool
        Whether the prompt asks for the best of three rather than for hypothesis 0.
    weights : LossWeights
        How the terms are added up.

    Returns
    -------
    Losses
    """
    present = truth.flatten(1).amax(1) > 0
    logits = upsample(decoded.logits.float(), (truth.shape[-2], truth.shape[-1]))
    entropy = weighted_cross_entropy(logits, truth)
    overlap = dice_loss(logits, truth)
    cost = weights.cross_entropy * entropy + weights.dice * overlap
    best = cost[:, 1:].detach().argmin(1) + 1
    rows = torch.arange(len(best), device=best.device)
    asked, other = (best, torch.zeros_like(best)) if ambiguous else (torch.zeros_like(best), best)
    quality = (decoded.ious.float() - hard_iou(logits, truth)).abs().mean(1)
    score = F.binary_cross_entropy_with_logits(decoded.object_score.float()[:, 0], present.float())
    masks = cost[rows, asked] + weights.inactive * cost[rows, other]
    masks = masks + weights.losers * (cost[:, 1:].sum(1) - cost[rows, best])
    share = present.float()
    count = share.sum().clamp(min=1)
    total = ((masks + weights.iou * quality) * share).sum() / count + weights.presence * score
    return Losses(
        total,
        (entropy[rows, asked] * share).sum().detach() / count,
        (overlap[rows, asked] * share).sum().detach() / count,
        (quality * share).sum().detach() / count,
        score.detach(),
    )


def weighted_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy in which a small object's pixels weigh more.

    Parameters
    ----------
    logits : Tensor
        (B, M, R, R).
    truth : Tensor
        (B, 1, R, R) in 0..1.

    Returns
    -------
    Tensor
        (B, M), means over pixels; foreground weighs as the root of background to foreground area.
    """
    share = truth.mean((-2, -1), keepdim=True).clamp(1e-5, 1.0)
    heavy = ((1 - share) / share).sqrt().clamp(1.0, _HEAVIEST_FOREGROUND)
    pixel_weights = 1 + (heavy - 1) * truth
    pixel_weights = pixel_weights / pixel_weights.sum((-2, -1), keepdim=True)
    entropy = F.softplus(logits) - logits * truth
    return (entropy * pixel_weights).sum((-2, -1))


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus the soft Dice coefficient of (B, M, R, R) and (B, 1, R, R): (B, M)."""
    probability = logits.sigmoid()
    shared = (probability * truth).sum((-2, -1))
    return 1 - (2 * shared + 1) / (probability.sum((-2, -1)) + truth.sum((-2, -1)) + 1)


def hard_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """IoU of (B, M, R, R) logits above 0 and (B, 1, R, R) coverage above one half: (B, M)."""
    predicted, true = logits.detach() > 0, truth > 0.5
    shared = (predicted & true).sum((-2, -1)).float()
    return shared / (predicted | true).sum((-2, -1)).clamp(min=1)
