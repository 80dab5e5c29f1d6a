"""What is trained when: the learning rate and the mixture of batches over a run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sam2_model.modeling.sam2 import MAX_POINTERS
from sam2_model.training.prompts.sampling import PromptKind
from sam2_model.training.rollout import ClipPlan


@dataclass(frozen=True, slots=True)
class LearningRate:
    """Linear warm-up, a plateau, and a cosine descent to zero.

    Parameters
    ----------
    peak : float
        On the plateau.
    warmup : int
        Steps to reach it.
    descent : float
        Share of the run, at its end, that the descent takes.
    """

    peak: float = 6e-4
    warmup: int = 100
    descent: float = 0.3

    def at(self, step: int, progress: float) -> float:
        """Return the rate for a step (from 0) at a share ``progress`` of the run."""
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        left = min(1.0, max(0.0, 1.0 - progress) / max(self.descent, 1e-9))
        return self.peak * rise * 0.5 * (1 - math.cos(math.pi * left))


@dataclass(frozen=True, slots=True)
class Request:
    """The data of one step.

    Parameters
    ----------
    step : int
        Number of the step.
    clips, frames, objects : int
        How many clips, their length, and the most objects of each.
    """

    step: int
    clips: int
    frames: int
    objects: int


@dataclass(frozen=True, slots=True)
class Curriculum:
    """Images first, then clips mixed with images, growing in length.

    Parameters
    ----------
    clips_from : float
        Share of the run after which clips are mixed in.
    clip_share : float
        Share of steps with clips from then on.
    images, image_objects : int
        Images per step, objects per image.
    clips, clip_objects : int
        Clips per step, at least, and objects per clip.
    clip_frames : int
        Frames per step up to which there are more clips.
    shortest, longest : int
        Frames per clip.
    long_share : float
        Share of clips whose first frames are tracked without being learnt from.
    farthest : int
        Frames of the longest of these.
    frame_step : int
        Lengths are multiples of this: a GPU is slow on sizes that it has not seen.
    """

    clips_from: float = 0.3
    clip_share: float = 0.6
    images: int = 4
    image_objects: int = 8
    clips: int = 1
    clip_objects: int = 4
    clip_frames: int = 0
    shortest: int = 4
    longest: int = 8
    long_share: float = 0.5
    farthest: int = 16
    frame_step: int = 1

    def request(self, step: int, progress: float, rng: np.random.Generator) -> Request:
        """Draw what a step trains on."""
        if progress < self.clips_from or rng.random() >= self.clip_share:
            return Request(step, self.images, 1, self.image_objects)
        since = (progress - self.clips_from) / max(1e-9, 1 - self.clips_from)
        longest = round(self.shortest + min(1.0, 3 * since) * (self.longest - self.shortest))
        frames = int(rng.integers(self.shortest, longest + 1))
        # Before clips have their full length, there is nothing worth tracking far.
        if longest == self.longest and rng.random() < self.long_share:
            frames = int(rng.integers(longest + 1, self.farthest + 1))
        frames = max(self.frame_step, frames - frames % self.frame_step)
        clips = max(self.clips, self.clip_frames // frames)
        return Request(step, clips, frames, self.clip_objects)


@dataclass(frozen=True, slots=True)
class PromptMix:
    """How often objects are pointed out in which way.

    Parameters
    ----------
    image_point : float
        Share of image steps that start from a click; the others start from a box.
    clip_mask, clip_point : float
        Shares of clip steps that start from a mask and from a click; the others from a box.
    corrections : int
        Most corrective clicks after the first prompt.
    corrected_clip : float
        Share of clip steps with a corrective click on a tracked frame.
    first_frame : float
        Share of clips prompted on their first frame; the others on any frame.
    learnt : int
        The most frames after the prompted one that are learnt from: the last ones.
    """

    image_point: float = 0.6
    clip_mask: float = 0.4
    clip_point: float = 0.4
    corrections: int = 1
    corrected_clip: float = 0.3
    first_frame: float = 0.6
    learnt: int = 7

    def image_plan(self, rng: np.random.Generator) -> tuple[PromptKind, int]:
        """Draw the first prompt and the number of corrections for an image step."""
        kind = PromptKind.POINT if rng.random() < self.image_point else PromptKind.BOX
        return kind, int(rng.integers(0, self.corrections + 1))

    def clip_plan(self, frames: int, rng: np.random.Generator) -> ClipPlan:
        """Draw what happens along a clip."""
        prompted = 0 if rng.random() < self.first_frame else int(rng.integers(frames))
        others = [frame for frame in range(frames) if frame != prompted]
        corrected = int(rng.choice(others)) if rng.random() < self.corrected_clip else None
        # A clip's own length is the reference's divisor; long videos all have the largest one.
        longest = MAX_POINTERS - 1
        if rng.random() >= 0.6:
            longest = int(rng.integers(min(frames, MAX_POINTERS) - 1, MAX_POINTERS))
        rounds = int(rng.integers(0, 2))
        learnt = int(rng.integers(self.learnt - 2, self.learnt + 1))
        unlearnt = frames - 1 - learnt if frames - 1 > self.learnt else 0
        return ClipPlan(self._clip_kind(rng), prompted, rounds, corrected, longest, unlearnt)

    def _clip_kind(self, rng: np.random.Generator) -> PromptKind:
        draw = rng.random()
        if draw < self.clip_mask:
            return PromptKind.MASK
        return PromptKind.POINT if draw < self.clip_mask + self.clip_point else PromptKind.BOX
