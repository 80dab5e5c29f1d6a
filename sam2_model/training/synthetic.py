"""Synthetic movies and volumes: training clips, sample data and the demo's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sam2_model.training import augment
from sam2_model.training.samples import SIDE, ClipSample, sample_of
from sam2_model.training.scenes import Path, Scene, Sprite, hidden, moving, wander
from sam2_model.training.synthetic_sprites import (
    Look,
    Style,
    blend_of,
    draw_background,
    draw_count,
    draw_look,
    draw_radius,
    draw_sprite,
)


@dataclass(frozen=True, slots=True)
class SyntheticClips:
    """Training clips of every style; movies, and volumes whose slices are the frames.

    Parameters
    ----------
    styles : sequence of Style
        To draw from.
    volumes : float
        Share of clips in which objects swell, shrink and end, as in a volume's slices.
    """

    styles: Sequence[Style] = tuple(Style)
    volumes: float = 0.25

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Make a clip; see :class:`sam2_model.training.samples.ClipSource`."""
        while True:
            style = self.styles[int(rng.integers(len(self.styles)))]
            scene = draw_scene(style, rng, frames, volume=rng.random() < self.volumes)
            values, labels = scene.render()
            images = (values.clip(0, 1) * 255).astype(np.uint8)
            if style is Style.HISTOLOGY:
                images = _stained(images, rng)
            sample = sample_of(augment.clip(images, rng), labels, rng, objects)
            if sample is not None:
                return sample


def draw_scene(
    style: Style,
    rng: np.random.Generator,
    frames: int,
    *,
    volume: bool = False,
    shape: tuple[int, int] = (SIDE, SIDE),
) -> Scene:
    """Draw a scene with its objects and their paths.

    Parameters
    ----------
    style : Style
        How it looks.
    rng : numpy.random.Generator
        Source of chance.
    frames : int
        Length of the paths.
    volume : bool
        Frames are slices: objects stay in place, swell and end.
    shape : tuple of int
        Height and width in pixels.
    """
    look, radius = draw_look(style, rng), draw_radius(style, rng)
    count = max(1, round(draw_count(style, radius, rng) * shape[0] * shape[1] / SIDE**2))
    radii = radius * np.exp(rng.normal(0, 0.18, count))
    sprites = [draw_sprite(float(r), look, rng) for r in radii]
    starts = _placed(radii, shape, rng)
    paths = [_path(start, rng, frames, float(radius), volume=volume) for start in starts]
    common = wander(rng, frames, float(rng.choice((0, 0.5, 2)))) if frames > 1 else np.zeros((1, 2))
    paths = [replace(path, centre=path.centre + common) for path in paths]
    if not volume and frames > 2 and rng.random() < 0.4:
        paths = [hidden(path, rng) if rng.random() < 0.3 else path for path in paths]
    background = draw_background(shape, look, rng)
    sprites, paths = _divided(sprites, paths, rng, volume=volume)
    sprites, paths = _distracted(sprites, paths, look, rng, frames, shape)
    return Scene(background, sprites, paths, common, blend_of(style))


def _placed(
    radii: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Place objects so that they touch rather than cover each other, where there is room."""
    clustered = rng.random() < 0.5
    middle = rng.uniform(0.2, 0.8, 2) * shape
    placed: list[NDArray[np.float64]] = []
    for number, radius in enumerate(radii):
        best, best_gap = rng.uniform(0, 1, 2) * shape, -np.inf
        for _ in range(8):
            spread = np.asarray(shape) * 0.2
            point = rng.normal(middle, spread) if clustered else rng.uniform(0, 1, 2) * shape
            gaps = [float(np.hypot(*(point - p))) - radius - radii[i] for i, p in enumerate(placed)]
            gap = min(gaps, default=0.0)
            if gap > best_gap:
                best, best_gap = point, gap
            if gap >= 0 and (not clustered or number < 2):
                break
        placed.append(best)
    return placed


def _path(
    start: NDArray[np.float64],
    rng: np.random.Generator,
    frames: int,
    radius: float,
    *,
    volume: bool,
) -> Path:
    if not volume:
        speed = radius * float(np.exp(rng.uniform(np.log(0.02), np.log(0.6))))
        return moving(rng, start, frames, min(speed, 14))
    path = moving(rng, start, frames, radius * rng.uniform(0, 0.12))
    return replace(path, scale=slice_scale(rng, frames), angle=path.angle * 0.5)


def slice_scale(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """Relative size (frames,) of an object's cut through a volume: an ellipsoid or a tube.

    An ellipsoid's slices follow a half circle and end; a tube's stay and end at once.
    """
    depth = frames * rng.uniform(0.4, 1.6)
    place = (np.arange(frames) - rng.uniform(0, frames)) / (depth / 2)
    if rng.random() < 0.3:
        return (np.abs(place) < 1).astype(float)
    return np.sqrt(np.clip(1 - place**2, 0, 1))


def _divided(
    sprites: list[Sprite], paths: list[Path], rng: np.random.Generator, *, volume: bool
) -> tuple[list[Sprite], list[Path]]:
    """Let some objects become two: the object ends and two smaller ones begin beside it."""
    frames = len(paths[0].scale)
    if volume or frames < 4 or rng.random() < 0.75:
        return sprites, paths
    sprites, paths = list(sprites), list(paths)
    for number in np.flatnonzero(rng.random(len(paths)) < 0.15):
        at, parent = int(rng.integers(2, frames - 1)), paths[number]
        side = 0.4 * min(sprites[number].alpha.shape)
        angle = rng.uniform(0, 2 * np.pi)
        away = side * np.asarray((np.sin(angle), np.cos(angle)))
        apart = np.clip((np.arange(frames) - at + 1) / 3, 0, 1)[:, None]
        after = np.where(np.arange(frames) >= at, 0.72, 0.0)
        paths[number] = replace(parent, scale=parent.scale * (np.arange(frames) < at))
        for sign in (-1, 1):
            sprites.append(sprites[number])
            centre = parent.centre + sign * away * apart
            paths.append(replace(parent, centre=centre, scale=parent.scale * after))
    return sprites, paths


def _distracted(
    sprites: list[Sprite],
    paths: list[Path],
    look: Look,
    rng: np.random.Generator,
    frames: int,
    shape: tuple[int, int],
) -> tuple[list[Sprite], list[Path]]:
    """Now and then pass a large flat object in front of everything: an occlusion."""
    if frames < 4 or rng.random() < 0.85:
        return sprites, paths
    occluder = draw_sprite(rng.uniform(15, 40), replace(look, halo=0.0), rng)
    start = rng.uniform(0, 1, 2) * shape
    return [*sprites, occluder], [*paths, moving(rng, start, frames, rng.uniform(6, 20))]


def _stained(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Colour grey tissue from purple (dark) to pink or white (bright)."""
    dark = np.asarray((90, 50, 130)) + rng.normal(0, 20, 3)
    bright = np.asarray((235, 205, 225)) + rng.normal(0, 15, 3)
    share = images[..., None].astype(np.float32) / 255
    return (dark + share * (bright - dark)).clip(0, 255).astype(np.uint8)
