"""Losses of masks, of their predicted IoU and of the object score."""

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
    """Weights of the loss terms.

    Parameters
    ----------
    cross_entropy, dice : float
        Of the mask. With a focal loss instead of cross-entropy, masks collapsed to empty ones.
    iou : float
        Mean absolute error of the predicted IoU, over all four masks.
    presence : float
        Cross-entropy of the object score.
    inactive : float
        Fraction of the mask loss for the mask that the prompt does not select: mask 0, or the best
        of masks 1 to 3.
    losers : float
        Fraction of the mask loss for the two other masks of 1 to 3. Without it, the predicted IoU,
        which is learned late, selects masks that were never trained.
    """

    cross_entropy: float = 2.0
    dice: float = 1.0
    iou: float = 1.0
    presence: float = 1.0
    inactive: float = 0.3
    losers: float = 0.1


@dataclass(frozen=True, slots=True)
class Losses:
    """Means of the unweighted terms over objects, and their weighted sum.

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
    """Return the mean losses of several frames or rounds."""
    names = ("total", "cross_entropy", "dice", "iou", "presence")
    return Losses(*(torch.stack([getattr(part, name) for part in parts]).mean() for name in names))


def mask_loss(
    decoded: DecodedMasks, truth: Tensor, *, ambiguous: bool, weights: LossWeights
) -> Losses:
    """Return the losses of all four masks (SAM 2 paper, appendix D.2.2).

    Of masks 1 to 3, the best has the full mask loss and the others a small fraction of it; all
    predict their IoU. Absent objects contribute to the loss of the object score only.

    Parameters
    ----------
    decoded : DecodedMasks
        Masks of B objects.
    truth : Tensor
        (B, 1, R, R) ground truth: fraction of each pixel that is covered, 0 for absent objects.
    ambiguous : bool
        Whether the prompt selects the best of masks 1 to 3 rather than mask 0.
    weights : LossWeights
        Weights of the loss terms.
    """
    present = truth.flatten(1).amax(1) > 0
    logits = upsample(decoded.logits.float(), (truth.shape[-2], truth.shape[-1]))
    entropy = weighted_cross_entropy(logits, truth)
    overlap = dice_loss(logits, truth)
    cost = weights.cross_entropy * entropy + weights.dice * overlap
    best = cost[:, 1:].detach().argmin(1) + 1
    rows = torch.arange(len(best), device=best.device)
    selected, other = (
        (best, torch.zeros_like(best)) if ambiguous else (torch.zeros_like(best), best)
    )
    quality = (decoded.ious.float() - hard_iou(logits, truth)).abs().mean(1)
    score = F.binary_cross_entropy_with_logits(decoded.object_score.float()[:, 0], present.float())
    masks = cost[rows, selected] + weights.inactive * cost[rows, other]
    masks = masks + weights.losers * (cost[:, 1:].sum(1) - cost[rows, best])
    share = present.float()
    count = share.sum().clamp(min=1)
    total = ((masks + weights.iou * quality) * share).sum() / count + weights.presence * score
    return Losses(
        total,
        (entropy[rows, selected] * share).sum().detach() / count,
        (overlap[rows, selected] * share).sum().detach() / count,
        (quality * share).sum().detach() / count,
        score.detach(),
    )


def weighted_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the cross-entropy with larger weights for the pixels of small objects.

    Parameters
    ----------
    logits : Tensor
        (B, M, R, R).
    truth : Tensor
        (B, 1, R, R) in 0..1.

    Returns
    -------
    Tensor
        (B, M), means over pixels; the weight of foreground pixels is the square root of the ratio
        of background to foreground area.
    """
    share = truth.mean((-2, -1), keepdim=True).clamp(1e-5, 1.0)
    heavy = ((1 - share) / share).sqrt().clamp(1.0, _HEAVIEST_FOREGROUND)
    pixel_weights = 1 + (heavy - 1) * truth
    pixel_weights = pixel_weights / pixel_weights.sum((-2, -1), keepdim=True)
    entropy = F.softplus(logits) - logits * truth
    return (entropy * pixel_weights).sum((-2, -1))


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return 1 minus the soft Dice coefficient of (B, M, R, R) and (B, 1, R, R), (B, M)."""
    probability = logits.sigmoid()
    shared = (probability * truth).sum((-2, -1))
    return 1 - (2 * shared + 1) / (probability.sum((-2, -1)) + truth.sum((-2, -1)) + 1)


def hard_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the IoU of logits (B, M, R, R) > 0 and coverage (B, 1, R, R) > 0.5, (B, M)."""
    predicted, true = logits.detach() > 0, truth > 0.5
    shared = (predicted & true).sum((-2, -1)).float()
    return shared / (predicted | true).sum((-2, -1)).clamp(min=1)
