"""Smooth the outlines of tracked masks by what the model cannot resolve anyway."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.geometry import Window
from napari_sam2.questions import Patch

# Far from the outline a sure pixel must not outvote its neighbours.
_CLAMP = 8.0
_REACH = 4.0
_LEAST = 0.25


@dataclass(frozen=True, slots=True)
class Outlines:
    """How outlines of tracked objects are smoothed.

    A network follows an object by tokens, and its outline jitters from token to token. A Gaussian
    of one pixel of the network's own mask takes that away, and nothing that it could draw.

    Parameters
    ----------
    share : float
        The Gaussian's standard deviation is at most this share of the object's size, the root of
        its area; 0 leaves masks as they are.
    """

    share: float = 0.0

    def smoothed(self, logits: NDArray[np.float32], grain: float) -> NDArray[np.float32]:
        """Return the logits of a view with a smoother outline.

        Parameters
        ----------
        logits : NDArray[np.float32]
            (H, W) of one object, above 0 inside.
        grain : float
            The view's pixels per pixel of the network's mask.

        Returns
        -------
        NDArray[np.float32]
            (H, W); the very same array if nothing changes, or if nothing would be left.
        """
        box = Patch(Window.of((logits.shape[0], logits.shape[1])), logits).box
        sigma = 0.0 if box is None else min(grain, self.share * _size(logits[box.slices]))
        if box is None or sigma < _LEAST:
            return logits
        part = box.grow(ceil(_REACH * sigma)).clip((logits.shape[0], logits.shape[1])).slices
        smooth = ndimage.gaussian_filter(
            logits[part].clip(-_CLAMP, _CLAMP), sigma, mode="nearest", truncate=_REACH
        )
        if not (smooth > 0).any():
            return logits
        whole = logits.copy()
        whole[part] = smooth
        return whole


def _size(logits: NDArray[np.float32]) -> float:
    return sqrt(float(np.count_nonzero(logits > 0)))
