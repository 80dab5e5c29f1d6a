"""Objects and backgrounds drawn from nothing: cells, nuclei, membranes, organs, shapes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.scenes import Blend, Image, Sprite, noise


class Style(Enum):
    """How a scene looks."""

    FLUORESCENCE = "fluorescence"
    PHASE_CONTRAST = "phase contrast"
    BRIGHT_FIELD = "bright field"
    HISTOLOGY = "histology"
    MEMBRANES = "membranes"
    ORGANS = "organs"
    SHAPES = "shapes"


@dataclass(frozen=True, slots=True)
class Look:
    """What a style's pictures have in common, drawn anew for every scene.

    Parameters
    ----------
    ground, body : float
        Mean intensity in 0..1 of the background and of the objects.
    ground_texture, body_texture : float
        Spread of either.
    ground_grain, body_grain : float
        Width of their features in pixels.
    rim, halo : float
        Intensity added along the outline, inside and outside.
    roughness : float
        How far outlines are from ellipses.
    softness : float
        Width of the edge in pixels.
    variety : float
        How much objects differ in intensity.
    """

    ground: float
    body: float
    ground_texture: float
    body_texture: float
    ground_grain: float
    body_grain: float
    rim: float
    halo: float
    roughness: float
    softness: float
    variety: float


_RANGES: dict[Style, tuple[tuple[float, float], ...]] = {
    Style.FLUORESCENCE: (
        (0.01, 0.15), (0.2, 0.9), (0.0, 0.03), (0.0, 0.15), (20, 80), (2, 8),
        (-0.08, 0.1), (0, 0.03), (0.0, 0.15), (0.8, 2.5), (0.1, 0.4),
    ),
    Style.PHASE_CONTRAST: (
        (0.4, 0.6), (0.3, 0.6), (0.01, 0.06), (0.05, 0.2), (10, 60), (2, 6),
        (-0.3, 0.2), (0.1, 0.45), (0.1, 0.5), (0.6, 1.5), (0.02, 0.1),
    ),
    Style.BRIGHT_FIELD: (
        (0.5, 0.8), (0.35, 0.75), (0.01, 0.06), (0.02, 0.15), (10, 80), (2, 8),
        (-0.35, 0.1), (0.0, 0.15), (0.05, 0.4), (0.6, 1.8), (0.02, 0.1),
    ),
    Style.HISTOLOGY: (
        (0.6, 0.9), (0.2, 0.55), (0.03, 0.12), (0.03, 0.12), (3, 20), (2, 5),
        (-0.15, 0.05), (-0.05, 0.05), (0.05, 0.3), (0.6, 1.5), (0.05, 0.15),
    ),
    Style.MEMBRANES: (
        (0.4, 0.7), (0.4, 0.75), (0.04, 0.15), (0.04, 0.15), (2, 10), (2, 6),
        (-0.5, -0.2), (-0.3, 0.0), (0.1, 0.5), (0.5, 1.2), (0.02, 0.12),
    ),
    Style.ORGANS: (
        (0.2, 0.6), (0.25, 0.8), (0.03, 0.12), (0.01, 0.06), (15, 60), (3, 15),
        (-0.05, 0.1), (-0.05, 0.05), (0.1, 0.45), (0.8, 2.5), (0.05, 0.2),
    ),
    Style.SHAPES: (
        (0.1, 0.9), (0.1, 0.9), (0.0, 0.25), (0.0, 0.25), (3, 60), (2, 20),
        (-0.3, 0.3), (-0.1, 0.1), (0.0, 0.6), (0.4, 1.5), (0.1, 0.35),
    ),
}  # fmt: skip

_CROWDED = {Style.HISTOLOGY, Style.MEMBRANES}


def blend_of(style: Style) -> Blend:
    """Return how objects of a style add to what is behind them."""
    return Blend.LIGHT if style is Style.FLUORESCENCE else Blend.OVER


def draw_look(style: Style, rng: np.random.Generator) -> Look:
    """Draw a look within a style's limits; objects always differ from the background."""
    look = Look(*(float(rng.uniform(*limits)) for limits in _RANGES[style]))
    visible = abs(look.body - look.ground) > 0.12 or abs(look.rim) > 0.1 or look.halo > 0.12
    return look if visible else draw_look(style, rng)


