"""Smooth deformations of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sam2_model.training.data.samples import SIDE
from sam2_model.training.synthetic.motion import Numbers, sway, wander
from sam2_model.training.synthetic.noise import noise
from sam2_model.training.synthetic.rendering import Image, Labels, sampled

# Widths of the features of the two fields, and their largest change from frame to frame.
_GRAINS = 25.0, 60.0
_CHANGES = 1.2, 2.5


@dataclass(frozen=True, slots=True)
class Deformation:
    """The motion of a deformed 256 px window over a larger image.

    Parameters
    ----------
    center : NDArray[np.float64]
        (T, 2), (y, x) of the window's center in the image.
    turn : NDArray[np.float64]
        (T, 2, 2) matrices from window pixels to image pixels.
    bend : NDArray[np.float32]
        (T, K) strengths of the fields.
    fields : NDArray[np.float32]
        (K, 2, 256, 256) displacements in image pixels.
    """

    center: Numbers
    turn: Numbers
    bend: Image
    fields: Image

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.center)

    def points(self, t: int) -> tuple[Image, Image]:
        """Return the coordinates y and x (256, 256) in the image of frame ``t``."""
        across = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
        turn, center = self.turn[t].astype(np.float32), self.center[t].astype(np.float32)
        bent = np.tensordot(self.bend[t], self.fields, 1)
        y = turn[0, 0] * across[:, None] + turn[0, 1] * across + center[0] + bent[0]
        x = turn[1, 0] * across[:, None] + turn[1, 1] * across + center[1] + bent[1]
        return y, x


def draw_deformation(
    rng: np.random.Generator, center: Numbers, zoom: float, frames: int, pan: float
) -> Deformation:
    """Return a random motion of a rotated, stretched and bent window.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    center : NDArray[np.float64]
        (2,), (y, x) of the window's center on the first frame.
    zoom : float
        Window pixels per image pixel.
    frames : int
        Number of frames.
    pan : float
        Motion from frame to frame in window pixels.
    """
    angle = rng.uniform(-np.pi, np.pi) + 0.3 * sway(rng, frames, 0.08)
    size = np.exp(sway(rng, frames, 0.02)) / zoom
    cos, sin = np.cos(angle), np.sin(angle)
    rotation: Numbers = np.moveaxis(np.array(((cos, -sin), (sin, cos))), -1, 0)
    stretch = np.exp(rng.normal(0, 0.12))
    shear = np.array(((stretch, rng.normal(0, 0.08)), (0, 1 / stretch)))
    fields = np.stack([[noise(rng, (SIDE, SIDE), grain) for _ in range(2)] for grain in _GRAINS])
    first = rng.uniform(0, 4.0 / zoom)
    fine, coarse = (sway(rng, frames, rng.uniform(0, most) / zoom) for most in _CHANGES)
    bend = np.stack((fine, first + coarse), axis=1)
    return Deformation(
        center + wander(rng, frames, pan / zoom),
        rotation @ shear * size[:, None, None],
        bend.astype(np.float32),
        fields.astype(np.float32),
    )


def warp_image(
    warp: Deformation,
    t: int,
    image: NDArray[np.uint8],
    labels: Labels,
    outside: NDArray[np.float32],
) -> tuple[Image, Labels]:
    """Return the view of an image (H, W, C) and its labels (H, W) on one frame of a deformation.

    Returns
    -------
    values : NDArray[np.float32]
        (256, 256, C) in the range of the image; ``outside`` (C,) beyond its edges.
    labels : NDArray[np.uint16]
        (256, 256).
    """
    y, x = warp.points(t)
    beyond = (y < -0.5) | (x < -0.5) | (y > labels.shape[0] - 0.5) | (x > labels.shape[1] - 0.5)
    values = sampled(image, y, x)
    rows, columns = (
        np.rint(p).clip(0, n - 1).astype(np.int32)
        for p, n in zip((y, x), labels.shape, strict=True)
    )
    found = labels[rows, columns]
    values[beyond], found[beyond] = outside, 0
    return values, found
