"""How deep points lie within masks, for many masks at once, on whatever device they are."""

from __future__ import annotations

import torch
from torch import Tensor

# Looking whether anything is left stops a GPU, so it is done now and then only.
_CHECK_EVERY = 4


def depths(cover: Tensor) -> Tensor:
    """Return distances to the edge, in pixels, rising by one from rim to middle.

    Masks are eroded until they vanish, by a cross and by a square in turn, whose octagonal
    distance is near the Euclidean one (Rosenfeld and Pfaltz, Pattern Recognit. 1:33, 1968).

    Parameters
    ----------
    cover : Tensor
        (B, H, W) bool, or share of each pixel that is covered, in 0..1; where it is less than one
        half, a pixel lies outside, but still deeper than one that is not covered at all.

    Returns
    -------
    Tensor
        (B, H, W) float32; the picture's border counts as an edge.
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


def deepest(depth: Tensor) -> Tensor:
    """Return the row and column (B, 2) of the largest value of each (B, H, W) plane."""
    flat = depth.flatten(1).argmax(1)
    return torch.stack((flat // depth.shape[-1], flat % depth.shape[-1]), 1)


def anywhere(depth: Tensor, share: float, chance: torch.Generator) -> Tensor:
    """Return a random row and column (B, 2), at least one pixel and a ``share`` of the peak deep.

    Parameters
    ----------
    depth : Tensor
        (B, H, W) of :func:`depths`.
    share : float
        Of each plane's largest depth.
    chance : torch.Generator
        On the depths' device.
    """
    peak = depth.flatten(1).amax(1)
    floor = torch.minimum((share * peak).clamp(min=1), peak)
    draws = torch.rand(depth.shape, generator=chance, device=depth.device)
    return deepest(draws.masked_fill(depth < floor[:, None, None], -1))


def _eroded(inside: Tensor, axis: int) -> Tensor:
    """Keep the pixels of (B, H, W) bool with both neighbours along an axis inside."""
    kept = torch.zeros_like(inside)
    length = inside.shape[axis] - 2
    if length > 0:
        before, here, after = (inside.narrow(axis, start, length) for start in range(3))
        kept.narrow(axis, 1, length).copy_(before & here & after)
    return kept
