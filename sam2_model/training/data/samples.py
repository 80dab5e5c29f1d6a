"""What one training step sees, and where it comes from."""

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
    """A short clip with the true masks of some of its objects.

    Parameters
    ----------
    images : NDArray[np.uint8]
        (T, 256, 256, 3) RGB.
    masks : NDArray[np.bool_]
        (T, K, 256, 256), empty where an object is not visible.
    visible : NDArray[np.bool_]
        (T, K); every object is visible on some frame.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    visible: NDArray[np.bool_]


@runtime_checkable
class ClipSource(Protocol):
    """Where clips come from; the same generator state gives the same clip."""

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Make a clip of ``frames`` frames that shows at most ``objects`` objects' masks."""


@dataclass(frozen=True)
class MixedSource:
    """Draw from several sources.

    Parameters
    ----------
    sources : sequence of ClipSource
        To draw from.
    weights : sequence of float
        How often each is drawn, relative to the others.
    """

    sources: Sequence[ClipSource]
    weights: Sequence[float]

    def sample(self, rng: np.random.Generator, frames: int, objects: int) -> ClipSample:
        """Make a clip with one source, chosen at random."""
        share = np.asarray(self.weights, float)
        chosen = self.sources[rng.choice(len(self.sources), p=share / share.sum())]
        return chosen.sample(rng, frames, objects)


def choose_objects(labels: NDArray[np.integer], rng: np.random.Generator, count: int) -> list[int]:
    """Pick label values for prompts: one at random, then mostly its nearest neighbours.

    Neighbours are what teaches a model that a click means one object and not all of a kind.

    Parameters
    ----------
    labels : NDArray
        (T, H, W), 0 is background.
    rng : numpy.random.Generator
        Source of chance.
    count : int
        How many at most.

    Returns
    -------
    list of int
        Perhaps empty: objects need 24 visible pixels on some frame.
    """
    sizes = np.stack(
        [np.bincount(plane.ravel(), minlength=int(labels.max()) + 1) for plane in labels]
    )
    fit = np.flatnonzero(sizes[:, 1:].max(0) >= MIN_AREA) + 1
    if len(fit) == 0:
        return []
    best = {int(v): int(sizes[:, v].argmax()) for v in fit}
    centres = {v: np.argwhere(labels[t] == v).mean(0) for v, t in best.items()}
    first = int(rng.choice(fit))
    others = [v for v in centres if v != first]
    if rng.random() < 0.7:
        others.sort(key=lambda v: float(np.hypot(*(centres[v] - centres[first]))))
    else:
        rng.shuffle(others)
    return [first, *others[: count - 1]]


def sample_of(
    images: NDArray[np.uint8],
    labels: NDArray[np.integer],
    rng: np.random.Generator,
    objects: int,
) -> ClipSample | None:
    """Make a sample of a labelled clip, or None where no object is large enough."""
    chosen = choose_objects(labels, rng, objects)
    if not chosen:
        return None
    masks: NDArray[np.bool_] = np.stack([labels == value for value in chosen], axis=1)
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=-1)
    return ClipSample(images, masks, np.asarray(masks.any((2, 3))))
