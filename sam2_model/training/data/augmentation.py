"""Random changes of intensities that do not move objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.noise import noise

Values = NDArray[np.float32]


def clip(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a clip with random contrast, polarity, tint, blur, noise and bleaching.

    Parameters
    ----------
    images : NDArray[np.uint8]
        (T, H, W) or (T, H, W, 3).
    rng : numpy.random.Generator
        Random generator.

    Returns
    -------
    NDArray[np.uint8]
        (T, H, W, 3).
    """
    values = images.astype(np.float32)
    values *= np.float32(1 / 255)
    _stretch(values, rng)
    if rng.random() < 0.12:
        np.subtract(1, values, out=values)
    if len(values) > 1 and rng.random() < 0.3:
        _bleach(values, rng)
    if rng.random() < 0.35:
        _blur(values, rng)
    if rng.random() < 0.2:
        shading = 1 + 0.15 * noise(rng, (values.shape[1], values.shape[2]), 120)
        values *= shading if values.ndim == 3 else shading[..., None]
    if rng.random() < 0.6:
        _add_noise(values, rng)
    return _tinted((values.clip(0, 1) * 255).astype(np.uint8), rng)


def _stretch(values: Values, rng: np.random.Generator) -> None:
    """Set random black level, white level and gamma, the same for all frames."""
    low, high = np.percentile(values[0, ::2, ::2], (0.5, 99.7))
    high = max(high, low + 0.02)
    if rng.random() < 0.7:
        low = low - (high - low) * rng.uniform(-0.05, 0.2)
        high = high * rng.uniform(0.7, 1.6)
        values -= np.float32(low)
        values *= np.float32(1 / max(high - low, 0.02))
    values.clip(0, 1, out=values)
    gamma = np.exp(rng.normal(0, 0.35))
    # A table is several times as fast as a power, and as precise as 8-bit images.
    table = (np.arange(1025, dtype=np.float32) / 1024) ** np.float32(gamma)
    values[...] = table[(values * 1024).astype(np.int16)]


def _bleach(values: Values, rng: np.random.Generator) -> None:
    fading = np.exp(-rng.uniform(-0.05, 0.1) * np.arange(len(values)))
    flicker = 1 + rng.normal(0, 0.04, len(values))
    values *= (fading * flicker).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))


def _blur(values: Values, rng: np.random.Generator) -> None:
    """Blur all frames or some of them."""
    sigma = rng.uniform(0.4, 1.8)
    hit = rng.random(len(values)) < (1.0 if rng.random() < 0.5 else 0.25)
    tail = [0.0] * (values.ndim - 3)
    for t in np.flatnonzero(hit):
        values[t] = ndimage.gaussian_filter(values[t], [sigma, sigma, *tail], truncate=2.5)


def _add_noise(values: Values, rng: np.random.Generator) -> None:
    """Add read noise or shot noise."""
    strength = rng.uniform(0.005, 0.06)
    size = values[0].size
    pool = rng.standard_normal(2 * size, np.float32)
    # Normal random numbers are slow to draw: frames share them with different offsets.
    starts = rng.integers(0, size, len(values))
    grains = np.stack([pool[s : s + size].reshape(values.shape[1:]) for s in starts])
    if rng.random() < 0.5:
        grains *= 0.4 + 0.9 * values
    grains *= np.float32(strength)
    values += grains


def _tinted(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return RGB images: some gray ones are tinted, some color ones have channels swapped."""
    if images.ndim == 4:
        return images[..., rng.permutation(3)] if rng.random() < 0.1 else images
    gray = np.repeat(images[..., None], 3, axis=-1)
    if rng.random() >= 0.1:
        return gray
    color = (np.eye(3) + 0.1).clip(0, 1)[rng.integers(3)]
    return (gray * color.astype(np.float32)).astype(np.uint8)
