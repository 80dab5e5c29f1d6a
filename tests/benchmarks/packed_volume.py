"""A drawn volume of densely packed nuclei, with its truth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

GROUND, BRIGHT, NOISE = 18.0, 110.0, 7.0
PITCH = np.array([2.0, 1.0, 1.0])
"""Distance of voxels along z, y and x, in pixels of a plane."""

Numbers = NDArray[np.float64]


def packed_nuclei(
    shape: tuple[int, int, int], count: int, diameter: float, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Return the images and the labels (Z, Y, X) of nuclei that touch in all directions.

    Nuclei are ellipsoids of different sizes and directions, with a texture each; where two would
    overlap a voxel belongs to the one in which it is deeper.

    Parameters
    ----------
    shape : tuple of int
        Slices, rows and columns.
    count : int
        Number of nuclei.
    diameter : float
        Mean diameter in pixels of a plane.
    seed : int
        Of the random numbers.
    """
    rng = np.random.default_rng(seed)
    radii = diameter / 2 * rng.uniform(0.85, 1.15, (count, 3))
    centers = _relaxed(rng, np.array(shape) * PITCH, radii.mean(axis=1))
    depth, labels, light = np.zeros(shape), np.zeros(shape, np.uint16), np.zeros(shape)
    axes = Rotation.random(count, rng=rng).as_matrix()
    for item in range(count):
        part, inside = _ellipsoid(shape, centers[item], radii[item], axes[item])
        here = inside > depth[part]
        depth[part][here] = inside[here]
        labels[part][here] = item + 1
        grain = ndimage.gaussian_filter(rng.normal(size=here.shape), (1, 2, 2))
        light[part][here] = rng.uniform(0.7, 1.25) * (1 + 0.12 * grain / grain.std())[here]
    blurred = ndimage.gaussian_filter(GROUND + BRIGHT * light, (0.8, 1, 1))
    noisy = blurred + rng.normal(0, NOISE, shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), labels


def _relaxed(rng: np.random.Generator, size: Numbers, radii: Numbers) -> Numbers:
    """Return centers (count, 3) in pixels of a plane, pushed apart from a random start."""
    low, high = radii[:, None] * 0.8, size - radii[:, None] * 0.8
    centers: Numbers = rng.uniform(low, high)
    for _ in range(300):
        apart = centers[:, None] - centers[None]
        distance = np.linalg.norm(apart, axis=2) + np.eye(len(centers)) * 1e9
        overlap = np.maximum(radii[:, None] + radii[None] - distance, 0)
        push = apart / distance[..., None] * overlap[..., None] / 2
        centers = np.clip(centers + 0.5 * push.sum(axis=1), low, high)
    return centers


def _ellipsoid(
    shape: tuple[int, int, int], center: Numbers, radii: Numbers, axes: Numbers
) -> tuple[tuple[slice, ...], Any]:
    """Return the voxels around an ellipsoid, and 1 in its middle, 0 on its surface."""
    low = np.maximum(np.floor((center - radii.max()) / PITCH).astype(int), 0)
    high = np.minimum(np.ceil((center + radii.max()) / PITCH).astype(int) + 1, shape)
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    grid = np.moveaxis(np.mgrid[part], 0, -1)
    local = (grid * PITCH - center) @ axes / radii
    return part, 1 - np.linalg.norm(local, axis=-1)
