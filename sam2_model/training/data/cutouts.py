"""Objects cut out of real pictures, and the background that they leave."""

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


def cut(picture: Image, labels: Labels, number: int, box: Box) -> Sprite:
    """Cut one object out, with the light around it but without its neighbours.

    Parameters
    ----------
    picture : NDArray[np.float32]
        (H, W, C) in 0..1.
    labels : NDArray[np.uint16]
        (H, W).
    number : int
        Of the object.
    box : tuple of slice
        That bounds the object, from :func:`scipy.ndimage.find_objects`.
    """
    part = widened(box, labels.shape)
    near = labels[part]
    inside = (near == number).astype(np.float32)
    soft = 2 * ndimage.gaussian_filter(inside, _EDGE, truncate=3, mode="nearest")
    alpha = np.where(inside > 0, 1, soft.clip(0, 1) * (near == 0))
    return Sprite(picture[part].copy(), alpha.astype(np.float32), inside)


def widened(box: Box, shape: tuple[int, ...]) -> Box:
    """Widen an object's box for the light around it."""
    return tuple(
        slice(max(0, s.start - _REACH), min(n, s.stop + _REACH))
        for s, n in zip(box, shape, strict=True)
    )


def emptied(picture: Image, covered: NDArray[Any], glow: int) -> Image:
    """Fill some objects' places with what is around them, at its own graininess.

    Parameters
    ----------
    picture : NDArray[np.float32]
        (H, W, C) in 0..1.
    covered : NDArray
        (H, W), not 0 on objects.
    glow : int
        Width in pixels of the light around objects that goes too.

    Returns
    -------
    NDArray[np.float32]
        (H, W, C).
    """
    near = ndimage.uniform_filter((covered != 0).astype(np.float32), 2 * glow + 1) > 1e-4
    free = ~near
    if not free.any():
        return np.broadcast_to(np.percentile(picture, 10, axis=(0, 1)), picture.shape).astype("f4")
    smooth = np.stack([_spread(plane, free) for plane in np.moveaxis(picture, -1, 0)], axis=-1)
    rough = picture - smooth
    grains = rough[free]
    # Grain from anywhere else is the right amount and kind, but for its neighbourhood.
    shift = np.roll(rough, (37, 53), axis=(0, 1))
    known = np.roll(free, (37, 53), axis=(0, 1))[..., None]
    spread = np.abs(grains).mean(0) * 2
    filled = smooth + np.where(known, shift, 0).clip(-spread, spread)
    soft = ndimage.uniform_filter(near.astype(np.float32), 5)[..., None]
    mixed: Image = picture + soft * (filled - picture)
    return np.where(near[..., None], filled, mixed).astype(np.float32)


def _spread(plane: Image, free: NDArray[np.bool_]) -> Image:
    """Average the free pixels around every place, over farther ones where there are few."""
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
    """Average blocks of 8 x 8 pixels."""
    pad = [(0, -n % _BLOCK) for n in plane.shape]
    whole = np.pad(plane, pad, mode="edge")
    rows, columns = (n // _BLOCK for n in whole.shape)
    mean: Image = whole.reshape(rows, _BLOCK, columns, _BLOCK).mean((1, 3))
    return mean
