"""Batches of objects: splitting, concatenating, and resolving overlaps between masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from sam2_model.modeling.sam2 import SelectedMask

_SUPPRESSED_LOGIT = -10.0

T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Yield the items in order, in lists of at most ``size``."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def concatenate(masks: Sequence[SelectedMask]) -> SelectedMask:
    """Return the masks of several batches as one batch."""
    return SelectedMask(
        torch.cat([mask.logits for mask in masks]),
        torch.cat([mask.ious for mask in masks]),
        torch.cat([mask.pointer for mask in masks]),
        torch.cat([mask.object_score for mask in masks]),
    )


def take(mask: SelectedMask, rows: slice) -> SelectedMask:
    """Return some objects of a batch."""
    return SelectedMask(
        mask.logits[rows], mask.ious[rows], mask.pointer[rows], mask.object_score[rows]
    )


def resolve_overlaps(logits: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    """Assign each pixel to the object with the largest logit.

    Parameters
    ----------
    logits : Tensor
        (B, 1, H, W), one entry for each object.

    Returns
    -------
    Tensor
        (B, 1, H, W), with the logits of all other objects at most -10.
    """
    if len(logits) == 1:
        return logits
    numbers = torch.arange(len(logits), device=logits.device)[:, None, None, None]
    owner = logits.argmax(dim=0, keepdim=True)
    return torch.where(owner == numbers, logits, logits.clamp(max=_SUPPRESSED_LOGIT))
