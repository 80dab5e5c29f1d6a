"""Cells that fill the image, separated by membranes, as in electron microscopy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.appearance import Appearance
from sam2_model.training.synthetic.motion import Numbers
from sam2_model.training.synthetic.noise import noise
from sam2_model.training.synthetic.rendering import Clip, Image, Labels

_UNLABELED = 0.15


@dataclass(frozen=True, slots=True)
class Tiling:
    """A power diagram with moving seeds.

    A pixel belongs to the seed with the smallest squared distance minus weight (Aurenhammer, SIAM
    J. Comput. 16:78, 1987). With the squared heights of seeds above the plane as negative weights
    it is an exact cut through a three-dimensional Voronoi diagram.

    Parameters
    ----------
    appearance : Appearance
        ``ground`` is the membranes' intensity, ``body`` the cells'.
    centers : NDArray[np.float64]
        (T, N, 2), (y, x) of the seeds in pixels.
    weights : NDArray[np.float64]
        (T, N) in square pixels.
    bend : NDArray[np.float32]
        (2, H, W) displacement in pixels that makes straight borders wavy.
    reach : float
        Largest distance in pixels from a seed to a pixel that is its own.
    shades, grain : NDArray[np.float32]
        (N + 1,) intensity of each cell and of pixels outside cells; (H, W) common texture.
    labeled : NDArray[np.bool_]
        (N + 1,), whether a cell is an object; the others are background.
    """

    appearance: Appearance
    centers: Numbers
    weights: Numbers
    bend: Image
    reach: float
    shades: Image
    grain: Image
    labeled: NDArray[np.bool_]

    def render(self) -> Clip:
        """Return all frames and labels."""
        frames = [self._frame(t) for t in range(len(self.centers))]
        values, labels = (np.stack(parts) for parts in zip(*frames, strict=True))
        return Clip(values[..., None], labels)

    def _frame(self, t: int) -> tuple[Image, Labels]:
        owner = self._owner(t)
        border = np.zeros(owner.shape, np.float32)
        border[:, 1:] = owner[:, 1:] != owner[:, :-1]
        border[1:] = np.maximum(border[1:], owner[1:] != owner[:-1])
        thickness = self.appearance.softness
        membrane = ndimage.gaussian_filter(border, thickness, truncate=2)
        membrane = (membrane * (2.2 * thickness)).clip(0, 1)
        cell = self.shades[owner] + self.grain
        values = cell + membrane * (self.appearance.ground - cell)
        labels = np.where(self.labeled[owner] & (membrane < 0.6), owner + 1, 0)
        return values, labels.astype(np.uint16)

    def _owner(self, t: int) -> NDArray[np.int64]:
        """Return the cell of each pixel; a seed is compared within its reach only."""
        shape = self.grain.shape
        y, x = self.bend + np.mgrid[: shape[0], : shape[1]].astype(np.float32)
        nearest = np.full(shape, np.inf, np.float32)
        owner = np.full(shape, len(self.shades) - 1)
        for number, (center, weight) in enumerate(
            zip(self.centers[t], self.weights[t], strict=True)
        ):
            part = tuple(
                slice(max(0, int(c - self.reach)), max(0, int(c + self.reach))) for c in center
            )
            power = (y[part] - np.float32(center[0])) ** 2 + (x[part] - np.float32(center[1])) ** 2
            power -= np.float32(weight)
            nearer = power < nearest[part]
            nearest[part][nearer] = power[nearer]
            owner[part][nearer] = number
        return owner


def draw_tiling(
    appearance: Appearance,
    radius: float,
    rng: np.random.Generator,
    frames: int,
    shape: tuple[int, int],
    drift: Numbers,
    *,
    volume: bool,
) -> Tiling:
    """Return a random tiling with seeds about two radii apart.

    Parameters
    ----------
    appearance : Appearance
        Appearance of the scene.
    radius : float
        Mean radius of a cell in pixels.
    rng : numpy.random.Generator
        Random generator.
    frames : int
        Number of frames or slices.
    shape : tuple of int
        Height and width in pixels.
    drift : NDArray[np.float64]
        (T, 2) common motion of all seeds in pixels.
    volume : bool
        Whether frames are slices, in which cells begin and end along z.
    """
    starts = _spread_out(radius, shape, rng)
    steps = rng.normal(0, 0.02 * radius, (frames, *starts.shape))
    steps[0] = 0
    centers = starts + np.cumsum(steps, 0) + drift[:, None]
    if volume:
        weights = -(_heights(radius, len(starts), frames, rng) ** 2)
    else:
        weights = np.cumsum(rng.normal(0, 0.03 * radius**2, centers.shape[:2]), 0)
    bend = (
        appearance.roughness
        * radius
        * 0.5
        * np.stack([noise(rng, shape, radius) for _ in range(2)])
    )
    shades = appearance.body * (
        1 + appearance.variety * rng.standard_normal(len(starts) + 1, np.float32)
    )
    grain = appearance.body_texture * noise(rng, shape, appearance.body_grain)
    if appearance.spots < -0.1:
        grain += appearance.spots * (noise(rng, shape, 0.25 * radius) > 1.8)
    labeled = rng.random(len(shades)) >= _UNLABELED
    labeled[-1] = False
    bend, shades, grain = (p.astype(np.float32) for p in (bend, shades, grain))
    return Tiling(appearance, centers, weights, bend, 3.2 * radius, shades, grain, labeled)


def _spread_out(radius: float, shape: tuple[int, int], rng: np.random.Generator) -> Numbers:
    """Return random points (N, 2) near the knots of a square grid larger than the image."""
    step = 1.77 * radius
    knots = np.mgrid[tuple(slice(-radius, n + radius, step) for n in shape)].reshape(2, -1).T
    return knots + rng.uniform(-0.45, 0.45, knots.shape) * step


def _heights(radius: float, count: int, slices: int, rng: np.random.Generator) -> Numbers:
    """Return random heights (Z, N) of seeds above each slice."""
    slope = rng.uniform(0.02, 0.2) * radius
    away = rng.uniform(-1, 1, count) * (radius + 0.5 * slope * slices)
    return slope * (np.arange(slices)[:, None] - (slices - 1) / 2) - away
