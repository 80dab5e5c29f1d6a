"""Moving pictures of cut-out objects on a background, with their true labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.float32]


class Blend(Enum):
    """How an object adds to what is behind it: as a solid, or as light."""

    OVER = "over"
    LIGHT = "light"


@dataclass(frozen=True, slots=True)
class Sprite:
    """An object cut out of its surroundings.

    Parameters
    ----------
    values : NDArray[np.float32]
        (h, w) intensities in 0..1.
    alpha : NDArray[np.float32]
        (h, w) opacity in 0..1; the true mask is where it exceeds one half.
    """

    values: Image
    alpha: Image


@dataclass(frozen=True, slots=True)
class Path:
    """An object's motion, one entry per frame.

    Parameters
    ----------
    centre : NDArray[np.float64]
        (T, 2) y and x in pixels.
    angle, scale, squeeze : NDArray[np.float64]
        (T,) rotation in radians, size (0 hides the object) and elongation, all relative to the
        sprite.
    """

    centre: NDArray[np.float64]
    angle: NDArray[np.float64]
    scale: NDArray[np.float64]
    squeeze: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a clip shows.

    Parameters
    ----------
    background : NDArray[np.float32]
        (H, W) in 0..1.
    sprites : sequence of Sprite
        Later ones lie in front.
    paths : sequence of Path
        One per sprite.
    drift : NDArray[np.float64]
        (T, 2) motion of the background in pixels.
    blend : Blend
        How objects add to what is behind.
    """

    background: Image
    sprites: Sequence[Sprite]
    paths: Sequence[Path]
    drift: NDArray[np.float64]
    blend: Blend = Blend.OVER

    def render(self) -> tuple[Image, NDArray[np.uint16]]:
        """Draw all frames: intensities (T, H, W) and labels, sprite number + 1."""
        frames = [self._frame(t) for t in range(len(self.drift))]
        return np.stack([f for f, _ in frames]), np.stack([labels for _, labels in frames])

    def _frame(self, t: int) -> tuple[Image, NDArray[np.uint16]]:
        canvas = self.background.copy()
        if self.drift[t].any():
            canvas = ndimage.shift(canvas, self.drift[t], order=1, mode="mirror")
        labels = np.zeros(canvas.shape, np.uint16)
        for number, (sprite, path) in enumerate(zip(self.sprites, self.paths, strict=True), 1):
            if path.scale[t] > 0.05:
                self._draw(canvas, labels, number, sprite, path, t)
        return canvas, labels

    def _draw(
        self,
        canvas: Image,
        labels: NDArray[np.uint16],
        number: int,
        sprite: Sprite,
        path: Path,
        t: int,
    ) -> None:
        patch = posed(sprite, path, t)
        height, width = patch.values.shape
        y, x = np.round(path.centre[t] - np.asarray((height, width)) / 2).astype(int)
        y0, x0 = max(y, 0), max(x, 0)
        y1, x1 = min(y + height, canvas.shape[0]), min(x + width, canvas.shape[1])
        if y1 <= y0 or x1 <= x0:
            return
        part = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
        alpha, values = patch.alpha[part], patch.values[part]
        target = canvas[y0:y1, x0:x1]
        solid = target + alpha * (values - target)
        target[...] = np.maximum(target, solid) if self.blend is Blend.LIGHT else solid
        labels[y0:y1, x0:x1][alpha > 0.5] = number


def posed(sprite: Sprite, path: Path, t: int) -> Sprite:
    """Turn, scale and stretch a sprite as its path says for frame ``t``."""
    scale, squeeze = path.scale[t], path.squeeze[t]
    cos, sin = np.cos(path.angle[t]), np.sin(path.angle[t])
    turn = np.asarray(((cos, -sin), (sin, cos)))
    forward = turn @ np.diag((scale * squeeze, scale / squeeze))
    if np.allclose(forward, np.eye(2), atol=1e-3):
        return sprite
    shape = np.asarray(sprite.alpha.shape)
    extent = np.ceil(np.abs(forward) @ shape).astype(int) + 2
    inverse = np.linalg.inv(forward)
    offset = (shape - 1) / 2 - inverse @ ((extent - 1) / 2)
    values, alpha = (
        ndimage.affine_transform(
            plane, inverse, offset, tuple(extent), order=1, mode=mode, prefilter=False
        )
        for plane, mode in ((sprite.values, "nearest"), (sprite.alpha, "constant"))
    )
    return Sprite(values, alpha)


def wander(rng: np.random.Generator, frames: int, speed: float) -> NDArray[np.float64]:
    """Return a smooth random walk (T, 2) from the origin, about ``speed`` pixels a frame."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, frames))
    pace = speed * np.abs(1 + 0.4 * rng.normal(size=frames))
    steps = pace[:, None] * np.stack((np.sin(heading), np.cos(heading)), axis=1)
    steps[0] = 0
    return np.cumsum(steps, axis=0)


def sway(rng: np.random.Generator, frames: int, strength: float) -> NDArray[np.float64]:
    """Return a slow change (T,) that starts at 0 and stays near it."""
    return np.cumsum(rng.normal(0, strength, frames)) * (np.arange(frames) > 0)


def moving(rng: np.random.Generator, start: NDArray[np.float64], frames: int, speed: float) -> Path:
    """Return a living object's path: it wanders, turns and changes shape slowly."""
    return Path(
        start + wander(rng, frames, speed),
        sway(rng, frames, 0.08),
        np.exp(sway(rng, frames, 0.015)),
        np.exp(sway(rng, frames, 0.02)),
    )


def hidden(path: Path, rng: np.random.Generator) -> Path:
    """Return the path with a gap of one to a third of the frames in which nothing is seen."""
    frames = len(path.scale)
    length = int(rng.integers(1, max(2, frames // 3 + 1)))
    start = int(rng.integers(0, frames - length + 1))
    scale = path.scale.copy()
    scale[start : start + length] = 0
    return Path(path.centre, path.angle, scale, path.squeeze)


def noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Image:
    """Return smooth noise of unit spread whose features are about ``grain`` pixels wide."""
    small = (int(shape[0] / grain) + 3, int(shape[1] / grain) + 3)
    coarse = rng.normal(size=small).astype(np.float32)
    if grain <= 1:
        return coarse[: shape[0], : shape[1]]
    zoomed = ndimage.zoom(coarse, (shape[0] / (small[0] - 2), shape[1] / (small[1] - 2)), order=1)
    cut: Image = zoomed[: shape[0], : shape[1]]
    return cut / (cut.std() + 1e-6)
