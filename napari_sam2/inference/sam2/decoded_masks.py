"""Masks of the network as arrays, at the size of the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.inference.protocol import MaskCandidates, TrackingResult, TrackState
from sam2_model.modeling.layers import upsample
from sam2_model.modeling.sam2 import SelectedMask


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


def tracking_result(
    mask: SelectedMask, state: TrackState, shape: tuple[int, int]
) -> TrackingResult:
    """Return the mask of an object at the size of the encoded image (height, width)."""
    return TrackingResult(
        logits=_array(upsample(mask.logits.float(), shape)[0, 0]),
        predicted_iou=float(mask.ious.flatten()[0]),
        object_score=float(mask.object_score.flatten()[0]),
        state=state,
    )
