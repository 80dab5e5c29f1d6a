"""Training samples and their sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

SIDE = 256
MIN_AREA = 24


@dataclass(frozen=True, slots=True)
class ClipSample:
    """A short clip with the ground-truth masks of some of its objects.

    Parameters
    ----------
    images : NDArray[np.uint8]
        (T, 256, 256, 3) RGB.
    masks : NDArray[np.bool_]
        (T, K, 256, 256), empty on frames where an object is not visible.
    visible : NDArray[np.bool_]
        (T, K); each object is visible on at least one frame.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    visible: NDArray[np.bool_]


@runtime_checkable
class ClipSource(Protocol):
    """A source of clips; the same state of the random generator gives the same clip."""

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Return a clip of ``frames`` frames with the masks of at most ``objects`` objects."""


@dataclass(frozen=True)
class MixedSource:
    """A random choice of several sources.

    Parameters
    ----------
    sources : sequence of ClipSource
        The sources.
    weights : sequence of float
        Relative probability of each source.
    """

    sources: Sequence[ClipSource]
    weights: Sequence[float]

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Return a clip of a random source."""
        share = np.asarray(self.weights, float)
        chosen = self.sources[rng.choice(len(self.sources), p=share / share.sum())]
        return chosen.sample(rng, frames, objects)


def select_objects(labels: NDArray[np.integer], rng: np.random.Generator, count: int) -> list[int]:
    """Return the labels of objects for prompts: a random one, and mostly its nearest neighbors.

    Neighbors train the model to segment one object and not all similar ones.

    Parameters
    ----------
    labels : NDArray
        (T, H, W), 0 is background.
    rng : numpy.random.Generator
        Random generator.
    count : int
        Largest number of objects.

    Returns
    -------
    list of int
        Objects with 24 pixels or more on at least one frame; an empty list if there are none.
    """
    sizes = np.stack(
        [np.bincount(plane.ravel(), minlength=int(labels.max()) + 1) for plane in labels]
    )
    fit = np.flatnonzero(sizes[:, 1:].max(0) >= MIN_AREA) + 1
    if len(fit) == 0:
        return []
    best = {int(v): int(sizes[:, v].argmax()) for v in fit}
    centers = {v: np.argwhere(labels[t] == v).mean(0) for v, t in best.items()}
    first = int(rng.choice(fit))
    others = [v for v in centers if v != first]
    if rng.random() < 0.7:
        others.sort(key=lambda v: float(np.hypot(*(centers[v] - centers[first]))))
    else:
        rng.shuffle(others)
    return [first, *others[: count - 1]]


def make_sample(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    rng: np.random.Generator,
    objects: int,
) -> ClipSample | None:
    """Return a sample of a labeled clip, or None if no object is large enough."""
    chosen = select_objects(labels, rng, objects)
    if not chosen:
        return None
    masks: NDArray[np.bool_] = np.stack([labels == value for value in chosen], axis=1)
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=-1)
    return ClipSample(images, masks, np.asarray(masks.any((2, 3))))
