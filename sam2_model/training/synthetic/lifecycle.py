"""Events of a clip: motion, divisions and disappearances, or slices of a volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sam2_model.training.synthetic.motion import (
    Motion,
    Numbers,
    ellipsoid,
    hide,
    living_motion,
    tube,
)

_FASTEST = 14.0


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Events of a clip.

    Parameters
    ----------
    volume : bool
        Whether frames are slices: objects begin, grow, shrink and end along z.
    speed : float
        Typical motion in radii per frame.
    drift : float
        Common motion of objects and background in pixels per frame.
    divided, hidden : float
        Fractions of the objects that divide, and that disappear for a while.
    longest_gap : float
        Longest disappearance as a fraction of the frames.
    step : float
        Distance of a volume's slices in pixels, for objects that are about as deep as wide; 0 for
        objects of any depth.
    tubes : float
        Fraction of a volume's objects that are tubes; the others are ellipsoids.
    occluder : bool
        Whether a large object passes in front of all others.
    crossing : bool
        Whether objects pass over each other; otherwise they push each other aside.
    packed : bool
        Whether objects touch each other on the first frame.
    """

    volume: bool = False
    speed: float = 0.1
    drift: float = 0.0
    divided: float = 0.0
    hidden: float = 0.0
    longest_gap: float = 0.34
    step: float = 0.0
    tubes: float = 0.3
    occluder: bool = False
    crossing: bool = False
    packed: bool = False

    def motion(
        self, rng: np.random.Generator, start: Numbers, frames: int, radius: float
    ) -> Motion:
        """Return a random motion of an object, given its position (y, x) and radius in pixels."""
        if self.volume:
            if rng.random() < self.tubes:
                return tube(rng, start, frames, radius)
            return ellipsoid(rng, start, frames, radius, self._depth(rng, frames, radius))
        pace = min(radius * self.speed, _FASTEST) * rng.uniform(0.5, 1.5)
        motion = living_motion(rng, start, frames, pace)
        if self.hidden and rng.random() < self.hidden:
            return hide(motion, rng, max(1, round(self.longest_gap * frames)))
        return motion

    def _depth(self, rng: np.random.Generator, frames: int, radius: float) -> float:
        if self.step:
            return max(2.5, 2 * radius / self.step * rng.uniform(0.7, 1.3))
        return max(2.5, frames * rng.uniform(0.3, 1.6))


def draw_lifecycle(rng: np.random.Generator, frames: int, volumes: float = 0.25) -> Lifecycle:
    """Return random events of a training clip; a fraction ``volumes`` of clips are volumes."""
    packed = rng.random() < 0.25
    if frames == 1:
        return Lifecycle(packed=packed)
    return Lifecycle(
        volume=rng.random() < volumes,
        speed=float(np.exp(rng.uniform(np.log(0.02), np.log(0.6)))),
        drift=float(rng.choice((0, 0.5, 2.0))),
        divided=0.15 if frames > 3 and rng.random() < 0.25 else 0.0,
        hidden=float(rng.uniform(0.2, 0.7)) if frames > 2 and rng.random() < 0.7 else 0.0,
        occluder=frames > 3 and rng.random() < 0.15,
        crossing=rng.random() < 0.25,
        packed=packed,
    )
