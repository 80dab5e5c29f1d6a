"""Figures of the model card.

Run as ``python -m sam2_model.training.evaluation.model_card DATA WEIGHTS``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sam2_model.checkpoint import load_model
from sam2_model.image_predictor import ImagePredictor
from sam2_model.modeling.sam2 import SAM2
from sam2_model.tracker import TrackerSettings
from sam2_model.training.data.image_dataset import Part, dsb_images, t98g_images
from sam2_model.training.data.mixture import native_windows
from sam2_model.training.data.samples import ClipSample
from sam2_model.training.data.validation_set import validation_images, validation_synthetic
from sam2_model.training.evaluation.scores import clip_scores, image_iou, iou, track_objects
from sam2_model.training.prompts.sampling import PromptKind
from sam2_model.training.prompts.simulated_clicks import tight_box

WINDOWS_SEED = 20_000
"""Seed of the windows in validation images."""


def main(arguments: list[str] | None = None) -> None:
    """Print the figures, one JSON object a line."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    model = load_model(options.weights, device="cpu")
    settings = TrackerSettings(presence_threshold=options.presence)
    for name, figures in scores(model, options.data, options.clips, options.first, settings):
        sys.stdout.write(json.dumps({name: figures}) + "\n")
        sys.stdout.flush()


def scores(
    model: SAM2,
    data: Path,
    clips: int,
    first: int = 0,
    settings: TrackerSettings | None = None,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield scores on validation images and on clips made of them.

    Parameters
    ----------
    model : SAM2
        Model in eval mode.
    data : Path
        Folder with ``dsb2018`` and ``t98g_stills``.
    clips : int
        Number of clips of each kind.
    first : int
        Number of the first clip, counted from 0.
    settings : TrackerSettings, optional
        How prompts and memories are used in clips.

    Yields
    ------
    tuple of (str, dict)
        Name of the data and prompts, and their figures.
    """
    for group in ("fluo", "hist"):
        stills = dsb_images(data / "dsb2018", Part.VALIDATION, group)
        windows = native_windows(stills, np.random.default_rng(WINDOWS_SEED), sys.maxsize)
        yield f"dsb2018 {group}, 256 px windows", _images(model, windows)
    stills = t98g_images(data / "t98g_stills", Part.VALIDATION)
    windows = native_windows(stills, np.random.default_rng(WINDOWS_SEED), sys.maxsize)
    yield "t98g_stills, 256 px windows", _images(model, windows)
    dsb = validation_images(data / "dsb2018", clips, first=first)
    for name, movies in (("dsb2018", dsb), ("synthetic", validation_synthetic(clips, first=first))):
        for kind in PromptKind:
            yield f"{name} clips, {kind.value}", asdict(clip_scores(model, movies, kind, settings))
        yield f"{name} clips, no memory", {"mean_iou": iou_without_memory(model, movies)}
    yield "milliseconds", _speed(model, dsb[0])


def iou_without_memory(model: SAM2, samples: list[ClipSample]) -> float:
    """Return the mean IoU if each frame is prompted by the box of the mask of the frame before."""
    predictor = ImagePredictor(model)
    found: list[float] = []
    for sample in samples:
        frames = [predictor.encode_image(image) for image in sample.images]
        for truth in np.moveaxis(sample.masks, 1, 0):
            if not truth[0].any():
                continue
            mask: NDArray[np.bool_] = truth[0]
            for frame, true in zip(frames[1:], truth[1:], strict=True):
                if mask.any():
                    box = tight_box(mask)
                    mask = predictor.predict(frame, box=box, multimask=False).masks[0, 0]
                if true.any():
                    found.append(iou(mask, true))
    return float(np.mean(found))


def _images(model: SAM2, windows: list[ClipSample]) -> dict[str, float]:
    kinds = (PromptKind.POINT, PromptKind.BOX)
    figures = {kind.value: image_iou(model, windows, kind) for kind in kinds}
    return figures | {"objects": sum(window.masks.shape[1] for window in windows)}


def _speed(model: SAM2, sample: ClipSample) -> dict[str, float]:
    predictor = ImagePredictor(model)

    def click() -> None:
        predictor.predict(predictor.encode_image(sample.images[0]), [[100, 100]], [1])

    present = [k for k in range(sample.masks.shape[1]) if sample.masks[0, k].any()][:1]
    first = sample.masks[0, present]

    def track() -> None:
        track_objects(model, sample.images, first, PromptKind.MASK)

    return {"click": _median(click), "tracked frame": _median(track) / len(sample.images)}


def _median(run: Callable[[], None], repeats: int = 5) -> float:
    run()
    spent = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        spent.append((time.perf_counter() - started) * 1000)
    return round(float(np.median(spent)), 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Score the bundled model.")
    parser.add_argument("data", type=Path, help="folder with dsb2018 and t98g_stills")
    parser.add_argument("weights", help="name or file")
    parser.add_argument("--clips", type=int, default=20, help="number of clips of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first clip")
    parser.add_argument(
        "--presence", type=float, help="object score above which an object is visible"
    )
    parser.add_argument("--threads", type=int, default=2)
    return parser


if __name__ == "__main__":
    main()
