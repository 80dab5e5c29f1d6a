"""Synthetic scenes: what is where, what happens, and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sam2_model.training.synthetic.appearance import (
    Appearance,
    Style,
    blend_of,
    draw_appearance,
    draw_count,
    draw_radius,
)
from sam2_model.training.synthetic.lifecycle import Lifecycle
from sam2_model.training.synthetic.motion import Motion, divided, living, wander
from sam2_model.training.synthetic.placement import packed, placed, separate_objects
from sam2_model.training.synthetic.rendering import Clip, Scene, Sprite
from sam2_model.training.synthetic.sprites import draw_background, draw_sprite
from sam2_model.training.synthetic.tissue import draw_tiling

_TINTED = 0.5


@runtime_checkable
class Drawable(Protocol):
    """Something with frames and labels."""

    def render(self) -> Clip:
        """Draw all frames."""


@dataclass(frozen=True, slots=True)
class Cast:
    """How many objects of which size; what is None is drawn.

    Parameters
    ----------
    count : int, optional
        Objects in the first frame, or in the volume.
    radius : float, optional
        Typical radius in pixels.
    """

    count: int | None = None
    radius: float | None = None


def draw_scene(
    style: Style,
    rng: np.random.Generator,
    frames: int,
    story: Lifecycle,
    shape: tuple[int, int],
    cast: Cast | None = None,
) -> Drawable:
    """Draw a scene with its objects and what happens to them.

    Parameters
    ----------
    style : Style
        How it looks.
    rng : numpy.random.Generator
        Source of chance.
    frames : int
        Number of frames or slices.
    story : Lifecycle
        What happens.
    shape : tuple of int
        Height and width in pixels.
    cast : Cast, optional
        Objects; membranes use the radius only.
    """
    cast = cast or Cast()
    look = draw_appearance(style, rng)
    radius = cast.radius or draw_radius(style, rng)
    drift = wander(rng, frames, story.drift)
    if style is Style.MEMBRANES:
        return draw_tiling(look, radius, rng, frames, shape, drift, volume=story.volume)
    count = cast.count or draw_count(style, radius, shape[0] * shape[1], rng)
    radii = radius * np.exp(rng.normal(0, 0.18, count))
    places = packed(radii, shape, rng) if story.packed else placed(radii, shape, rng)
    motions = [
        story.motion(rng, start, frames, float(r)) for start, r in zip(places, radii, strict=True)
    ]
    if not (story.volume or story.crossing):
        motions = separate_objects(motions, radii)
    sprites = [draw_sprite(float(r), look, rng) for r in radii]
    background = draw_background(style, shape, look, rng)[..., None]
    parents: dict[int, int] = {}
    if story.divided:
        sprites, motions, parents = _with_daughters(sprites, motions, radii, story, rng)
    if story.occluder:
        sprites, motions = _with_occluder(sprites, motions, look, rng, shape)
    motions = [replace(m, centre=m.centre + drift) for m in motions]
    if style is Style.SHAPES and rng.random() < _TINTED:
        background, sprites = background * _tint(rng), [_tinted(s, rng) for s in sprites]
    return Scene(background, sprites, motions, drift, blend_of(style), parents)


def _with_daughters(
    sprites: Sequence[Sprite],
    motions: Sequence[Motion],
    radii: NDArray[np.float64],
    story: Lifecycle,
    rng: np.random.Generator,
) -> tuple[list[Sprite], list[Motion], dict[int, int]]:
    sprites, motions, parents = list(sprites), list(motions), {}
    frames = motions[0].frames
    for number in np.flatnonzero(rng.random(len(radii)) < story.divided):
        at = int(rng.integers(2, max(3, frames - 1)))
        mother, *daughters = divided(motions[number], at, float(radii[number]), rng)
        motions[number] = mother
        for daughter in daughters:
            sprites.append(sprites[number])
            motions.append(daughter)
            parents[len(sprites)] = int(number) + 1
    return sprites, motions, parents


def _with_occluder(
    sprites: Sequence[Sprite],
    motions: Sequence[Motion],
    look: Appearance,
    rng: np.random.Generator,
    shape: tuple[int, int],
) -> tuple[list[Sprite], list[Motion]]:
    """Pass something large in front of everything."""
    plain = replace(look, halo=0.0, haze=0.0)
    occluder = draw_sprite(float(rng.uniform(15, 40)), plain, rng)
    start = rng.uniform(0, 1, 2) * shape
    path = living(rng, start, motions[0].frames, float(rng.uniform(6, 20)))
    return [*sprites, occluder], [*motions, path]


def _tint(rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.uniform(0.3, 1.2, 3).astype(np.float32)


def _tinted(sprite: Sprite, rng: np.random.Generator) -> Sprite:
    return replace(sprite, values=(sprite.values * _tint(rng)).clip(0, 1))
