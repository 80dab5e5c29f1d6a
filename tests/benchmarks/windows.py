"""One prompt on one window: dsb2018's held-out images as the tool answers them, view by view.

    python -m tests.benchmarks.windows DATA
    python -m tests.benchmarks.windows DATA --images 10 --views full auto  # a trial

DATA holds dsb2018. The windows are those of the model card: 256 px at native scale,
every object of 24 pixels and more, one click in its deepest pixel or its box. ``full`` is the model
on the whole window; ``auto`` and ``zoom`` let it look closer, as it does for users.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import napari_sam2
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.view import ViewPolicy
from napari_sam2.prompts.types import BoxPrompt, PointPrompt, Prompt
from napari_sam2.session.settings import SessionSettings
from sam2_model.training.data.image_dataset import Part, dsb_images
from sam2_model.training.data.mixture import native_windows
from sam2_model.training.data.samples import ClipSample
from sam2_model.training.evaluation.model_card import WINDOWS_SEED
from sam2_model.training.prompts.simulated_clicks import deepest_point, tight_box
from tests.benchmarks.measuring import Row, parser, report, use_threads


def prompt_of(number: int, mask: NDArray[np.bool_], kind: str) -> Prompt:
    """Return one click or one box of an object."""
    if kind == "click":
        click = deepest_point(mask)
        return PointPrompt(number, 0, (float(click.y), float(click.x)))
    x0, y0, x1, y1 = (float(bound) for bound in tight_box(mask))
    return BoxPrompt(number, 0, (y0, x0), (y1, x1))


def agreements(
    window: ClipSample, kind: str, settings: SessionSettings, predictor: Any
) -> Iterator[float]:
    """Yield the IoU of each object of a window, all prompted in one session."""
    masks = dict(enumerate(window.masks[0], 1))
    session = napari_sam2.open_session(
        window.images[..., 0],
        [prompt_of(number, mask, kind) for number, mask in masks.items()],
        axes="TYX",
        along="t",
        model=predictor,
        intensity=Intensity(((0.0, 255.0),)),
        settings=settings,
    )
    for result in session.propagate():
        found = np.zeros(masks[result.object_id].shape, bool)
        found[result.crop.window.slices] = result.crop.logits > 0
        true = masks[result.object_id]
        yield np.count_nonzero(found & true) / np.count_nonzero(found | true)


def measure(windows: list[ClipSample], kind: str, view: str, given: Any) -> Row:
    """Prompt every object with one kind of prompt in one kind of view."""
    settings = SessionSettings(view=ViewPolicy.parse(view))
    began = time.perf_counter()
    each = [iou for w in windows for iou in agreements(w, kind, settings, given.predictor)]
    return {
        "model": given.predictor.info.name,
        "prompt": kind,
        "view": view,
        "windows": len(windows),
        "objects": len(each),
        "mean IoU": float(np.mean(each)),
        "seconds": time.perf_counter() - began,
    }


def main() -> None:
    """Print one row for each prompt and view."""
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    options.add_argument("--dtype", default="auto", help="number format of the model")
    options.add_argument("--images", type=int, help="only so many images")
    options.add_argument("--views", nargs="+", default=["full", "auto"])
    options.add_argument("--prompts", nargs="+", default=["click", "box"])
    given = options.parse_args()
    use_threads(given.threads)
    from napari_sam2.inference.sam2_predictor import load_predictor

    given.predictor = load_predictor(given.model, given.device, dtype=given.dtype)
    stills = dsb_images(given.data / "dsb2018", Part.VALIDATION, "fluo")
    windows = native_windows(stills, np.random.default_rng(WINDOWS_SEED), sys.maxsize)
    if given.images is not None:
        windows = windows[:: max(1, len(windows) // given.images)]
    rows = [measure(windows, k, v, given) for k, v in product(given.prompts, given.views)]
    report(rows, given.csv)


if __name__ == "__main__":
    main()
