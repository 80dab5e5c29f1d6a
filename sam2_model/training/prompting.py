"""From true masks to the tensors that the prompt encoder takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
from torch import Tensor

from sam2_model.prompt_encoder import PointLabel
from sam2_model.training.clicks import (
    Click,
    Mask,
    corrective_click,
    deepest_point,
    loose_box,
    random_point,
    tight_box,
)

_EXACT_SHARE = 0.5


class PromptKind(Enum):
    """What an object is first pointed out with."""

    POINT = "point"
    BOX = "box"
    MASK = "mask"


@dataclass(frozen=True, slots=True)
class PointPrompts:
    """Equally many points on each of B objects.

    Parameters
    ----------
    points : Tensor
        (B, N, 2) float32, x and y in pixels of the square input, pixel corners at integers.
    labels : Tensor
        (B, N) int, :class:`sam2_model.prompt_encoder.PointLabel` values.
    """

    points: Tensor
    labels: Tensor

    @property
    def ambiguous(self) -> bool:
        """Whether so few points leave several masks possible."""
        return self.points.shape[1] <= 1

    def joined(self, later: PointPrompts) -> PointPrompts:
        """Return these points followed by ``later`` ones of the same objects."""
        return PointPrompts(
            torch.cat((self.points, later.points), 1), torch.cat((self.labels, later.labels), 1)
        )


def first_prompts(
    masks: Sequence[Mask], kind: PromptKind, rng: np.random.Generator, device: torch.device
) -> PointPrompts:
    """Point out objects by one click or one box each, half of them exact.

    Parameters
    ----------
    masks : sequence of ndarray of bool
        (S, S) each, not empty.
    kind : PromptKind
        ``POINT`` or ``BOX``.
    rng : numpy.random.Generator
        Source of chance.
    device : torch.device
        Where the tensors go.

    Returns
    -------
    PointPrompts

    Raises
    ------
    ValueError
        For another kind, or an empty mask.
    """
    if kind is PromptKind.POINT:
        return clicks_to_prompts([_some_point(mask, rng) for mask in masks], device)
    if kind is PromptKind.BOX:
        return boxes_to_prompts([_some_box(mask, rng) for mask in masks], device)
    raise ValueError(f"{kind} is not made of points")


def clicks_to_prompts(clicks: Sequence[Click | None], device: torch.device) -> PointPrompts:
    """Turn one click per object into tensors; a padding point stands for None."""
    points = [(0.0, 0.0) if c is None else (c.x + 0.5, c.y + 0.5) for c in clicks]
    labels = [_label(click) for click in clicks]
    return PointPrompts(
        torch.tensor(points, device=device)[:, None],
        torch.tensor(labels, dtype=torch.int32, device=device)[:, None],
    )


def boxes_to_prompts(boxes: Sequence[np.ndarray], device: torch.device) -> PointPrompts:
    """Turn one (x0, y0, x1, y1) per object into its two corner points."""
    corners = torch.from_numpy(np.stack(boxes)).to(device).view(-1, 2, 2)
    kinds = [int(PointLabel.BOX_TOP_LEFT), int(PointLabel.BOX_BOTTOM_RIGHT)]
    return PointPrompts(
        corners, torch.tensor([kinds] * len(boxes), dtype=torch.int32, device=device)
    )


def corrections(
    predicted: Sequence[Mask], truth: Sequence[Mask], device: torch.device
) -> PointPrompts:
    """Click each object's largest error; objects without any get a padding point."""
    clicks = [corrective_click(p, t) for p, t in zip(predicted, truth, strict=True)]
    return clicks_to_prompts(clicks, device)


def _label(click: Click | None) -> int:
    if click is None:
        return int(PointLabel.PADDING)
    return int(PointLabel.INSIDE if click.inside else PointLabel.OUTSIDE)


def _some_point(mask: Mask, rng: np.random.Generator) -> Click:
    return deepest_point(mask) if rng.random() < _EXACT_SHARE else random_point(mask, rng)


def _some_box(mask: Mask, rng: np.random.Generator) -> np.ndarray:
    return tight_box(mask) if rng.random() < _EXACT_SHARE else loose_box(mask, rng)
