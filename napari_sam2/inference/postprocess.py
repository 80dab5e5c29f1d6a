"""Cleaning of predicted masks: removal of small components, and contour smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MAX_LOGIT, RIM, MaskCrop
from napari_sam2.prompts.plane_prompts import PlanePrompts

_EIGHT_NEIGHBORS = np.ones((3, 3), bool)


@dataclass(frozen=True, slots=True)
class ComponentFilter:
    """Removes small connected components of a mask (8-connectivity).

    Parameters
    ----------
    min_share : float
        Components with a smaller share of the largest component's area are removed; 0 keeps all.
    """

    min_share: float = 0.0

    def filter(self, crop: MaskCrop, points: NDArray[np.float64] | None = None) -> MaskCrop:
        """Return a mask without its small components.

        Parameters
        ----------
        crop : MaskCrop
            The mask on the plane.
        points : NDArray[np.float64], optional
            (N, 2) y and x on the plane; components that contain one of them are kept.

        Returns
        -------
        MaskCrop
            The same object if nothing was removed.
        """
        if self.min_share <= 0 or crop.logits.size == 0:
            return crop
        labels, count = ndimage.label(crop.logits > 0, _EIGHT_NEIGHBORS)
        if count < 2:
            return crop
        areas = np.bincount(labels.ravel())[1:]
        kept = np.concatenate(([True], areas >= self.min_share * areas.max()))
        kept[_labels_at(labels, crop, points)] = True
        return crop if kept.all() else _keep(crop, kept[labels])

    def filter_prompted(self, prompts: PlanePrompts, crop: MaskCrop) -> MaskCrop:
        """Return the mask predicted for prompts without small components.

        Components with a point inside are kept; with a mask among the prompts all are kept.
        """
        return crop if prompts.has_mask else self.filter(crop, prompts.inside)

    def keeps_all(self, crop: MaskCrop) -> bool:
        """Return whether a mask has no small components."""
        return self.filter(crop) is crop


def _labels_at(
    labels: NDArray[np.integer], crop: MaskCrop, points: NDArray[np.float64] | None
) -> NDArray[np.integer]:
    """Return the labels of the components under points; 0 for the background."""
    if points is None or not len(points):
        return np.zeros(0, np.intp)
    y, x = (np.rint(points).astype(int) - crop.window.offset).T
    inside = (y >= 0) & (x >= 0) & (y < labels.shape[0]) & (x < labels.shape[1])
    found: NDArray[np.integer] = labels[y[inside], x[inside]]
    return found


def _keep(crop: MaskCrop, kept: NDArray[np.bool_]) -> MaskCrop:
    filtered = MaskCrop(crop.window, np.where(kept, crop.logits, np.float32(-MAX_LOGIT)))
    box = filtered.box
    if box is None:
        return filtered
    window = box.grow(RIM).intersect(crop.window)
    return MaskCrop(window, np.ascontiguousarray(filtered.part(window)))


_CLAMP = 8.0
"""Logits are clipped to this before smoothing, so that no single pixel dominates."""
_TRUNCATE = 4.0
_MIN_SIGMA = 0.25


@dataclass(frozen=True, slots=True)
class ContourSmoothing:
    """Smooths the contours of tracked masks with a Gaussian filter on the logits.

    SAM 2 predicts masks in blocks of memory tokens, so the contour of a tracked object changes
    from frame to frame at this scale. A Gaussian of one mask pixel of the model removes these
    changes and no detail that the model can represent.

    Parameters
    ----------
    share : float
        The standard deviation is at most this share of the square root of the mask's area; 0
        disables smoothing.
    """

    share: float = 0.0

    def smooth(self, logits: NDArray[np.float32], mask_pixel: float) -> NDArray[np.float32]:
        """Return the logits of a view with a smoothed contour.

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
        if self.share <= 0:
            return logits
        shape = (logits.shape[0], logits.shape[1])
        crop = MaskCrop(Window.of(shape), logits)
        box = crop.box
        if box is None:
            return logits
        sigma = min(mask_pixel, self.share * sqrt(crop.area))
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
