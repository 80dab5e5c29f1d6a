"""Blending of the forward and the backward mask between two conditioning frames."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MAX_LOGIT, FrameResult, MaskCrop, MaskOrigin


def blend_directions(draft: FrameResult, result: FrameResult, gap: tuple[int, int]) -> FrameResult:
    """Return the mean of both directions' logits, weighted by distance and score.

    Parameters
    ----------
    draft : FrameResult
        Forward result, from the conditioning frame before.
    result : FrameResult
        Backward result, from the conditioning frame after.
    gap : tuple of int
        The conditioning frames before and after.

    Returns
    -------
    FrameResult
        Its crop covers both crops; its scores are the weighted means.
    """
    before, after = gap
    closeness = (after - result.frame) / (after - before)
    forward, backward = closeness * _weight(draft), (1 - closeness) * _weight(result)
    share = forward / (forward + backward)
    window = _cover(draft.crop.window, result.crop.window)
    logits = share * _canvas(draft.crop, window) + (1 - share) * _canvas(result.crop, window)
    score = share * draft.object_score + (1 - share) * result.object_score
    crop = MaskCrop(window, np.asarray(logits, dtype=np.float32))
    return replace(
        result,
        crop=crop if score > 0 else MaskCrop.empty(),
        predicted_iou=share * draft.predicted_iou + (1 - share) * result.predicted_iou,
        object_score=score,
        origin=MaskOrigin.BLEND,
        final=True,
    )


def _weight(result: FrameResult) -> float:
    visible = 1 / (1 + exp(-max(min(result.object_score, MAX_LOGIT), -MAX_LOGIT)))
    return max(result.predicted_iou, 0.01) * max(visible, 1 - visible)


def _cover(first: Window, second: Window) -> Window:
    if first.empty or second.empty:
        return second if first.empty else first
    return first.union(second)


def _canvas(crop: MaskCrop, window: Window) -> NDArray[np.float32]:
    canvas = np.full(window.shape, -MAX_LOGIT, dtype=np.float32)
    if not crop.window.empty:
        part = crop.window.relative_to(window).slices
        canvas[part] = np.clip(crop.logits, -MAX_LOGIT, MAX_LOGIT)
    return canvas
