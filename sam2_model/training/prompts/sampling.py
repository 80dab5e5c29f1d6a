"""Random prompts of ground-truth masks, for many objects at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from sam2_model.modeling.prompt_encoder import PointLabel
from sam2_model.training.prompts.distance import deepest_pixels, interior_depths, random_pixels

_EXACT_SHARE = 0.5
_INNER_SHARE = 0.3
_BOX_JITTER = 0.1
_LONGEST_JITTER = 20.0


class PromptKind(Enum):
    """Kind of the first prompt of an object."""

    POINT = "point"
    BOX = "box"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class PointPrompts:
    """N points for each of B objects.

    Parameters
    ----------
    points : Tensor
        (B, N, 2) float32, (x, y) in pixels of the square input; integers are pixel corners.
    labels : Tensor
        (B, N) int, :class:`sam2_model.modeling.prompt_encoder.PointLabel` values.
    """

    points: Tensor
    labels: Tensor

    @property
    def ambiguous(self) -> bool:
        """Whether the points are ambiguous: one point at most."""
        return self.points.shape[1] <= 1

    def joined(self, later: PointPrompts) -> PointPrompts:
        """Return these points followed by ``later`` ones of the same objects."""
        return PointPrompts(
            torch.cat((self.points, later.points), 1), torch.cat((self.labels, later.labels), 1)
        )


def first_prompts(
    cover: Tensor, kind: PromptKind, rng: np.random.Generator, stride: int = 2
) -> PointPrompts:
    """Return one click or one box for each object, half of them exact.

    Parameters
    ----------
    cover : Tensor
        (B, R, R) float32, the fraction of each pixel that the object covers; none is empty.
    kind : PromptKind
        ``POINT`` or ``BOX``.
    rng : numpy.random.Generator
        Random generator.
    stride : int
        Pixels of the square input per pixel of ``cover``.

    Returns
    -------
    PointPrompts
        Prompts on the device of ``cover``.

    Raises
    ------
    ValueError
        If ``kind`` is ``MASK``, or a mask is empty.
    """
    if not bool(cover.flatten(1).any(1).all()):
        raise ValueError("An empty mask has no point and no box")
    chance = torch.Generator(cover.device).manual_seed(int(rng.integers(2**62)))
    if kind is PromptKind.POINT:
        return _clicks(cover, chance, stride)
    if kind is PromptKind.BOX:
        return _boxes(cover, chance, stride)
    raise ValueError(f"{kind} has no points: use POINT or BOX")


def corrections(predicted: Tensor, truth: Tensor, stride: int = 2) -> PointPrompts:
    """Return a click in the middle of each object's largest error.

    Interactive segmentation is usually evaluated with such clicks.

    Parameters
    ----------
    predicted, truth : Tensor
        (B, R, R) bool.
    stride : int
        Pixels of the square input per pixel of the masks.

    Returns
    -------
    PointPrompts
        One click for each object: inside on missed pixels, outside on wrong ones, or padding if
        there is no error.
    """
    missed, excess = interior_depths(truth & ~predicted), interior_depths(predicted & ~truth)
    lacking, spare = (depth.flatten(1).amax(1) for depth in (missed, excess))
    inside = lacking >= spare
    pixel = torch.where(inside[:, None], deepest_pixels(missed), deepest_pixels(excess))
    labels = torch.where(inside, int(PointLabel.INSIDE), int(PointLabel.OUTSIDE))
    right = torch.maximum(lacking, spare) == 0
    labels = labels.masked_fill(right, int(PointLabel.PADDING))
    return _points(pixel, labels, stride)


def tight_boxes(inside: Tensor) -> Tensor:
    """Return the boxes (x0, y0, x1, y1), (B, 4) float32, of masks (B, R, R), none empty."""
    sides = []
    for axis in (1, 2):
        line = inside.any(axis).to(torch.uint8)
        sides.append((line.argmax(1), line.shape[1] - line.flip(1).argmax(1)))
    (left, right), (top, bottom) = sides
    return torch.stack((left, top, right, bottom), 1).float()


def _clicks(cover: Tensor, chance: torch.Generator, stride: int) -> PointPrompts:
    depth = interior_depths(cover)
    exact = _drawn(len(cover), chance) < _EXACT_SHARE
    inner = random_pixels(depth, _INNER_SHARE, chance)
    pixel = torch.where(exact[:, None], deepest_pixels(depth), inner)
    return _points(pixel, torch.full_like(pixel[:, 0], int(PointLabel.INSIDE)), stride)


def _points(pixel: Tensor, labels: Tensor, stride: int) -> PointPrompts:
    """Return the centers of pixels (row, column), (B, 2), as points of the square input."""
    points = (pixel.flip(1).float() + 0.5) * stride
    return PointPrompts(points[:, None], labels.int()[:, None])


def _boxes(cover: Tensor, chance: torch.Generator, stride: int) -> PointPrompts:
    """Return boxes of masks, half of them with sides moved by about a tenth of the box's size.

    Source: SAM paper, appendix A, "Training algorithm".
    """
    size = float(cover.shape[-1] * stride)
    boxes = tight_boxes(cover > 0) * stride
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    draws = torch.randn(boxes.shape, generator=chance, device=cover.device)
    loose = _drawn(len(cover), chance) >= _EXACT_SHARE
    jitter = (draws * _BOX_JITTER * sides).clamp(-_LONGEST_JITTER, _LONGEST_JITTER)
    moved = boxes + jitter * loose[:, None]
    low = torch.minimum(moved[:, :2], moved[:, 2:] - 1).clamp(0, size - 1)
    high = torch.maximum(moved[:, 2:], moved[:, :2] + 1).clamp(1, size)
    kinds = [int(PointLabel.BOX_TOP_LEFT), int(PointLabel.BOX_BOTTOM_RIGHT)]
    labels = torch.tensor(kinds, dtype=torch.int32, device=cover.device).expand(len(boxes), 2)
    return PointPrompts(torch.stack((low, high), 1), labels)


def _drawn(count: int, chance: torch.Generator) -> Tensor:
    return torch.rand(count, generator=chance, device=chance.device)
