"""Smoothing of the contours of tracked masks."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.geometry import Window
from napari_sam2.inference.tuning import SMOOTHING_SHARE
from napari_sam2.masks.mask import MaskCrop

_CLAMP = 8.0
"""Logits are clipped to this before smoothing, so that no single pixel dominates."""
_TRUNCATE = 4.0
_MIN_SIGMA = 0.25


def smooth_contour(logits: NDArray[np.float32], mask_pixel: float) -> NDArray[np.float32]:
    """Return the logits of a view with a smoothed contour.

    SAM 2 predicts masks in blocks of memory tokens, so the contour of a tracked object changes
    from frame to frame at this scale. A Gaussian of one mask pixel of the model removes these
    changes and no detail that the model can represent.

    Parameters
    ----------
    logits : NDArray[np.float32]
        (H, W) of one object, positive inside.
    mask_pixel : float
        Pixels of the view per pixel of the model's mask.

    Returns
    -------
    NDArray[np.float32]
        (H, W); the same array if nothing changes or no positive pixel would remain.
    """
    shape = (logits.shape[0], logits.shape[1])
    crop = MaskCrop(Window.of(shape), logits)
    box = crop.box
    if box is None:
        return logits
    sigma = min(mask_pixel, SMOOTHING_SHARE * sqrt(crop.area))
    if sigma < _MIN_SIGMA:
        return logits
    part = box.grow(ceil(_TRUNCATE * sigma)).clip(shape).slices
    smooth = ndimage.gaussian_filter(
        logits[part].clip(-_CLAMP, _CLAMP), sigma, mode="nearest", truncate=_TRUNCATE
    )
    if not (smooth > 0).any():
        return logits
    smoothed = logits.copy()
    smoothed[part] = smooth
    return smoothed
