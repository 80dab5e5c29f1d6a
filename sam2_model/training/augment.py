"""Changes of a clip's look that leave its objects where they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.scenes import noise


def clip(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Vary contrast, polarity, tint, blur, noise and bleaching, the same way for a whole clip.

    Parameters
    ----------
    images : NDArray[np.uint8]
        (T, H, W) or (T, H, W, 3).
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    NDArray[np.uint8]
        (T, H, W, 3).
    """
    values = images.astype(np.float32) / 255
    values = _stretched(values, rng)
    if rng.random() < 0.12:
        values = 1 - values
    if rng.random() < 0.3:
        values = _bleached(values, rng)
    if rng.random() < 0.35:
        values = _blurred(values, rng)
    if rng.random() < 0.2:
        shading = 1 + 0.15 * noise(rng, (values.shape[1], values.shape[2]), 120)
        values = values * (shading if values.ndim == 3 else shading[..., None])
    if rng.random() < 0.6:
        strength = rng.uniform(0.005, 0.06)
        values = values + rng.normal(0, strength, values.shape).astype(np.float32)
    if values.ndim == 3:
        values = _tinted(values, rng)
    return (values.clip(0, 1) * 255).astype(np.uint8)


def _stretched(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Set black, white and gamma, once for all frames: from dim to saturated."""
    low, high = np.percentile(values[0], (0.5, 99.7))
    high = max(high, low + 0.02)
    if rng.random() < 0.7:
        low = low - (high - low) * rng.uniform(-0.05, 0.2)
        high = high * rng.uniform(0.7, 1.6)
        values = (values - low) / max(high - low, 0.02)
    return values.clip(0, 1) ** np.float32(np.exp(rng.normal(0, 0.35)))


def _bleached(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    fading = np.exp(-rng.uniform(-0.05, 0.1) * np.arange(len(values)))
    flicker = 1 + rng.normal(0, 0.04, len(values))
    factor = (fading * flicker).astype(np.float32)
    return values * factor.reshape(-1, *[1] * (values.ndim - 1))


def _blurred(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Defocus: all frames, or a few of them."""
    sigma = rng.uniform(0.4, 1.8)
    hit = rng.random(len(values)) < (1.0 if rng.random() < 0.5 else 0.25)
    tail = [0.0] * (values.ndim - 3)
    for t in np.flatnonzero(hit):
        values[t] = ndimage.gaussian_filter(values[t], [sigma, sigma, *tail], truncate=2.5)
    return values


def _tinted(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Grey to RGB; now and then in a fluorophore's colour."""
    colour = np.ones(3, np.float32)
    if rng.random() < 0.1:
        colour = rng.choice(np.eye(3) + 0.1, 1)[0].clip(0, 1).astype(np.float32)
    return values[..., None] * colour
