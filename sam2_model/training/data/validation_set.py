"""Clips for scoring only: made of held-out stills, and of seeds that no training run draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.data.image_dataset import Part, dsb_images
from sam2_model.training.data.real_images import ImageClips
from sam2_model.training.data.samples import MIN_AREA, SIDE, ClipSample
from sam2_model.training.synthetic.appearance import Style, coloured
from sam2_model.training.synthetic.lifecycle import Lifecycle
from sam2_model.training.synthetic.rendering import Clip
from sam2_model.training.synthetic.scene_generator import draw_scene

# Training streams begin with the run's seed, a small number, so theirs never equal these.
_STILLS, _SYNTHETIC = 0x5EED_0001, 0x5EED_0002
_TRIES = 60
_LONGEST_GAP = 4
_BLURRED = 2
_BRIGHTEST = 99.8
STYLES = tuple(style for style in Style if style is not Style.MEMBRANES)
"""Tiles fill the picture, so none of them can be gone for a while."""


def validation_images(
    folder: Path, count: int, frames: int = 24, objects: int = 3, first: int = 0
) -> list[ClipSample]:
    """Make clips of dsb2018's validation part (fluorescence), at native scale.

    In every clip the first object is gone for one to four frames and comes back; the others are
    its nearest neighbours. All are there on the first frame. Some frames are out of focus.

    Parameters
    ----------
    folder : pathlib.Path
        Of dsb2018.
    count : int
        Clips; each is the same, however many are asked for.
    frames : int
        Length, 8 or more.
    objects : int
        The most objects of a clip.
    first : int
        Number of the first clip, counted from 0.

    Returns
    -------
    list of ClipSample
        ``visible[t, k]`` tells whether object k is on frame t.
    """
    source = ImageClips(dsb_images(folder, Part.VALIDATION, "fluo"), (1.0, 1.0), volumes=0.0)

    def make(rng: np.random.Generator) -> Clip:
        values, labels = source.clip(rng, frames, _story(rng, frames))
        brightest = max(1.0, float(np.percentile(values[0], _BRIGHTEST)))
        return Clip(values / np.float32(brightest), labels)

    return [
        _staged(make, (_STILLS, number, frames), objects) for number in range(first, first + count)
    ]


def validation_synthetic(
    count: int, frames: int = 24, objects: int = 3, first: int = 0
) -> list[ClipSample]:
    """Make clips of unseen seeds of the generator, all styles but membranes in turn.

    Parameters and what happens in a clip are those of :func:`validation_images`.
    """

    def maker(style: Style) -> Callable[[np.random.Generator], Clip]:
        def make(rng: np.random.Generator) -> Clip:
            scene = draw_scene(style, rng, frames, _story(rng, frames), (SIDE, SIDE))
            values, labels = scene.render()
            return Clip(coloured(values, style, rng), labels)

        return make

    return [
        _staged(maker(STYLES[number % len(STYLES)]), (_SYNTHETIC, number, frames), objects)
        for number in range(first, first + count)
    ]


def _story(rng: np.random.Generator, frames: int) -> Lifecycle:
    return Lifecycle(
        speed=float(rng.uniform(0.03, 0.2)),
        drift=float(rng.choice((0.0, 0.5))),
        hidden=0.3,
        longest_gap=_LONGEST_GAP / frames,
    )


def _staged(
    make: Callable[[np.random.Generator], Clip], seed: tuple[int, ...], objects: int
) -> ClipSample:
    """Make clips until one has an object that goes and comes back, beside another one."""
    rng = np.random.default_rng(seed)
    for _ in range(_TRIES):
        values, labels = make(rng)
        chosen = _returning(labels, objects)
        if len(chosen) >= min(2, objects):
            masks: NDArray[np.bool_] = np.stack([labels == value for value in chosen], axis=1)
            return ClipSample(_photographed(values, rng), masks, np.asarray(masks.any((2, 3))))
    raise ValueError("No object of these pictures goes and comes back")


def _returning(labels: NDArray[np.uint16], objects: int) -> list[int]:
    """Choose an object with one gap and its nearest neighbours, all there on the first frame."""
    count = int(labels.max()) + 1
    sizes = np.stack([np.bincount(plane.ravel(), minlength=count) for plane in labels])
    seen = sizes > 0
    sizes[:, 0] = 0
    clear = (sizes >= MIN_AREA) | ~seen
    gaps = (seen[:-1] & ~seen[1:]).sum(0)
    there = seen[0] & (sizes[0] >= MIN_AREA)
    targets = np.flatnonzero(there & seen[-1] & (gaps == 1) & clear.all(0))
    if len(targets) == 0:
        return []
    present = np.flatnonzero(there)
    centres = np.array(ndimage.center_of_mass(labels[0] > 0, labels[0], present))
    largest = targets[sizes[0, targets].argmax()]
    away = np.linalg.norm(centres - centres[present == largest], axis=1)
    return [int(v) for v in present[np.argsort(away)][:objects]]


def _photographed(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Defocus two runs of frames, add noise, store as RGB; a last axis of colours is optional."""
    values = values[..., 0] if values.shape[-1] == 1 else values
    values = values.copy()
    for start in rng.integers(1, len(values) - _BLURRED, 2):
        sigma = float(rng.uniform(1.2, 2.2))
        for frame in values[start : start + _BLURRED]:
            frame[...] = ndimage.gaussian_filter(frame, sigma, axes=(0, 1), truncate=2.5)
    values += np.float32(rng.uniform(0.005, 0.03)) * rng.standard_normal(values.shape, np.float32)
    images = (values.clip(0, 1) * 255).astype(np.uint8)
    return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=-1)
