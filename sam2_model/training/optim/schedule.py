"""Schedule of a run: learning rate, and mixture of batches and prompts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sam2_model.modeling.sam2 import MAX_POINTERS
from sam2_model.training.prompts.sampling import PromptKind
from sam2_model.training.rollout import ClipPlan


@dataclass(frozen=True, slots=True)
class LearningRate:
    """Learning rate with linear warm-up, a plateau, and a cosine descent to zero.

    Parameters
    ----------
    peak : float
        Learning rate of the plateau.
    warmup : int
        Number of steps of the warm-up.
    descent : float
        Fraction of the run for the descent.
    """

    peak: float = 6e-4
    warmup: int = 100
    descent: float = 0.3

    def at(self, step: int, progress: float) -> float:
        """Return the learning rate of a step (from 0) after a fraction ``progress`` of the run."""
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        left = min(1.0, max(0.0, 1.0 - progress) / max(self.descent, 1e-9))
        return self.peak * rise * 0.5 * (1 - math.cos(math.pi * left))


@dataclass(frozen=True, slots=True)
class Request:
    """Size of the batch of one step.

    Parameters
    ----------
    step : int
        Number of the step.
    clips, frames, objects : int
        Number of clips, frames of each clip, and largest number of objects of each clip.
    """

    step: int
    clips: int
    frames: int
    objects: int


@dataclass(frozen=True, slots=True)
class Curriculum:
    """Sizes of batches: images first, then images and clips of growing length.

    Parameters
    ----------
    clips_from : float
        Fraction of the run after which steps with clips begin.
    clip_share : float
        Fraction of steps with clips from then on.
    images, image_objects : int
        Number of images of a step, and of objects of an image.
    clips, clip_objects : int
        Smallest number of clips of a step, and number of objects of a clip.
    clip_frames : int
        Number of frames of a step, which raises the number of clips.
    shortest, longest : int
        Range of the lengths of clips in frames.
    long_share : float
        Fraction of long clips, whose first frames are tracked without a loss.
    farthest : int
        Length of the longest of these clips.
    frame_step : int
        Lengths are multiples of this number: a GPU is slow for sizes that are new to it.
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
        """Return a random batch size for a step."""
        if progress < self.clips_from or rng.random() >= self.clip_share:
            return Request(step, self.images, 1, self.image_objects)
        since = (progress - self.clips_from) / max(1e-9, 1 - self.clips_from)
        longest = round(self.shortest + min(1.0, 3 * since) * (self.longest - self.shortest))
        frames = int(rng.integers(self.shortest, longest + 1))
        # Long clips begin when clips have reached their full length.
        if longest == self.longest and rng.random() < self.long_share:
            frames = int(rng.integers(longest + 1, self.farthest + 1))
        frames = max(self.frame_step, frames - frames % self.frame_step)
        clips = max(self.clips, self.clip_frames // frames)
        return Request(step, clips, frames, self.clip_objects)


@dataclass(frozen=True, slots=True)
class PromptMix:
    """Probabilities of the kinds of prompts.

    Parameters
    ----------
    image_point : float
        Fraction of image steps with a click as the first prompt; the others have a box.
    clip_mask, clip_point : float
        Fractions of clip steps with a mask and with a click; the others have a box.
    corrections : int
        Largest number of corrective clicks after the first prompt.
    corrected_clip : float
        Fraction of clip steps with a corrective click on a tracked frame.
    first_frame : float
        Fraction of clips that are prompted on their first frame; the others on any frame.
    learned : int
        Largest number of tracked frames with a loss; these are the last frames.
    """

    image_point: float = 0.6
    clip_mask: float = 0.4
    clip_point: float = 0.4
    corrections: int = 1
    corrected_clip: float = 0.3
    first_frame: float = 0.6
    learned: int = 7

    def image_plan(self, rng: np.random.Generator) -> tuple[PromptKind, int]:
        """Return a random first prompt and number of corrections for an image step."""
        kind = PromptKind.POINT if rng.random() < self.image_point else PromptKind.BOX
        return kind, int(rng.integers(0, self.corrections + 1))

    def clip_plan(self, frames: int, rng: np.random.Generator) -> ClipPlan:
        """Return a random plan for a clip."""
        prompted = 0 if rng.random() < self.first_frame else int(rng.integers(frames))
        others = [frame for frame in range(frames) if frame != prompted]
        corrected = int(rng.choice(others)) if rng.random() < self.corrected_clip else None
        # Meta's predictor divides by the length of the video, and by 15 for long videos.
        longest = MAX_POINTERS - 1
        if rng.random() >= 0.6:
            longest = int(rng.integers(min(frames, MAX_POINTERS) - 1, MAX_POINTERS))
        rounds = int(rng.integers(0, 2))
        learned = int(rng.integers(self.learned - 2, self.learned + 1))
        unlearned = frames - 1 - learned if frames - 1 > self.learned else 0
        return ClipPlan(self._clip_kind(rng), prompted, rounds, corrected, longest, unlearned)

    def _clip_kind(self, rng: np.random.Generator) -> PromptKind:
        draw = rng.random()
        if draw < self.clip_mask:
            return PromptKind.MASK
        return PromptKind.POINT if draw < self.clip_mask + self.clip_point else PromptKind.BOX
