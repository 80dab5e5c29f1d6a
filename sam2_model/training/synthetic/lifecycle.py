"""What happens in a clip: motion, divisions, disappearances, or slices of a volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sam2_model.training.synthetic.motion import Motion, Numbers, ellipsoid, hidden, living, tube

_FASTEST = 14.0


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What happens in a clip.

    Parameters
    ----------
    volume : bool
        Frames are slices: objects begin, swell, shrink and end along z.
    speed : float
        Typical motion in radii per frame.
    drift : float
        Motion common to everything in pixels per frame.
    divided, hidden : float
        Shares of the objects that divide, and that are gone for a while.
    longest_gap : float
        Share of the frames for which they may be gone.
    step : float
        Distance of a volume's slices in pixels, so that solids are about as deep as wide; 0 for
        solids of any depth.
    tubes : float
        Share of a volume's solids that are tubes, the others being ellipsoids.
    occluder : bool
        Whether something passes in front.
    crossing : bool
        Whether objects pass over each other; those of one plane push each other aside.
    packed : bool
        Whether objects begin in touch with each other.
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
        """Draw what one object does, given its place and radius in pixels."""
        if self.volume:
            if rng.random() < self.tubes:
                return tube(rng, start, frames, radius)
            return ellipsoid(rng, start, frames, radius, self._depth(rng, frames, radius))
        pace = min(radius * self.speed, _FASTEST) * rng.uniform(0.5, 1.5)
        motion = living(rng, start, frames, pace)
        if self.hidden and rng.random() < self.hidden:
            return hidden(motion, rng, max(1, round(self.longest_gap * frames)))
        return motion

    def _depth(self, rng: np.random.Generator, frames: int, radius: float) -> float:
        if self.step:
            return max(2.5, 2 * radius / self.step * rng.uniform(0.7, 1.3))
        return max(2.5, frames * rng.uniform(0.3, 1.6))


def draw_lifecycle(rng: np.random.Generator, frames: int, volumes: float = 0.25) -> Lifecycle:
    """Draw what happens in a training clip of some frames; a share is ``volumes``."""
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
