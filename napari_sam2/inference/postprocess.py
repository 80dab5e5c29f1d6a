"""Leave out specks: an object that was shown in one piece stays in one."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.geometry import Window
from napari_sam2.masks.mask import MAX_LOGIT
from napari_sam2.prompts.plane_prompts import RIM, MaskCrop, PlanePrompts

_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)


@dataclass(frozen=True, slots=True)
class ComponentFilter:
    """Which pieces of a mask belong to its object.

    Parameters
    ----------
    least : float
        Share of the largest piece's area that another piece must have; 0 keeps all pieces.
    """

    least: float = 0.0

    def main(self, patch: MaskCrop, points: NDArray[np.float64] | None = None) -> MaskCrop:
        """Return the mask without its specks.

        Parameters
        ----------
        patch : MaskCrop
            Logits on the plane.
        points : NDArray[np.float64], optional
            (N, 2) y and x on the plane; pieces that hold one of them stay.

        Returns
        -------
        MaskCrop
            The very same one if nothing was left out.
        """
        if self.least <= 0 or patch.logits.size == 0:
            return patch
        labels, count = ndimage.label(patch.logits > 0, _EIGHT_NEIGHBOURS)
        if count < 2:
            return patch
        areas = np.bincount(labels.ravel())[1:]
        kept = np.concatenate(([True], areas >= self.least * areas.max()))
        kept[_at(labels, patch, points)] = True
        return patch if kept.all() else _only(patch, kept[labels])

    def answer(self, question: PlanePrompts, patch: MaskCrop) -> MaskCrop:
        """Return an answer's mask without specks, unless an earlier mask showed the object."""
        return patch if question.given else self.main(patch, question.inside)

    def whole(self, patch: MaskCrop) -> bool:
        """Whether a mask has no specks."""
        return self.main(patch) is patch


def _at(
    labels: NDArray[np.integer], patch: MaskCrop, points: NDArray[np.float64] | None
) -> NDArray[np.integer]:
    """Return the numbers of the pieces under points; 0 beside them."""
    if points is None or not len(points):
        return np.zeros(0, np.intp)
    y, x = (np.rint(points).astype(int) - patch.window.offset).T
    inside = (y >= 0) & (x >= 0) & (y < labels.shape[0]) & (x < labels.shape[1])
    found: NDArray[np.integer] = labels[y[inside], x[inside]]
    return found


def _only(patch: MaskCrop, kept: NDArray[np.bool_]) -> MaskCrop:
    cleaned = MaskCrop(patch.window, np.where(kept, patch.logits, np.float32(-MAX_LOGIT)))
    box = cleaned.box
    if box is None:
        return cleaned
    window = box.grow(RIM).intersect(patch.window)
    crop = cleaned.logits[window.relative_to(patch.window).slices]
    return MaskCrop(window, np.ascontiguousarray(crop))


# Far from the outline a sure pixel must not outvote its neighbours.
_CLAMP = 8.0
_REACH = 4.0
_LEAST = 0.25


@dataclass(frozen=True, slots=True)
class ContourSmoothing:
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
        box = MaskCrop(Window.of((logits.shape[0], logits.shape[1])), logits).box
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
