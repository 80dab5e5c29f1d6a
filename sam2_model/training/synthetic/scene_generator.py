"""Random scenes: positions, motions and appearance of objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sam2_model.training.synthetic.appearance import (
    Appearance,
    Style,
    blend_mode,
    draw_appearance,
    draw_count,
    draw_radius,
)
from sam2_model.training.synthetic.lifecycle import Lifecycle
from sam2_model.training.synthetic.motion import Motion, divide, living_motion, wander
from sam2_model.training.synthetic.placement import pack, scatter, separate_objects
from sam2_model.training.synthetic.rendering import Clip, Scene, Sprite
from sam2_model.training.synthetic.sprites import draw_background, draw_sprite
from sam2_model.training.synthetic.tissue import draw_tiling

_TINTED = 0.5


@runtime_checkable
class Drawable(Protocol):
    """A scene that can be rendered."""

    def render(self) -> Clip:
        """Return all frames and labels."""


@dataclass(frozen=True, slots=True)
class ObjectCount:
    """Number and size of a scene's objects; None for random ones.

    Parameters
    ----------
    count : int, optional
        Number of objects on the first frame, or in the volume.
    radius : float, optional
        Typical radius in pixels.
    """

    count: int | None = None
    radius: float | None = None


def draw_scene(
    style: Style,
    rng: np.random.Generator,
    frames: int,
    lifecycle: Lifecycle,
    shape: tuple[int, int],
    objects: ObjectCount | None = None,
) -> Drawable:
    """Return a random scene.

    Parameters
    ----------
    style : Style
        Style of the scene.
    rng : numpy.random.Generator
        Random generator.
    frames : int
        Number of frames or slices.
    lifecycle : Lifecycle
        Events of the clip.
    shape : tuple of int
        Height and width in pixels.
    objects : ObjectCount, optional
        Number and size of objects; membranes use the radius only.
    """
    objects = objects or ObjectCount()
    appearance = draw_appearance(style, rng)
    radius = objects.radius or draw_radius(style, rng)
    drift = wander(rng, frames, lifecycle.drift)
    if style is Style.MEMBRANES:
        return draw_tiling(appearance, radius, rng, frames, shape, drift, volume=lifecycle.volume)
    count = objects.count or draw_count(style, radius, shape[0] * shape[1], rng)
    radii = radius * np.exp(rng.normal(0, 0.18, count))
    positions = pack(radii, shape, rng) if lifecycle.packed else scatter(radii, shape, rng)
    motions = [
        lifecycle.motion(rng, start, frames, float(r))
        for start, r in zip(positions, radii, strict=True)
    ]
    if not (lifecycle.volume or lifecycle.crossing):
        motions = separate_objects(motions, radii)
    sprites = [draw_sprite(float(r), appearance, rng) for r in radii]
    background = draw_background(style, shape, appearance, rng)[..., None]
    parents: dict[int, int] = {}
    if lifecycle.divided:
        sprites, motions, parents = _with_daughters(sprites, motions, radii, lifecycle, rng)
    if lifecycle.occluder:
        sprites, motions = _with_occluder(sprites, motions, appearance, rng, shape)
    motions = [replace(m, center=m.center + drift) for m in motions]
    if style is Style.SHAPES and rng.random() < _TINTED:
        background, sprites = background * _tint(rng), [_tinted(s, rng) for s in sprites]
    return Scene(background, sprites, motions, drift, blend_mode(style), parents)


def _with_daughters(
    sprites: Sequence[Sprite],
    motions: Sequence[Motion],
    radii: NDArray[np.float64],
    lifecycle: Lifecycle,
    rng: np.random.Generator,
) -> tuple[list[Sprite], list[Motion], dict[int, int]]:
    sprites, motions, parents = list(sprites), list(motions), {}
    frames = motions[0].frames
    for number in np.flatnonzero(rng.random(len(radii)) < lifecycle.divided):
        at = int(rng.integers(2, max(3, frames - 1)))
        mother, *daughters = divide(motions[number], at, float(radii[number]), rng)
        motions[number] = mother
        for daughter in daughters:
            sprites.append(sprites[number])
            motions.append(daughter)
            parents[len(sprites)] = int(number) + 1
    return sprites, motions, parents


def _with_occluder(
    sprites: Sequence[Sprite],
    motions: Sequence[Motion],
    appearance: Appearance,
    rng: np.random.Generator,
    shape: tuple[int, int],
) -> tuple[list[Sprite], list[Motion]]:
    """Return sprites and motions with a large object that passes in front of all others."""
    plain = replace(appearance, halo=0.0, haze=0.0)
    occluder = draw_sprite(float(rng.uniform(15, 40)), plain, rng)
    start = rng.uniform(0, 1, 2) * shape
    path = living_motion(rng, start, motions[0].frames, float(rng.uniform(6, 20)))
    return [*sprites, occluder], [*motions, path]


def _tint(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.uniform(0.3, 1.2, 3).astype(np.float32)


def _tinted(sprite: Sprite, rng: np.random.Generator) -> Sprite:
    return replace(sprite, values=(sprite.values * _tint(rng)).clip(0, 1))
