"""Clips of bright discs for a network of 64 pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sam2_model.modeling.sam2 import SAM2
from sam2_model.training.data.batch import Batch, stack
from sam2_model.training.data.samples import ClipSample
from sam2_model.training.initialization import initialize
from tests.helpers.networks import SMALL

SIDE = 64


def disc(y: float, x: float, radius: float, side: int = SIDE) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[:side, :side]
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


@dataclass(frozen=True)
class Discs:
    """Discs that drift to the right; the first one is missing on ``absent`` frames."""

    absent: tuple[int, ...] = ()

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        centres = rng.uniform(16, 40, (objects, 2))
        masks = np.zeros((frames, objects, SIDE, SIDE), bool)
        for t in range(frames):
            for k, (y, x) in enumerate(centres):
                if k or t not in self.absent:
                    masks[t, k] = disc(y, x + t, 8)
        images = np.where(masks.any(1)[..., None], 220, 20).repeat(3, axis=-1)
        return ClipSample(images.astype(np.uint8), masks, masks.any((2, 3)))


def batch(frames: int = 1, clips: int = 2, objects: int = 2, absent: tuple[int, ...] = ()) -> Batch:
    rng = np.random.default_rng(3)
    return stack([Discs(absent).sample(rng, frames, objects) for _ in range(clips)]).batch()


def fresh(seed: int = 0) -> SAM2:
    return initialize(SAM2(SMALL), seed).train()
