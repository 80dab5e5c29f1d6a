"""Join what came forward and what came backward between two prompted frames."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MAX_LOGIT, FrameResult, MaskOrigin


def blend_directions(draft: FrameResult, result: FrameResult, gap: tuple[int, int]) -> FrameResult:
    """Mix both directions' logits by closeness to each one's prompt and by score.

    Parameters
    ----------
    draft : FrameResult
        From the prompt before the frame.
    result : FrameResult
        From the prompt after the frame.
    gap : tuple of int
        The prompted frames before and after.

    Returns
    -------
    FrameResult
        Over the window that covers both, with the weighted mean of the scores.
    """
    before, after = gap
    closeness = (after - result.frame) / (after - before)
    forward, backward = closeness * _trust(draft), (1 - closeness) * _trust(result)
    share = forward / (forward + backward)
    window = _cover(draft.window, result.window)
    logits = share * _spread(draft, window) + (1 - share) * _spread(result, window)
    score = share * draft.object_score + (1 - share) * result.object_score
    if score <= 0:
        window, logits = Window(0, 0, 0, 0), np.zeros((0, 0), np.float32)
    return replace(
        result,
        window=window,
        logits=np.asarray(logits, dtype=np.float32),
        predicted_iou=share * draft.predicted_iou + (1 - share) * result.predicted_iou,
        object_score=score,
        direction=MaskOrigin.BLEND,
        final=True,
    )


def _trust(result: FrameResult) -> float:
    visible = 1 / (1 + exp(-max(min(result.object_score, MAX_LOGIT), -MAX_LOGIT)))
    return max(result.predicted_iou, 0.01) * max(visible, 1 - visible)


def _cover(first: Window, second: Window) -> Window:
    if first.empty or second.empty:
        return second if first.empty else first
    return first.union(second)


def _spread(result: FrameResult, window: Window) -> NDArray[np.float32]:
    canvas = np.full(window.shape, -MAX_LOGIT, dtype=np.float32)
    if not result.window.empty:
        rows, columns = result.window.relative_to(window).slices
        canvas[rows, columns] = np.clip(result.logits, -MAX_LOGIT, MAX_LOGIT)
    return canvas
