"""How objects move, change, divide, hide, and begin and end along z."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Motion:
    """Where an object is and how it looks, one entry per frame.

    Parameters
    ----------
    centre : NDArray[np.float64]
        (T, 2) y and x in pixels.
    angle : NDArray[np.float64]
        (T,) rotation in radians, relative to the sprite, like the two that follow.
    scale : NDArray[np.float64]
        (T,) size; 0 where nothing is seen.
    squeeze : NDArray[np.float64]
        (T,) elongation along the sprite's rows.
    bend, taper : NDArray[np.float64]
        (T,) curvature along the rows, and widening from first to last row; 0 for none.
    fade : NDArray[np.float64]
        (T,) opacity in 0..1; a faded object is still there.
    """

    centre: Numbers
    angle: Numbers
    scale: Numbers
    squeeze: Numbers
    bend: Numbers
    taper: Numbers
    fade: Numbers

    @property
    def frames(self) -> int:
        """Length in frames."""
        return len(self.scale)

    def only(self, seen: NDArray[np.bool_]) -> Motion:
        """Return the motion with nothing seen outside the frames ``seen`` (T,)."""
        return replace(self, scale=self.scale * seen)

    def without(self, start: int, length: int) -> Motion:
        """Return the motion with a gap in which nothing is seen."""
        at = np.arange(self.frames)
        return self.only((at < start) | (at >= start + length))


def still(start: Numbers, frames: int) -> Motion:
    """Stay in place."""
    zeros, ones = np.zeros(frames), np.ones(frames)
    centre = np.tile(start, (frames, 1)).astype(float)
    return Motion(centre, zeros, ones, ones, zeros, zeros, ones)


def wander(rng: np.random.Generator, frames: int, speed: float) -> Numbers:
    """Return a smooth random walk (T, 2) from the origin, about ``speed`` pixels a frame."""
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, frames))
    pace = speed * np.abs(1 + 0.4 * rng.normal(size=frames))
    steps = pace[:, None] * np.stack((np.sin(heading), np.cos(heading)), axis=1)
    steps[0] = 0
    return np.cumsum(steps, axis=0)


def sway(rng: np.random.Generator, frames: int, strength: float) -> Numbers:
    """Return a slow change (T,) that starts at 0 and is pulled back to it."""
    steps = rng.normal(0, strength, frames)
    value = np.zeros(frames)
    for t in range(1, frames):
        value[t] = 0.95 * value[t - 1] + steps[t]
    return value


def living(rng: np.random.Generator, start: Numbers, frames: int, speed: float) -> Motion:
    """Return a living object's motion: it wanders, turns, grows and changes shape slowly."""
    return Motion(
        start + wander(rng, frames, speed),
        sway(rng, frames, 0.08),
        np.exp(sway(rng, frames, 0.02)),
        np.exp(sway(rng, frames, 0.025)),
        sway(rng, frames, 0.04),
        sway(rng, frames, 0.04),
        np.exp(-np.abs(sway(rng, frames, 0.03))),
    )


def hidden(motion: Motion, rng: np.random.Generator, longest: int) -> Motion:
    """Return the motion with a gap of one to ``longest`` frames."""
    length = int(rng.integers(1, min(longest, motion.frames) + 1))
    start = int(rng.integers(0, motion.frames - length + 1))
    return motion.without(start, length)


def ellipsoid(
    rng: np.random.Generator, start: Numbers, slices: int, radius: float, depth: float
) -> Motion:
    """Return the cuts of an ellipsoid through a volume, one per slice.

    Parallel cuts of an ellipsoid are similar ellipses on a straight line, whose size follows a
    half circle, so that a cut that shrinks and shifts is exact.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    start : NDArray[np.float64]
        (2,) y and x of its middle in pixels.
    slices : int
        Number of slices.
    radius : float
        Of the largest cut in pixels.
    depth : float
        From its first to its last cut in slices.
    """
    place = (np.arange(slices) - rng.uniform(0, slices - 1)) / (depth / 2)
    scale = np.sqrt(np.clip(1 - place**2, 0, 1))
    tilt = rng.normal(0, 0.25 * radius, 2)
    upright = replace(still(start, slices), scale=scale, fade=np.clip(1.6 * scale, 0, 1))
    return replace(upright, centre=start + place[:, None] * tilt)


def tube(rng: np.random.Generator, start: Numbers, slices: int, radius: float) -> Motion:
    """Return the cuts of a tube that winds through a volume, begins and ends."""
    course = wander(rng, slices, radius * rng.uniform(0, 0.25))
    length = int(rng.integers(max(2, slices // 3), 2 * slices + 2))
    first = int(rng.integers(-length // 2, max(1, slices - 1)))
    at = np.arange(slices)
    whole = replace(
        still(start, slices),
        centre=start + course - course[slices // 2],
        scale=np.exp(sway(rng, slices, 0.05)),
        squeeze=np.exp(sway(rng, slices, 0.05)),
    )
    return whole.only((at >= first) & (at < first + length))


def divided(
    motion: Motion, at: int, radius: float, rng: np.random.Generator
) -> tuple[Motion, Motion, Motion]:
    """Let an object become two.

    Parameters
    ----------
    motion : Motion
        Of the object if it did not divide.
    at : int
        First frame of the daughters.
    radius : float
        Of the object in pixels.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    tuple of Motion
        The mother, which grows long and ends, and the daughters, which move apart and grow.
    """
    frames = np.arange(motion.frames)
    turn = rng.uniform(0, 2 * np.pi)
    axis = np.array((np.sin(turn), np.cos(turn)))
    # Rows of the sprite point along the axis, so that it grows long towards its daughters.
    angle = motion.angle * (frames < at - 4) + turn - np.pi / 2
    longer = np.where(frames < at - 2, 1.0, 1.12)
    mother = replace(motion, squeeze=motion.squeeze * longer).only(frames < at)
    apart = 0.55 * radius + 0.6 * radius * np.clip((frames - at) / 4, 0, 1)
    size = 0.7 + 0.2 * np.clip((frames - at) / 12, 0, 1)
    first, second = (
        replace(
            motion,
            centre=motion.centre + sign * apart[:, None] * axis,
            angle=angle,
            scale=motion.scale * size,
            squeeze=motion.squeeze * 0.9,
        ).only(frames >= at)
        for sign in (-1, 1)
    )
    return mother, first, second
