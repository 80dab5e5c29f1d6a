"""Masks of the network as arrays, at the size of the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.inference.protocol import MaskCandidates, TrackingResult, TrackState
from sam2_model.modeling.layers import upsample
from sam2_model.modeling.sam2 import SelectedMask

_COPIED_BYTES = 2**25
"""Largest number of bytes of masks that are copied from the device at once: 8 of 1024 x 1024."""


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


def candidates(
    logits: Tensor, ious: Tensor, object_score: Tensor, shape: tuple[int, int]
) -> MaskCandidates:
    """Return predicted masks at the size of the encoded image.

    Parameters
    ----------
    logits : Tensor
        (K, S/4, S/4).
    ious : Tensor
        (K,).
    object_score : Tensor
        A single value.
    shape : tuple of int
        Height and width of the encoded image, in pixels.
    """
    full = upsample(logits.float()[None], shape)[0]
    return MaskCandidates(_array(full), _array(ious), float(object_score.flatten()[0]))


def tracking_results(
    tracked: Sequence[tuple[SelectedMask, TrackState]], shape: tuple[int, int]
) -> Iterator[TrackingResult]:
    """Return the masks of a group of objects at the size of the encoded image.

    Scores are copied from the device at once, and masks in as few copies as ``_COPIED_BYTES``
    allows, as each copy waits for the device. Masks are enlarged when they are asked for.

    Parameters
    ----------
    tracked : sequence of (SelectedMask, TrackState)
        One per object.
    shape : tuple of int
        Height and width of the encoded image, in pixels.
    """
    if not tracked:
        return iter(())
    scores = torch.cat(
        [torch.cat((mask.ious[:1, :1], mask.object_score[:1, :1]), 1) for mask, _ in tracked]
    )
    return _results(tracked, scores.float().cpu().tolist(), shape)


def _results(
    tracked: Sequence[tuple[SelectedMask, TrackState]],
    scores: Sequence[tuple[float, float]],
    shape: tuple[int, int],
) -> Iterator[TrackingResult]:
    count = max(1, _COPIED_BYTES // (4 * shape[0] * shape[1]))
    for start in range(0, len(tracked), count):
        part = slice(start, start + count)
        small = torch.cat([mask.logits for mask, _ in tracked[part]]).float()
        full = _array(upsample(small, shape)[:, 0])
        for logits, (_, state), (iou, score) in zip(full, tracked[part], scores[part], strict=True):
            yield TrackingResult(logits, iou, score, state)
