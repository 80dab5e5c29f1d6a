"""Cells that fill the picture, parted by membranes, as in electron microscopy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.synthetic.appearance import Appearance
from sam2_model.training.synthetic.motion import Numbers
from sam2_model.training.synthetic.noise import noise
from sam2_model.training.synthetic.rendering import Clip, Image, Labels

_UNLABELLED = 0.15


@dataclass(frozen=True, slots=True)
class Tiling:
    """A power diagram whose seeds move.

    A pixel belongs to the seed with the smallest squared distance minus weight (Aurenhammer, SIAM
    J. Comput. 16:78, 1987). With the squared heights of seeds above the plane as negative weights
    it is an exact cut through a three-dimensional Voronoi diagram.

    Parameters
    ----------
    look : Appearance
        ``ground`` is the membranes' intensity, ``body`` the cells'.
    centres : NDArray[np.float64]
        (T, N, 2) y and x of the seeds in pixels.
    weights : NDArray[np.float64]
        (T, N) in square pixels.
    bend : NDArray[np.float32]
        (2, H, W) displacement in pixels that makes straight borders wavy.
    reach : float
        Largest distance in pixels from a seed to a pixel that is its own.
    shades, grain : NDArray[np.float32]
        (N + 1,) intensity of each cell and of what is no cell's; (H, W) texture common to all.
    labelled : NDArray[np.bool_]
        (N + 1,), whether a cell is an object; the others are background.
    """

    look: Appearance
    centres: Numbers
    weights: Numbers
    bend: Image
    reach: float
    shades: Image
    grain: Image
    labelled: NDArray[np.bool_]

    def render(self) -> Clip:
        """Draw all frames."""
        frames = [self._frame(t) for t in range(len(self.centres))]
        values, labels = (np.stack(parts) for parts in zip(*frames, strict=True))
        return Clip(values[..., None], labels)

    def _frame(self, t: int) -> tuple[Image, Labels]:
        owner = self._owner(t)
        border = np.zeros(owner.shape, np.float32)
        border[:, 1:] = owner[:, 1:] != owner[:, :-1]
        border[1:] = np.maximum(border[1:], owner[1:] != owner[:-1])
        thickness = self.look.softness
        membrane = ndimage.gaussian_filter(border, thickness, truncate=2)
        membrane = (membrane * (2.2 * thickness)).clip(0, 1)
        cell = self.shades[owner] + self.grain
        values = cell + membrane * (self.look.ground - cell)
        labels = np.where(self.labelled[owner] & (membrane < 0.6), owner + 1, 0)
        return values, labels.astype(np.uint16)

    def _owner(self, t: int) -> NDArray[np.int64]:
        """Compare the seeds one by one, each only where it may win."""
        shape = self.grain.shape
        y, x = self.bend + np.mgrid[: shape[0], : shape[1]].astype(np.float32)
        nearest = np.full(shape, np.inf, np.float32)
        owner = np.full(shape, len(self.shades) - 1)
        for number, (centre, weight) in enumerate(
            zip(self.centres[t], self.weights[t], strict=True)
        ):
            part = tuple(
                slice(max(0, int(c - self.reach)), max(0, int(c + self.reach))) for c in centre
            )
            power = (y[part] - np.float32(centre[0])) ** 2 + (x[part] - np.float32(centre[1])) ** 2
            power -= np.float32(weight)
            nearer = power < nearest[part]
            nearest[part][nearer] = power[nearer]
            owner[part][nearer] = number
        return owner


def draw_tiling(
    look: Appearance,
    radius: float,
    rng: np.random.Generator,
    frames: int,
    shape: tuple[int, int],
    drift: Numbers,
    *,
    volume: bool,
) -> Tiling:
    """Draw seeds about two radii apart; in a volume, cells begin and end along z.

    Parameters
    ----------
    look : Appearance
        Of the scene.
    radius : float
        Mean radius of a cell in pixels.
    rng : numpy.random.Generator
        Source of chance.
    frames : int
        Number of frames or slices.
    shape : tuple of int
        Height and width in pixels.
    drift : NDArray[np.float64]
        (T, 2) motion common to all seeds.
    volume : bool
        Frames are slices.
    """
    starts = _spread_out(radius, shape, rng)
    steps = rng.normal(0, 0.02 * radius, (frames, *starts.shape))
    steps[0] = 0
    centres = starts + np.cumsum(steps, 0) + drift[:, None]
    if volume:
        weights = -(_heights(radius, len(starts), frames, rng) ** 2)
    else:
        weights = np.cumsum(rng.normal(0, 0.03 * radius**2, centres.shape[:2]), 0)
    bend = look.roughness * radius * 0.5 * np.stack([noise(rng, shape, radius) for _ in range(2)])
    shades = look.body * (1 + look.variety * rng.standard_normal(len(starts) + 1, np.float32))
    grain = look.body_texture * noise(rng, shape, look.body_grain)
    if look.spots < -0.1:
        grain += look.spots * (noise(rng, shape, 0.25 * radius) > 1.8)
    labelled = rng.random(len(shades)) >= _UNLABELLED
    labelled[-1] = False
    bend, shades, grain = (p.astype(np.float32) for p in (bend, shades, grain))
    return Tiling(look, centres, weights, bend, 3.2 * radius, shades, grain, labelled)


def _spread_out(radius: float, shape: tuple[int, int], rng: np.random.Generator) -> Numbers:
    """Draw points (N, 2), one near each knot of a square grid that reaches beyond the picture."""
    step = 1.77 * radius
    knots = np.mgrid[tuple(slice(-radius, n + radius, step) for n in shape)].reshape(2, -1).T
    return knots + rng.uniform(-0.45, 0.45, knots.shape) * step


def _heights(radius: float, count: int, slices: int, rng: np.random.Generator) -> Numbers:
    """Heights (Z, N) of seeds above each slice: half of them leave, or come nearer."""
    slope = rng.uniform(0.02, 0.2) * radius
    away = rng.uniform(-1, 1, count) * (radius + 0.5 * slope * slices)
    return slope * (np.arange(slices)[:, None] - (slices - 1) / 2) - away
