"""Distances to the edges of masks, for many masks at once, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

# The check for remaining pixels synchronizes with the GPU, so it is done in few steps only.
_CHECK_EVERY = 4


def interior_depths(cover: Tensor) -> Tensor:
    """Return the distances of pixels to the edges of masks.

    Masks are eroded by a cross and by a square in turn until they are empty. The result is the
    octagonal distance, which is near the Euclidean one (Rosenfeld and Pfaltz, Pattern Recognit.
    1:33, 1968).

    Parameters
    ----------
    cover : Tensor
        (B, H, W) bool, or the fraction of each pixel that is covered. Pixels below one half are
        outside, with the fraction as their distance.

    Returns
    -------
    Tensor
        (B, H, W) float32 in pixels; the border of the image is an edge.
    """
    left = cover >= 0.5 if cover.is_floating_point() else cover
    depth = cover.float().clone()
    for step in range(max(cover.shape[-2:])):
        if step % _CHECK_EVERY == 0 and not left.any():
            break
        tall, wide = _eroded(left, -2), _eroded(left, -1)
        left = _eroded(tall, -1) if step % 2 else tall & wide
        depth += left
    return depth


def deepest_pixels(depth: Tensor) -> Tensor:
    """Return the row and column (B, 2) of the largest value of each (B, H, W) plane."""
    flat = depth.flatten(1).argmax(1)
    return torch.stack((flat // depth.shape[-1], flat % depth.shape[-1]), 1)


def random_pixels(depth: Tensor, share: float, chance: torch.Generator) -> Tensor:
    """Return random pixels (row, column), (B, 2), away from the edges of masks.

    Parameters
    ----------
    depth : Tensor
        (B, H, W) distances of :func:`interior_depths`.
    share : float
        Smallest distance, as a fraction of the largest distance of each mask, and at least 1 pixel.
    chance : torch.Generator
        Random generator on the device of ``depth``.
    """
    peak = depth.flatten(1).amax(1)
    floor = torch.minimum((share * peak).clamp(min=1), peak)
    draws = torch.rand(depth.shape, generator=chance, device=depth.device)
    return deepest_pixels(draws.masked_fill(depth < floor[:, None, None], -1))


def _eroded(inside: Tensor, axis: int) -> Tensor:
    """Return pixels of (B, H, W) bool whose two neighbors along an axis are inside."""
    kept = torch.zeros_like(inside)
    length = inside.shape[axis] - 2
    if length > 0:
        before, here, after = (inside.narrow(axis, start, length) for start in range(3))
        kept.narrow(axis, 1, length).copy_(before & here & after)
    return kept
