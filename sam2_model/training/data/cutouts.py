"""Objects cut out of real images, and images without their objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.rendering import Image, Labels, Sprite

_REACH = 5
_EDGE = 1.6
_BLOCK = 8
Box = tuple[slice, ...]


def cut_sprite(image: Image, labels: Labels, number: int, box: Box) -> Sprite:
    """Return an object with the light around it, without its neighbors.

    Parameters
    ----------
    image : NDArray[np.float32]
        (H, W, C) in 0..1.
    labels : NDArray[np.uint16]
        (H, W).
    number : int
        Label of the object.
    box : tuple of slice
        Bounding box of the object, from :func:`scipy.ndimage.find_objects`.
    """
    part = widen_box(box, labels.shape)
    near = labels[part]
    inside = (near == number).astype(np.float32)
    soft = 2 * ndimage.gaussian_filter(inside, _EDGE, truncate=3, mode="nearest")
    alpha = np.where(inside > 0, 1, soft.clip(0, 1) * (near == 0))
    return Sprite(image[part].copy(), alpha.astype(np.float32), inside)


def widen_box(box: Box, shape: tuple[int, ...]) -> Box:
    """Return an object's box, enlarged by the light around it."""
    return tuple(
        slice(max(0, s.start - _REACH), min(n, s.stop + _REACH))
        for s, n in zip(box, shape, strict=True)
    )


def erase_objects(image: Image, covered: NDArray[Any], glow: int) -> Image:
    """Return an image in which objects are replaced by background with the same texture.

    Parameters
    ----------
    image : NDArray[np.float32]
        (H, W, C) in 0..1.
    covered : NDArray
        (H, W), not 0 on objects to replace.
    glow : int
        Width in pixels of the light around objects, which is replaced too.

    Returns
    -------
    NDArray[np.float32]
        (H, W, C).
    """
    near = ndimage.uniform_filter((covered != 0).astype(np.float32), 2 * glow + 1) > 1e-4
    free = ~near
    if not free.any():
        return np.broadcast_to(np.percentile(image, 10, axis=(0, 1)), image.shape).astype("f4")
    smooth = np.stack([_spread(plane, free) for plane in np.moveaxis(image, -1, 0)], axis=-1)
    rough = image - smooth
    grains = rough[free]
    # The texture of another part of the image.
    shift = np.roll(rough, (37, 53), axis=(0, 1))
    known = np.roll(free, (37, 53), axis=(0, 1))[..., None]
    spread = np.abs(grains).mean(0) * 2
    filled = smooth + np.where(known, shift, 0).clip(-spread, spread)
    soft = ndimage.uniform_filter(near.astype(np.float32), 5)[..., None]
    mixed: Image = image + soft * (filled - image)
    return np.where(near[..., None], filled, mixed).astype(np.float32)


def _spread(plane: Image, free: NDArray[np.bool_]) -> Image:
    """Return local means of the free pixels, over larger distances where they are few."""
    weight, total = (_blocks(p) for p in (free.astype(np.float32), plane * free))
    mean = float(total.sum() / weight.sum())
    value = np.full_like(total, mean)
    for reach in (6.0, 1.5):
        amount, there = (ndimage.gaussian_filter(p, reach) for p in (total, weight))
        trust = (there / 0.2).clip(0, 1)
        value += trust * (amount / np.maximum(there, 1e-6) - value)
    factors = [n / m for n, m in zip(plane.shape, value.shape, strict=True)]
    return ndimage.zoom(value, factors, order=1, mode="nearest", grid_mode=True)


def _blocks(plane: Image) -> Image:
    """Return the means of blocks of 8 x 8 pixels."""
    pad = [(0, -n % _BLOCK) for n in plane.shape]
    whole = np.pad(plane, pad, mode="edge")
    rows, columns = (n // _BLOCK for n in whole.shape)
    mean: Image = whole.reshape(rows, _BLOCK, columns, _BLOCK).mean((1, 3))
    return mean
