"""Appearance of masks: the model's features inside and around them, brightness, size and shape."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.images.view import View
from napari_sam2.inference.view_encoder import ViewEncoder
from napari_sam2.inference.view_placement import ViewPlacement, ViewRequest, share_views
from napari_sam2.masks.mask import MaskCrop

N_PLAIN = 4
"""Features that do not come from the model: brightness, contrast, log area and solidity; last."""
_MIN_INPUT_DIAMETER = 32
"""Smaller masks, which cover less than two tokens along a side, are described in zoomed views."""
_RING_SHARE = 0.25
"""Width of the ring around a mask, in diameters."""


def describe(
    encoder: ViewEncoder,
    placement: ViewPlacement,
    index: PlaneIndex,
    crops: Sequence[MaskCrop],
) -> NDArray[np.float64]:
    """Return the appearance of masks on one plane.

    Parameters
    ----------
    encoder : ViewEncoder
        Encodes views of the stack.
    placement : ViewPlacement
        Sizes and positions of views.
    index : tuple of int
        Full index of the plane.
    crops : sequence of MaskCrop
        The masks; none is empty.

    Returns
    -------
    NDArray[np.float64]
        (N, C + :data:`N_PLAIN`): means of the model's features inside minus those of a ring
        around the mask, then the features that do not come from the model.
    """
    rows: dict[int, NDArray[np.float64]] = {}
    by_view: dict[View, list[int]] = {}
    for number, view in _views(placement, crops).items():
        by_view.setdefault(view, []).append(number)
    for view, numbers in by_view.items():
        image = encoder.image(index, view).mean(axis=2, dtype=np.float32)
        features = encoder.predictor.feature_map(encoder.encode(index, view))
        for number in numbers:
            rows[number] = _describe(crops[number], view, image, features)
    return np.array([rows[number] for number in range(len(crops))])


def _views(placement: ViewPlacement, crops: Sequence[MaskCrop]) -> dict[int, View]:
    """Return for each mask a view in which it is large enough; neighbors share views."""
    shrink = placement.image_size / max(placement.shape)
    views, requests = {}, []
    for number, crop in enumerate(crops):
        diameter = _diameter(crop)
        side = placement.side_for(diameter * placement.image_size / _MIN_INPUT_DIAMETER)
        if diameter * shrink >= _MIN_INPUT_DIAMETER or side >= max(placement.shape):
            views[number] = placement.full
        else:
            need = placement.need(crop.window, (0.0, 0.0), side)
            requests.append(ViewRequest(number, need, side))
    return views | share_views(requests, placement)


def _describe(
    crop: MaskCrop, view: View, image: NDArray[np.float32], features: NDArray[np.float32]
) -> NDArray[np.float64]:
    mask, ring, window = _mask_and_ring(crop, view.window)
    inside, around = (_means(pixels, window, view, features) for pixels in (mask, ring))
    bright, dark = (_means(pixels, window, view, image[None])[0] for pixels in (mask, ring))
    plain = (bright, bright - dark, log(crop.area), _solidity(crop.logits > 0))
    return np.concatenate((inside - around, plain))


def _mask_and_ring(
    crop: MaskCrop, limits: Window
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Window]:
    """Return a mask, the ring around it, and their common window within ``limits``."""
    width = max(ceil(_RING_SHARE * _diameter(crop)), 2)
    window = (crop.box or crop.window).grow(width).clip((limits.y1, limits.x1)).intersect(limits)
    mask = np.zeros(window.shape, bool)
    common = window.intersect(crop.window)
    mask[common.relative_to(window).slices] = crop.part(common) > 0
    near = ndimage.distance_transform_edt(~mask) <= width
    return mask, near & ~mask, window


def _means(
    pixels: NDArray[np.bool_], window: Window, view: View, features: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the means (C,) of features (C, h, w), which cover a view, over pixels of a window."""
    ys, xs = np.nonzero(pixels)
    if not ys.size:
        return np.zeros(len(features))
    height, width = features.shape[1:]
    rows = (ys + window.y0 - view.window.y0) * height // view.window.shape[0]
    columns = (xs + window.x0 - view.window.x0) * width // view.window.shape[1]
    counts = np.bincount(rows * width + columns, minlength=height * width)
    means: NDArray[np.float64] = features.reshape(len(features), -1) @ counts / ys.size
    return means


def _solidity(mask: NDArray[np.bool_]) -> float:
    """Return the share of its convex hull that a mask fills, in 0..1."""
    ys, xs = np.nonzero(mask & ~ndimage.binary_erosion(mask))
    corners = np.concatenate([np.stack((ys + dy, xs + dx), 1) for dy in (0, 1) for dx in (0, 1)])
    try:
        return float(np.count_nonzero(mask) / ConvexHull(corners).volume)
    except QhullError:
        return 1.0


def _diameter(crop: MaskCrop) -> float:
    return 2 * sqrt(crop.area / np.pi)
