"""Motions of objects: wandering, growth, division, disappearance, and extent along z."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """Position and shape of an object on each frame.

    Parameters
    ----------
    center : NDArray[np.float64]
        (T, 2), (y, x) in pixels.
    angle : NDArray[np.float64]
        (T,) rotation of the sprite in radians.
    scale : NDArray[np.float64]
        (T,) size relative to the sprite; 0 on frames where the object is not visible.
    squeeze : NDArray[np.float64]
        (T,) elongation along the sprite's rows.
    bend, taper : NDArray[np.float64]
        (T,) curvature along the rows, and widening from first to last row; 0 for none.
    fade : NDArray[np.float64]
        (T,) opacity in 0..1; a faded object is still labeled.
    """

    center: Numbers
    angle: Numbers
    scale: Numbers
    squeeze: Numbers
    bend: Numbers
    taper: Numbers
    fade: Numbers

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.scale)

    def only(self, seen: NDArray[np.bool_]) -> Motion:
        """Return the motion of an object that is visible on the frames ``seen`` (T,) only."""
        return replace(self, scale=self.scale * seen)

    def without(self, start: int, length: int) -> Motion:
        """Return the motion of an object that is not visible on ``length`` frames."""
        at = np.arange(self.frames)
        return self.only((at < start) | (at >= start + length))


def static_motion(start: Numbers, frames: int) -> Motion:
    """Return the motion of an object that does not move or change."""
    zeros, ones = np.zeros(frames), np.ones(frames)
    center = np.tile(start, (frames, 1)).astype(float)
    return Motion(center, zeros, ones, ones, zeros, zeros, ones)


def wander(rng: np.random.Generator, frames: int, speed: float) -> Numbers:
    """Return a smooth random walk (T, 2) from the origin, about ``speed`` pixels a frame."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, frames))
    pace = speed * np.abs(1 + 0.4 * rng.normal(size=frames))
    steps = pace[:, None] * np.stack((np.sin(heading), np.cos(heading)), axis=1)
    steps[0] = 0
    return np.cumsum(steps, axis=0)


def sway(rng: np.random.Generator, frames: int, strength: float) -> Numbers:
    """Return a slow random change (T,) that starts at 0 and returns towards it."""
    steps = rng.normal(0, strength, frames)
    value = np.zeros(frames)
    for t in range(1, frames):
        value[t] = 0.95 * value[t - 1] + steps[t]
    return value


def living_motion(rng: np.random.Generator, start: Numbers, frames: int, speed: float) -> Motion:
    """Return the motion of a living object, which wanders, rotates and changes its shape."""
    return Motion(
        start + wander(rng, frames, speed),
        sway(rng, frames, 0.08),
        np.exp(sway(rng, frames, 0.02)),
        np.exp(sway(rng, frames, 0.025)),
        sway(rng, frames, 0.04),
        sway(rng, frames, 0.04),
        np.exp(-np.abs(sway(rng, frames, 0.03))),
    )


def hide(motion: Motion, rng: np.random.Generator, longest: int) -> Motion:
    """Return the motion of an object that disappears for 1 to ``longest`` frames."""
    length = int(rng.integers(1, min(longest, motion.frames) + 1))
    start = int(rng.integers(0, motion.frames - length + 1))
    return motion.without(start, length)


def ellipsoid(
    rng: np.random.Generator, start: Numbers, slices: int, radius: float, depth: float
) -> Motion:
    """Return the cross-sections of an ellipsoid, one for each slice of a volume.

    Parallel cross-sections of an ellipsoid are similar ellipses with centers on a line and sizes
    on a half circle, so that a motion describes them exactly.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random generator.
    start : NDArray[np.float64]
        (2,), (y, x) of its center in pixels.
    slices : int
        Number of slices.
    radius : float
        Radius of the largest cross-section in pixels.
    depth : float
        Extent along z in slices.
    """
    position = (np.arange(slices) - rng.uniform(0, slices - 1)) / (depth / 2)
    scale = np.sqrt(np.clip(1 - position**2, 0, 1))
    tilt = rng.normal(0, 0.25 * radius, 2)
    upright = replace(static_motion(start, slices), scale=scale, fade=np.clip(1.6 * scale, 0, 1))
    return replace(upright, center=start + position[:, None] * tilt)


def tube(rng: np.random.Generator, start: Numbers, slices: int, radius: float) -> Motion:
    """Return the cross-sections of a winding tube, one for each slice of a volume."""
    course = wander(rng, slices, radius * rng.uniform(0, 0.25))
    length = int(rng.integers(max(2, slices // 3), 2 * slices + 2))
    first = int(rng.integers(-length // 2, max(1, slices - 1)))
    at = np.arange(slices)
    whole = replace(
        static_motion(start, slices),
        center=start + course - course[slices // 2],
        scale=np.exp(sway(rng, slices, 0.05)),
        squeeze=np.exp(sway(rng, slices, 0.05)),
    )
    return whole.only((at >= first) & (at < first + length))


def divide(
    motion: Motion, at: int, radius: float, rng: np.random.Generator
) -> tuple[Motion, Motion, Motion]:
    """Return the motions of a dividing object and its two daughters.

    Parameters
    ----------
    motion : Motion
        Motion of the object without division.
    at : int
        First frame of the daughters.
    radius : float
        Radius of the object in pixels.
    rng : numpy.random.Generator
        Random generator.

    Returns
    -------
    tuple of Motion
        The mother, which becomes longer and ends, and the daughters, which move apart and grow.
    """
    frames = np.arange(motion.frames)
    turn = rng.uniform(0, 2 * np.pi)
    axis = np.array((np.sin(turn), np.cos(turn)))
    # The rows of the sprite are along the axis, so that the mother grows towards its daughters.
    angle = motion.angle * (frames < at - 4) + turn - np.pi / 2
    longer = np.where(frames < at - 2, 1.0, 1.12)
    mother = replace(motion, squeeze=motion.squeeze * longer).only(frames < at)
    apart = 0.55 * radius + 0.6 * radius * np.clip((frames - at) / 4, 0, 1)
    size = 0.7 + 0.2 * np.clip((frames - at) / 12, 0, 1)
    first, second = (
        replace(
            motion,
            center=motion.center + sign * apart[:, None] * axis,
            angle=angle,
            scale=motion.scale * size,
            squeeze=motion.squeeze * 0.9,
        ).only(frames >= at)
        for sign in (-1, 1)
    )
    return mother, first, second
