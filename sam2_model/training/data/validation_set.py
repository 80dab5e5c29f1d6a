"""Clips for evaluation, made of validation images and of seeds that training does not use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sam2_model.training.data.image_dataset import Part, dsb_images
from sam2_model.training.data.real_images import ImageClips
from sam2_model.training.data.samples import MIN_AREA, SIDE, ClipSample
from sam2_model.training.synthetic.appearance import Style, colored
from sam2_model.training.synthetic.lifecycle import Lifecycle
from sam2_model.training.synthetic.rendering import Clip
from sam2_model.training.synthetic.scene_generator import draw_scene

# Random streams of training begin with the seed of the run, a small number.
_STILLS, _SYNTHETIC = 0x5EED_0001, 0x5EED_0002
_TRIES = 60
_LONGEST_GAP = 4
_BLURRED = 2
_BRIGHTEST = 99.8
STYLES = tuple(style for style in Style if style is not Style.MEMBRANES)
"""Styles in which objects can disappear; cells between membranes cannot."""


def validation_images(
    folder: Path, count: int, frames: int = 24, objects: int = 3, first: int = 0
) -> list[ClipSample]:
    """Return clips of the fluorescence images for validation of dsb2018, at native scale.

    In each clip, the first object disappears for one to four frames; the others are its nearest
    neighbors. All are visible on the first frame. Some frames are out of focus.

    Parameters
    ----------
    folder : Path
        Folder of dsb2018.
    count : int
        Number of clips; a clip depends on its number only.
    frames : int
        Number of frames, 8 or more.
    objects : int
        Largest number of objects of a clip.
    first : int
        Number of the first clip, counted from 0.

    Returns
    -------
    list of ClipSample
        The clips.
    """
    source = ImageClips(dsb_images(folder, Part.VALIDATION, "fluo"), (1.0, 1.0), volumes=0.0)

    def make(rng: np.random.Generator) -> Clip:
        values, labels = source.clip(rng, frames, _draw_lifecycle(rng, frames))
        brightest = max(1.0, float(np.percentile(values[0], _BRIGHTEST)))
        return Clip(values / np.float32(brightest), labels)

    return [
        _staged(make, (_STILLS, number, frames), objects) for number in range(first, first + count)
    ]


def validation_synthetic(
    count: int, frames: int = 24, objects: int = 3, first: int = 0
) -> list[ClipSample]:
    """Return clips of the synthetic generator, of all styles but membranes in turn.

    Parameters and properties of the clips are those of :func:`validation_images`.
    """

    def maker(style: Style) -> Callable[[np.random.Generator], Clip]:
        def make(rng: np.random.Generator) -> Clip:
            scene = draw_scene(style, rng, frames, _draw_lifecycle(rng, frames), (SIDE, SIDE))
            values, labels = scene.render()
            return Clip(colored(values, style, rng), labels)

        return make

    return [
        _staged(maker(STYLES[number % len(STYLES)]), (_SYNTHETIC, number, frames), objects)
        for number in range(first, first + count)
    ]


def _draw_lifecycle(rng: np.random.Generator, frames: int) -> Lifecycle:
    return Lifecycle(
        speed=float(rng.uniform(0.03, 0.2)),
        drift=float(rng.choice((0.0, 0.5))),
        hidden=0.3,
        longest_gap=_LONGEST_GAP / frames,
    )


def _staged(
    make: Callable[[np.random.Generator], Clip], seed: tuple[int, ...], objects: int
) -> ClipSample:
    """Return the first clip in which an object disappears and reappears beside another one."""
    rng = np.random.default_rng(seed)
    for _ in range(_TRIES):
        values, labels = make(rng)
        chosen = _returning(labels, objects)
        if len(chosen) >= min(2, objects):
            masks: NDArray[np.bool_] = np.stack([labels == value for value in chosen], axis=1)
            return ClipSample(_photographed(values, rng), masks, np.asarray(masks.any((2, 3))))
    raise ValueError("No object of these images disappears and reappears")


def _returning(labels: NDArray[np.uint16], objects: int) -> list[int]:
    """Return an object with one gap and its nearest neighbors, visible on the first frame."""
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
    centers = np.array(ndimage.center_of_mass(labels[0] > 0, labels[0], present))
    largest = targets[sizes[0, targets].argmax()]
    away = np.linalg.norm(centers - centers[present == largest], axis=1)
    return [int(v) for v in present[np.argsort(away)][:objects]]


def _photographed(values: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return values (T, H, W) or (T, H, W, 3) as RGB, with noise and two blurred runs of frames."""
    values = values[..., 0] if values.shape[-1] == 1 else values
    values = values.copy()
    for start in rng.integers(1, len(values) - _BLURRED, 2):
        sigma = float(rng.uniform(1.2, 2.2))
        for frame in values[start : start + _BLURRED]:
            frame[...] = ndimage.gaussian_filter(frame, sigma, axes=(0, 1), truncate=2.5)
    values += np.float32(rng.uniform(0.005, 0.03)) * rng.standard_normal(values.shape, np.float32)
    images = (values.clip(0, 1) * 255).astype(np.uint8)
    return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=-1)
