"""Training and validation data of the bundled model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sam2_model.modeling.sam2 import SAM2
from sam2_model.training.data.image_dataset import (
    AnnotatedImage,
    Part,
    dsb_images,
    read_image,
    t98g_images,
)
from sam2_model.training.data.real_images import ImageClips
from sam2_model.training.data.samples import (
    MIN_AREA,
    SIDE,
    ClipSample,
    ClipSource,
    MixedSource,
    select_objects,
)
from sam2_model.training.evaluation.scores import clip_scores, image_iou
from sam2_model.training.prompts.sampling import PromptKind
from sam2_model.training.synthetic.generator import SyntheticClips

_FLUORESCENCE = "fluo"
_HISTOLOGY = "hist"
_BRIGHTEST = 99.8


@dataclass(frozen=True, slots=True)
class Shares:
    """Relative probability of each kind of data."""

    fluorescence: float = 0.28
    histology: float = 0.04
    phase_contrast: float = 0.24
    synthetic: float = 0.44


def training_source(data: Path, shares: Shares | None = None) -> ClipSource:
    """Return a mixture of the training parts of dsb2018 and t98g_stills and of synthetic clips.

    Parameters
    ----------
    data : Path
        Folder with ``dsb2018`` and ``t98g_stills``.
    shares : Shares, optional
        Relative probability of each kind of data.
    """
    mix = shares or Shares()
    dsb = data / "dsb2018"
    return MixedSource(
        (
            ImageClips(dsb_images(dsb, Part.TRAINING, _FLUORESCENCE), (0.7, 4.0)),
            ImageClips(dsb_images(dsb, Part.TRAINING, _HISTOLOGY), (0.7, 3.0)),
            ImageClips(t98g_images(data / "t98g_stills", Part.TRAINING), (0.4, 2.2)),
            SyntheticClips(),
        ),
        (mix.fluorescence, mix.histology, mix.phase_contrast, mix.synthetic),
    )


def native_windows(
    stills: Sequence[AnnotatedImage], rng: np.random.Generator, objects: int
) -> list[ClipSample]:
    """Return one 256 px window of each image at native scale.

    Parameters
    ----------
    stills : sequence of AnnotatedImage
        Labeled images, whose intensities are stretched to the full range.
    rng : numpy.random.Generator
        Random generator for windows and objects.
    objects : int
        Largest number of objects of a window, each of 24 pixels or more.
    """
    windows = (_native_window(still, rng, objects) for still in stills)
    return [window for window in windows if window is not None]


def _native_window(
    still: AnnotatedImage, rng: np.random.Generator, objects: int
) -> ClipSample | None:
    image, labels = read_image(still)
    y, x = (int(rng.integers(max(0, n - SIDE) + 1)) for n in labels.shape)
    pad = [(0, max(0, SIDE - n)) for n in labels.shape]
    labels = np.pad(labels[y : y + SIDE, x : x + SIDE], pad)
    part = image[y : y + SIDE, x : x + SIDE]
    part = np.pad(part, [*pad, *[(0, 0)] * (image.ndim - 2)])
    part = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=-1)
    brightest = max(1.0, float(np.percentile(image, _BRIGHTEST)))
    stretched = (part * (255 / brightest)).clip(0, 255).astype(np.uint8)
    chosen = [v for v in select_objects(labels[None], rng, objects) if _area(labels, v) >= MIN_AREA]
    if not chosen:
        return None
    masks = np.stack([labels == value for value in chosen])[None]
    return ClipSample(stretched[None], masks, np.ones((1, len(chosen)), bool))


def _area(labels: np.ndarray, value: int) -> int:
    return int(np.count_nonzero(labels == value))


def validation(
    data: Path, images: int = 24, clips: int = 6, frames: int = 12
) -> Callable[[SAM2], Mapping[str, float]]:
    """Return a function that computes the validation figures of a run.

    Parameters
    ----------
    data : Path
        Folder with ``dsb2018``.
    images, clips, frames : int
        Numbers of image windows, of clips, and of frames of each clip.

    Returns
    -------
    callable
        Function from a model in eval mode to the mean IoU by prompt, for images and clips.
    """
    rng = np.random.default_rng(7)
    stills = dsb_images(data / "dsb2018", Part.VALIDATION, _FLUORESCENCE)
    order = rng.permutation(len(stills))[:images]
    windows = native_windows([stills[i] for i in order], rng, 6)
    source = MixedSource((ImageClips(stills, (1.0, 3.0)), SyntheticClips()), (2, 1))
    movies = [source.sample(rng, frames, 2) for _ in range(clips)]

    def figures(model: SAM2) -> Mapping[str, float]:
        scores = {
            f"val.{kind.value}": image_iou(model, windows, kind)
            for kind in (PromptKind.POINT, PromptKind.BOX)
        }
        for kind in (PromptKind.MASK, PromptKind.POINT):
            clip = clip_scores(model, movies, kind)
            scores[f"val.clip_{kind.value}"] = clip.mean_iou
            scores["val.clip_copied"] = clip.first_mask
            scores[f"val.reappeared_{kind.value}"] = clip.reappeared
            scores[f"val.empty_{kind.value}"] = clip.empty_when_absent
        return scores

    return figures
