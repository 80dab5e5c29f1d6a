"""Random objects and backgrounds: cells, nuclei, organs, shapes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.appearance import Appearance, Style
from sam2_model.training.synthetic.noise import noise
from sam2_model.training.synthetic.rendering import Image, Sprite

Real = NDArray[np.floating]
_TRIES = 10


def draw_sprite(radius: float, appearance: Appearance, rng: np.random.Generator) -> Sprite:
    """Return a random gray object.

    Parameters
    ----------
    radius : float
        Mean radius in pixels.
    appearance : Appearance
        Appearance of the scene.
    rng : numpy.random.Generator
        Random generator.
    """
    distance = _signed_distance(radius, appearance, rng)
    body = _draw_body(appearance, rng)
    grain = max(appearance.body_grain, rng.uniform(0.05, 0.25) * radius)
    values = body + appearance.body_texture * noise(rng, _shape(distance), grain)
    values += appearance.rim * np.exp(-(((distance - 1.5) / 1.5) ** 2))
    if rng.random() < 0.5:
        values += rng.uniform(-0.1, 0.25) * body * (distance / radius).clip(0, 1)
    if appearance.nucleus:
        _add_spot(values, 0.2 * radius, 0.45 * radius, appearance.nucleus, rng)
    for _ in range(int(rng.integers(0, 6)) if appearance.spots else 0):
        _add_spot(values, 0.7 * radius, radius * rng.uniform(0.08, 0.2), appearance.spots, rng)
    cover = (0.5 + distance / (2 * appearance.softness)).clip(0, 1)
    values, alpha = _surrounded(values.clip(0.02, 1), cover, distance, radius, appearance)
    planes = (plane.astype(np.float32) for plane in (values[..., None], alpha, cover))
    return Sprite(*planes)


def _draw_body(appearance: Appearance, rng: np.random.Generator) -> float:
    """Return a random intensity of an object that differs from the background."""
    for _ in range(_TRIES):
        body = appearance.body * (1 + appearance.variety * float(rng.normal()))
        if appearance.is_visible(body):
            return body
    return appearance.body


def _shape(distance: Real) -> tuple[int, int]:
    return distance.shape[0], distance.shape[1]


def _add_spot(
    values: Real, reach: float, size: float, strength: float, rng: np.random.Generator
) -> None:
    """Brighten or darken a round spot within ``reach`` pixels of the center."""
    y, x = np.array(values.shape) / 2 + rng.uniform(-reach, reach, 2)
    top, left, wide = max(int(y - size) - 1, 0), max(int(x - size) - 1, 0), int(2 * size) + 4
    part = values[top : top + wide, left : left + wide]
    rows, columns = (np.arange(n) for n in part.shape)
    away = np.hypot(rows[:, None] + top - y, columns + left - x)
    part += strength * rng.uniform(0.5, 1) * ((size - away) / 1.5 + 0.5).clip(0, 1)


def _surrounded(
    values: Real, cover: Real, distance: Real, radius: float, appearance: Appearance
) -> tuple[Real, Real]:
    """Return values and opacity with halo and haze around the object."""
    if not (appearance.halo or appearance.haze):
        return values, cover
    near = np.exp(-(((distance + 2.5) / 1.6) ** 2))
    far = np.exp(np.minimum(distance, 0) / (0.35 * radius))
    light = appearance.halo * near + appearance.haze * far
    glow = (np.abs(light) / 0.03).clip(0, 0.9) * (distance < 1)
    # A glow with low opacity needs a higher value for the same light.
    lit = (appearance.ground + light / np.maximum(glow, 0.1)).clip(0, 1)
    alpha = cover + glow * (1 - cover)
    mixed = (values * cover + lit * (alpha - cover)) / np.maximum(alpha, 1e-3)
    return mixed, alpha


def _signed_distance(radius: float, appearance: Appearance, rng: np.random.Generator) -> Real:
    """Return the distance to the outline of a random wavy ellipse in pixels, positive inside."""
    stretch = float(np.exp(abs(rng.normal(0, 0.2 + 0.5 * appearance.roughness))))
    waves = appearance.roughness * rng.normal(size=4) / np.arange(2, 6)
    phases = rng.uniform(0, 2 * np.pi, 4)
    reach = radius * (stretch * (1 + np.abs(waves).sum()) + (0.8 if appearance.haze > 0.02 else 0))
    half = int(np.ceil(min(reach, 4 * radius))) + 3 + (3 if appearance.halo else 0)
    across = np.arange(-half, half + 1, dtype=np.float32)
    turn = np.float32(rng.uniform(0, np.pi))
    u = (across * np.cos(turn) + across[:, None] * np.sin(turn)) / np.float32(stretch)
    v = (across[:, None] * np.cos(turn) - across * np.sin(turn)) * np.float32(stretch**0.5)
    away = np.hypot(u, v)
    # The real parts of powers of a unit complex number are cosines of multiples of its angle.
    direction = (u + 1j * v) / np.maximum(away, 1e-6)
    power, outline = direction, np.full_like(u, radius)
    for wave, phase in zip(waves, phases, strict=True):
        power = power * direction
        outline += (np.complex64(radius * wave * np.exp(1j * phase)) * power).real
    distance: Real = outline.clip(radius * 0.35) - away
    return ndimage.uniform_filter(distance, 3)


def draw_background(
    style: Style, shape: tuple[int, int], appearance: Appearance, rng: np.random.Generator
) -> Image:
    """Return a random background (H, W) with uneven light, clutter and debris."""
    image = appearance.ground + appearance.ground_texture * noise(
        rng, shape, appearance.ground_grain
    )
    if rng.random() < 0.5:
        image += 0.5 * appearance.ground_texture * noise(rng, shape, 3)
    if style is Style.ORGANS:
        image = _add_body(image, appearance, rng)
    for _ in range(int(rng.integers(0, 10)) if appearance.clutter else 0):
        _add_clutter(image, appearance, rng)
    if rng.random() < 0.4:
        image *= 1 + rng.uniform(0, 0.25) * noise(rng, shape, 150)
    for _ in range(int(rng.integers(0, 12)) if rng.random() < 0.3 else 0):
        _add_debris(image, rng)
    return image.astype(np.float32)


def _add_clutter(image: Image, appearance: Appearance, rng: np.random.Generator) -> None:
    """Add a faint, blurred shape to the background, like an object out of focus."""
    body = appearance.ground + appearance.clutter * rng.uniform(-1, 1)
    faint = replace(
        appearance, body=body, softness=6.0, rim=0.0, halo=0.0, haze=0.0, nucleus=0.0, spots=0.0,
        variety=0.0,
    )  # fmt: skip
    sprite = draw_sprite(float(rng.uniform(5, 30)), faint, rng)
    height, width = sprite.alpha.shape
    y = int(rng.integers(-height // 2, image.shape[0]))
    x = int(rng.integers(-width // 2, image.shape[1]))
    target = image[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    part = (
        slice(max(-y, 0), max(-y, 0) + target.shape[0]),
        slice(max(-x, 0), max(-x, 0) + target.shape[1]),
    )
    target += sprite.alpha[part] * (sprite.values[part][..., 0] - target)


def _add_body(image: Image, appearance: Appearance, rng: np.random.Generator) -> Image:
    """Return the image with air around a large body with a bright skin, in 60 % of cases."""
    if rng.random() < 0.4:
        return image
    size = min(image.shape)
    flat = replace(appearance, roughness=0.08, softness=1.5, haze=0.0, halo=0.0)
    distance = _signed_distance(size * rng.uniform(0.42, 0.7), flat, rng)
    y, x = (np.linspace(-0.5, 0.5, n) * n + distance.shape[0] / 2 for n in image.shape)
    y, x = (p.clip(0, distance.shape[0] - 1).astype(int) for p in (y, x))
    depth = distance[y[:, None], x]
    skin = 0.2 * np.exp(-((depth / 3) ** 2))
    return np.where(depth > 0, image + skin, rng.uniform(0, 0.08)).astype(np.float32)


def _add_debris(image: Image, rng: np.random.Generator) -> None:
    """Add a small round piece of debris."""
    y, x = (int(rng.integers(n)) for n in image.shape)
    size = int(rng.integers(1, 5))
    part = image[max(y - size, 0) : y + size + 1, max(x - size, 0) : x + size + 1]
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in part.shape)
    part += rng.normal(0, 0.3) * (size - np.hypot(rows[:, None], columns)).clip(0, 1)
