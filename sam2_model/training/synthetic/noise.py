"""Smooth random fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def noise(rng: np.random.Generator, shape: tuple[int, int], grain: float) -> Field:
    """Return a smooth random field with mean 0 and standard deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    shape : tuple of int
        Height and width in pixels.
    grain : float
        Width of the features in pixels; 1 or less gives white noise.

    Returns
    -------
    NDArray[np.float32]
        (H, W), a cubic spline with random coefficients every ``grain`` pixels.
    """
    if grain <= 1:
        return rng.standard_normal(shape, np.float32)
    rows, columns = (_splines(n, grain, float(rng.uniform())) for n in shape)
    coarse = rng.standard_normal((rows[0][-1] + 4, columns[0][-1] + 4), np.float32)
    field = _blended(_blended(coarse, *rows).T, *columns).T
    return (field - field.mean()) / (field.std() + np.float32(1e-6))


def _splines(n: int, grain: float, phase: float) -> tuple[NDArray[np.int64], Field]:
    """Return the first of four knots around each of n pixels, and their spline weights (4, n)."""
    position = np.arange(n) / grain + phase
    first = position.astype(np.int64)
    u = position - first
    weights = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    return first, (np.stack(weights) / 6).astype(np.float32)


def _blended(coarse: Field, first: NDArray[np.int64], weights: Field) -> Field:
    """Return weighted sums of rows, faster than a matrix product when cores are busy."""
    field = weights[0][:, None] * coarse[first]
    for k in range(1, 4):
        field += weights[k][:, None] * coarse[first + k]
    return field
