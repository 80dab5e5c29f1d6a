"""Styles of scenes: intensities, textures, and sizes and numbers of objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum

import numpy as np

from sam2_model.training.synthetic.rendering import Blend, Image


class Style(Enum):
    """Style of a scene."""

    FLUORESCENCE = "fluorescence"
    PHASE_CONTRAST = "phase contrast"
    BRIGHT_FIELD = "bright field"
    HISTOLOGY = "histology"
    MEMBRANES = "membranes"
    ORGANS = "organs"
    SHAPES = "shapes"


@dataclass(frozen=True, slots=True)
class Appearance:
    """Appearance of one scene, drawn within the limits of its style; intensities in 0..1.

    Parameters
    ----------
    ground, body : float
        Mean intensity of the background and of the objects.
    ground_texture, body_texture : float
        Standard deviation of their textures.
    ground_grain, body_grain : float
        Width of the textures' features in pixels.
    rim, halo, haze : float
        Intensity added along the outline: inside, near the outside, and far outside.
    nucleus, spots : float
        Intensity added by one large and by several small spots in an object.
    roughness : float
        Deviation of outlines from ellipses.
    softness : float
        Width of the edge in pixels.
    variety : float
        Standard deviation of the objects' intensities, relative to their mean.
    clutter : float
        Contrast of shapes in the background that are not objects.
    """

    ground: float
    body: float
    ground_texture: float
    body_texture: float
    ground_grain: float
    body_grain: float
    rim: float
    halo: float
    haze: float
    nucleus: float
    spots: float
    roughness: float
    softness: float
    variety: float
    clutter: float

    def is_visible(self, body: float) -> bool:
        """Return whether an object of mean intensity ``body`` differs from the background."""
        inside = body, body + self.rim
        levels = np.clip([*inside, self.ground + self.halo], 0, 1) - np.clip(self.ground, 0, 1)
        return bool(np.abs(levels).max() > _CONTRAST + self.ground_texture)


# Lowest and highest value of each field of Appearance, in their order.
_LIMITS: Mapping[Style, tuple[tuple[float, float], ...]] = {
    Style.FLUORESCENCE: (
        (0.01, 0.15), (0.2, 0.9), (0.0, 0.02), (0.01, 0.09), (20, 80), (2, 7),
        (-0.08, 0.06), (0.0, 0.02), (0.0, 0.12), (0.0, 0.0), (-0.15, 0.3),
        (0.0, 0.16), (0.8, 3.0), (0.1, 0.4), (0.0, 0.06),
    ),
    Style.PHASE_CONTRAST: (
        (0.4, 0.6), (0.32, 0.6), (0.01, 0.05), (0.02, 0.1), (10, 60), (2, 5),
        (-0.25, 0.1), (0.08, 0.4), (0.0, 0.04), (-0.15, 0.1), (-0.35, 0.3),
        (0.15, 0.7), (0.6, 1.4), (0.02, 0.1), (0.0, 0.1),
    ),
    Style.BRIGHT_FIELD: (
        (0.5, 0.8), (0.35, 0.75), (0.01, 0.05), (0.02, 0.1), (10, 80), (2, 8),
        (-0.35, 0.1), (0.0, 0.15), (0.0, 0.0), (-0.2, 0.1), (-0.3, 0.1),
        (0.05, 0.4), (0.6, 2.2), (0.02, 0.1), (0.0, 0.2),
    ),
    Style.HISTOLOGY: (
        (0.55, 0.85), (0.15, 0.5), (0.04, 0.13), (0.03, 0.1), (3, 25), (2, 5),
        (-0.15, 0.05), (0.0, 0.1), (-0.05, 0.0), (0.0, 0.0), (-0.15, 0.2),
        (0.05, 0.3), (0.7, 2.0), (0.05, 0.15), (0.0, 0.12),
    ),
    Style.MEMBRANES: (
        (0.1, 0.35), (0.55, 0.8), (0.02, 0.08), (0.02, 0.1), (2, 8), (2, 8),
        (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (-0.4, 0.0),
        (0.1, 0.4), (0.7, 2.0), (0.02, 0.12), (0.0, 0.0),
    ),
    Style.ORGANS: (
        (0.25, 0.55), (0.25, 0.85), (0.02, 0.08), (0.01, 0.05), (20, 70), (3, 15),
        (-0.05, 0.1), (0.0, 0.03), (0.0, 0.0), (-0.15, 0.15), (0.0, 0.1),
        (0.1, 0.45), (0.8, 3.0), (0.05, 0.2), (0.05, 0.2),
    ),
    Style.SHAPES: (
        (0.1, 0.9), (0.1, 0.9), (0.0, 0.2), (0.0, 0.2), (3, 60), (2, 20),
        (-0.3, 0.3), (0.0, 0.1), (0.0, 0.0), (-0.3, 0.3), (-0.3, 0.3),
        (0.0, 0.6), (0.4, 1.5), (0.1, 0.35), (0.0, 0.25),
    ),
}  # fmt: skip

_CROWDED = {Style.HISTOLOGY}
_LARGE = {Style.ORGANS, Style.SHAPES}
_CONTRAST = 0.12


def blend_mode(style: Style) -> Blend:
    """Return how objects of a style are drawn over the background."""
    return Blend.LIGHT if style is Style.FLUORESCENCE else Blend.OVER


def draw_appearance(style: Style, rng: np.random.Generator) -> Appearance:
    """Return a random appearance of a style, in which objects differ from the background."""
    limits = zip(fields(Appearance), _LIMITS[style], strict=True)
    appearance = Appearance(**{field.name: float(rng.uniform(*span)) for field, span in limits})
    return appearance if appearance.is_visible(appearance.body) else draw_appearance(style, rng)


def draw_radius(style: Style, rng: np.random.Generator) -> float:
    """Return a random typical radius of a scene's objects: 4.5 to 60 pixels, mostly near 15."""
    if style in _LARGE:
        return float(np.exp(rng.uniform(np.log(9), np.log(60))))
    smallest = 10 if style is Style.MEMBRANES else 4.5
    return float(np.exp(np.clip(rng.normal(np.log(15), 0.5), np.log(smallest), np.log(50))))


def draw_count(style: Style, radius: float, area: int, rng: np.random.Generator) -> int:
    """Return a random number of objects for ``area`` pixels: 1 to 60 per 256 x 256 pixels."""
    room = area / (np.pi * radius**2)
    share = rng.uniform(0.3, 0.7) if style in _CROWDED else rng.uniform(0.03, 0.45)
    return int(np.clip(round(room * share), 1, max(1, 60 * area // 256**2)))


def colored(values: Image, style: Style, rng: np.random.Generator) -> Image:
    """Return images of values (T, H, W, C): stained histology, and gray without channel axis."""
    if style is Style.HISTOLOGY:
        return stained(values[..., 0], rng)
    return values if values.shape[-1] == 3 else values[..., 0]


def stained(values: Image, rng: np.random.Generator) -> Image:
    """Return gray tissue (..., H, W) in colors from purple nuclei over pink to white gaps."""
    stops = np.array(((0.3, 0.15, 0.5), (0.8, 0.55, 0.75), (0.95, 0.93, 0.95)))
    stops = (stops + rng.normal(0, 0.07, stops.shape)).clip(0, 1)
    levels = np.linspace(0, 1, 256)
    table = np.stack([np.interp(levels, (0.1, 0.65, 1), stop) for stop in stops.T], axis=1)
    colored: Image = table.astype(np.float32)[(values.clip(0, 1) * 255).astype(np.uint8)]
    return colored
