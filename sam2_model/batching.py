"""Put objects together in a batch, take them apart, and let them share pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from sam2_model.modeling.sam2 import SelectedMask

_LOSER_LOGIT = -10.0

T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Yield runs of at most ``size`` items, in order."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def joined(choices: Sequence[SelectedMask]) -> SelectedMask:
    """Concatenate along the batch."""
    return SelectedMask(
        torch.cat([c.logits for c in choices]),
        torch.cat([c.ious for c in choices]),
        torch.cat([c.pointer for c in choices]),
        torch.cat([c.object_score for c in choices]),
    )


def part_of(choice: SelectedMask, rows: slice) -> SelectedMask:
    """Return some rows of the batch."""
    return SelectedMask(
        choice.logits[rows], choice.ious[rows], choice.pointer[rows], choice.object_score[rows]
    )


def separate(logits: Tensor) -> Tensor:
    """Give each pixel to its strongest object.

    Parameters
    ----------
    logits : Tensor
        (B, 1, H, W), one entry per object.

    Returns
    -------
    Tensor
        The same, with everyone else's logit at most -10.
    """
    if len(logits) == 1:
        return logits
    numbers = torch.arange(len(logits), device=logits.device)[:, None, None, None]
    owner = logits.argmax(dim=0, keepdim=True)
    return torch.where(owner == numbers, logits, logits.clamp(max=_LOSER_LOGIT))
