"""Views on real data: cells of t98g_movie in time, nuclei of mouse_embryo_nuclei in depth.

    python -m tests.benchmarks.real_views DATA
    python -m tests.benchmarks.real_views DATA --max-objects 3 --frames 3 --views auto  # a trial

DATA is the folder that holds both sets. One row for each set, prompt and view. The movie is
prompted on its first frame and followed forward: mean IoU over all later object-frames with
truth, identity swaps by py-ctcmetrics. The volume is prompted by a box on the middle slice of
each nucleus and followed both ways: Dice, and slices into which a nucleus was carried too far.
``copied`` is what copying the prompted frame's true mask gives; for the volume on the slices where
the nucleus truly is. ``--sets windows`` follows every cell by itself in the 256 px around its
middle on the first frame; what leaves them is left out.
"""

from __future__ import annotations

import argparse
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.images.view import ViewPolicy
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.workflows.evaluation.evaluate import (
    Cost,
    Evaluation,
    EvaluationSettings,
    PromptFrame,
    evaluate,
)
from napari_sam2.workflows.evaluation.metrics import summarize
from tests.benchmarks.measuring import Row, parser, report, use_threads

PROMPTS = {
    "mask": LabelPromptKind.MASK,
    "click": LabelPromptKind.CENTER,
    "box": LabelPromptKind.BOX,
}
NUCLEI = "mouse_embryo_nuclei"
_WINDOW = 256


def cells(given: argparse.Namespace, prompt: str, view: str) -> Row:
    """Follow the cells of the first frame through the movie."""
    images, labels = _movie(given)
    settings = EvaluationSettings(
        prompt=PROMPTS[prompt],
        frame=PromptFrame.START,
        view=ViewPolicy.parse(view),
        exclusion=given.exclusion,
        tracks=True,
        max_objects=given.max_objects,
    )
    found = evaluate(images, labels, given.predictor, settings, axes="TYX", along="t")
    return _row("t98g_movie", given, prompt, view, found)


def windows(given: argparse.Namespace, prompt: str, view: str) -> Row:
    """Follow every cell of the first frame alone, in a window that holds its surroundings."""
    images, labels = _movie(given)
    settings = EvaluationSettings(
        prompt=PROMPTS[prompt],
        frame=PromptFrame.START,
        view=ViewPolicy.parse(view),
        exclusion=given.exclusion,
    )
    found = []
    for number in np.unique(labels[0])[1 : 1 + (given.max_objects or len(labels[0]))]:
        part = slice(None), *_around(labels[0] == number)
        alone = np.where(labels[part] == number, number, 0)
        found.append(
            evaluate(images[part], alone, given.predictor, settings, axes="TYX", along="t")
        )
    rows = tuple(row for each in found for row in each.rows)
    spent = [each.cost for each in found]
    cost = Cost(sum(c.seconds for c in spent), sum(c.encodings for c in spent), float("nan"))
    pooled = Evaluation(rows, summarize(rows, len(images)), None, cost)
    return _row("t98g_movie, 256 px windows", given, prompt, view, pooled)


def _movie(given: argparse.Namespace) -> tuple[NDArray[Any], NDArray[Any]]:
    images, labels = (
        _read(given.data / "t98g_movie" / name)[: given.frames]
        for name in ("images.tif", "masks_tracked.tif")
    )
    return images, labels


def _around(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return 256 rows and columns around a mask's middle, within the plane."""
    corners = [int(np.median(at)) - _WINDOW // 2 for at in np.nonzero(mask)]
    low = [min(max(0, c), n - _WINDOW) for c, n in zip(corners, mask.shape, strict=True)]
    return slice(low[0], low[0] + _WINDOW), slice(low[1], low[1] + _WINDOW)


def nuclei(given: argparse.Namespace, view: str) -> Row:
    """Follow nuclei from their middle slices through the volume, both ways."""
    folder = given.data / NUCLEI
    images, labels = (_read(folder / f"8_cell_stage_{name}.tif") for name in ("image", "masks"))
    settings = EvaluationSettings(
        prompt=LabelPromptKind.BOX,
        frame=PromptFrame.MIDDLE,
        view=ViewPolicy.parse(view),
        exclusion=given.exclusion,
        max_objects=given.max_objects,
    )
    found = evaluate(images, labels, given.predictor, settings, axes="ZYX", along="z")
    return _row(NUCLEI, given, "box", view, found)


def _row(name: str, given: argparse.Namespace, prompt: str, view: str, found: Evaluation) -> Row:
    volume, summary = name == NUCLEI, found.summary
    return {
        "data": name,
        "model": given.predictor.info.name,
        "input px": given.predictor.info.image_size,
        "prompt": prompt,
        "view": view,
        "objects": len({row.object_id for row in found.rows}),
        "frames": len({row.frame for row in found.rows}),
        "zoomed": found.cost.zoomed,
        "IoU": summary.iou,
        "Dice": summary.dice,
        "copied": summary.copied_dice if volume else summary.copied,
        "overrun slices": summary.overrun if volume else None,
        "TRA": None if found.tracks is None else found.tracks.tra,
        "identity swaps": None if found.tracks is None else found.tracks.switches,
        "encodings": found.cost.encodings,
        "seconds": found.cost.seconds,
    }


@cache
def _read(path: Path) -> NDArray[Any]:
    array: NDArray[Any] = tifffile.imread(path)
    return array


def _options() -> argparse.Namespace:
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--sets", nargs="+", default=["cells", "nuclei"])
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    options.add_argument("--dtype", default="auto", help="number format of the model")
    options.add_argument("--views", nargs="+", default=["auto", "zoom", "full"])
    options.add_argument("--prompts", nargs="+", default=["mask", "click"], choices=list(PROMPTS))
    options.add_argument("--no-exclusion", dest="exclusion", action="store_false")
    options.add_argument("--max-objects", type=int)
    options.add_argument("--frames", type=int, help="only so many frames of the movie")
    return options.parse_args()


def main() -> None:
    """Print one row for each set, prompt and view."""
    given = _options()
    use_threads(given.threads)
    from napari_sam2.inference.sam2_predictor import load_predictor

    given.predictor = load_predictor(given.model, given.device, dtype=given.dtype)
    rows = []
    if "cells" in given.sets:
        rows += [cells(given, p, v) for p, v in product(given.prompts, given.views)]
    if "windows" in given.sets:
        rows += [windows(given, p, v) for p, v in product(given.prompts, given.views)]
    if "nuclei" in given.sets:
        rows += [nuclei(given, view) for view in given.views]
    report(rows, given.csv)


if __name__ == "__main__":
    main()