def draw_radius(style: Style, rng: np.random.Generator) -> float:
    """Draw the typical radius of a scene's objects in pixels: 4 to 60, most near 15."""
    if style in (Style.ORGANS, Style.SHAPES):
        return float(np.exp(rng.uniform(np.log(9), np.log(60))))
    return float(np.exp(np.clip(rng.normal(np.log(15), 0.5), np.log(4.5), np.log(50))))


def draw_count(style: Style, radius: float, rng: np.random.Generator) -> int:
    """Draw how many objects a 256 px scene holds, given their radius: 1 to 45."""
    room = 256 * 256 / (np.pi * radius**2)
    share = rng.uniform(0.3, 0.75) if style in _CROWDED else rng.uniform(0.04, 0.45)
    return int(np.clip(room * share, 1, 45))


def draw_background(shape: tuple[int, int], look: Look, rng: np.random.Generator) -> Image:
    """Draw an empty scene (H, W) with uneven light and clutter."""
    picture = look.ground + look.ground_texture * noise(rng, shape, look.ground_grain)
    if rng.random() < 0.5:
        picture += 0.5 * look.ground_texture * noise(rng, shape, 3)
    if rng.random() < 0.4:
        picture *= 1 + rng.uniform(0, 0.25) * noise(rng, shape, 150)
    for _ in range(int(rng.integers(0, 12)) if rng.random() < 0.3 else 0):
        _speck(picture, rng)
    return picture.astype(np.float32)


def _speck(picture: Image, rng: np.random.Generator) -> None:
    """Add a piece of debris that is no object."""
    y, x = (int(rng.integers(n)) for n in picture.shape)
    height, width = rng.integers(1, 6, 2)
    picture[y : y + height, x : x + width] += rng.normal(0, 0.25)


def draw_sprite(radius: float, look: Look, rng: np.random.Generator) -> Sprite:
    """Draw one object.

    Parameters
    ----------
    radius : float
        Mean radius in pixels.
    look : Look
        Of the scene.
    rng : numpy.random.Generator
        Source of chance.
    """
    stretch = float(np.exp(abs(rng.normal(0, 0.25 + 0.5 * look.roughness))))
    margin = 5 if look.halo else 3
    half = int(np.ceil(radius * stretch * (1 + look.roughness))) + margin
    distance = _signed_distance(half, radius, stretch, look.roughness, rng)
    alpha = (0.5 + distance / (2 * look.softness)).clip(0, 1)
    body = look.body * (1 + look.variety * rng.normal())
    values = body + look.body_texture * noise(rng, distance.shape, look.body_grain)
    values = values + look.rim * np.exp(-(((distance - 1.5) / 1.5) ** 2))
    if rng.random() < 0.4:
        values = values + rng.uniform(-0.1, 0.2) * (distance / radius).clip(0, 1)
    values = values.clip(0.02, 1)
    if look.halo:
        glow = look.halo * np.exp(-(((distance + 2) / 1.5) ** 2))
        outside = (0.45 * np.exp(-(((distance + 2) / 1.8) ** 2))).clip(0, 0.45)
        alpha = np.where(distance > -0.2, alpha, np.maximum(alpha.clip(0, 0.49), outside))
        values = np.where(distance > -0.2, values, (look.ground + 2 * glow).clip(0, 1))
    return Sprite(values.astype(np.float32), alpha.astype(np.float32))


def _signed_distance(
    half: int, radius: float, stretch: float, roughness: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Distance to a wavy ellipse's outline in pixels, positive inside, on a (2 half + 1) square."""
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    turn = rng.uniform(0, np.pi)
    u = (x * np.cos(turn) + y * np.sin(turn)) / stretch
    v = (-x * np.sin(turn) + y * np.cos(turn)) * np.sqrt(stretch)
    angle = np.arctan2(v, u)
    outline = np.full_like(u, radius)
    for wave in range(2, 6):
        size = roughness * rng.normal() / wave
        outline += radius * size * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    distance: NDArray[np.float64] = outline.clip(radius * 0.35) - np.hypot(u, v)
    return ndimage.uniform_filter(distance, 3)
