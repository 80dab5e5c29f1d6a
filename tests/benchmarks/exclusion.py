"""Neighbors with and without exclusion: two volumes of nuclei and a movie of cells.

    python -m tests.benchmarks.exclusion DATA
    python -m tests.benchmarks.exclusion DATA --sets movie --frames 6    # a trial

DATA is the folder that holds mouse_embryo_nuclei and t98g_movie. Nuclei are prompted by a box on
their middle slices and followed both ways; ``packed`` is a drawn volume of 60 touching nuclei. The
cells of the movie are prompted by their masks on the first frame and followed forward. *Overrun*
is the number of objects and frames without truth on which the object was drawn. ``--per-object``
prints the Dice and the overrun of each object.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tifffile
from numpy.typing import NDArray

from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.workflows.evaluation.evaluate import (
    Evaluation,
    EvaluationSettings,
    PromptFrame,
    evaluate,
)
from napari_sam2.workflows.evaluation.metrics import summarize
from tests.benchmarks.measuring import Row, markdown, parser, report, use_threads
from tests.benchmarks.packed_volume import packed_nuclei


class Clip(NamedTuple):
    """Images and truth, with how objects are prompted."""

    name: str
    images: NDArray[Any]
    labels: NDArray[Any]
    along: str
    prompt: LabelPromptKind
    frame: PromptFrame


def clips(given: argparse.Namespace) -> Iterator[Clip]:
    """Yield the chosen data sets."""
    middle = (LabelPromptKind.BOX, PromptFrame.MIDDLE)
    if "embryo" in given.sets:
        folder = given.data / "mouse_embryo_nuclei"
        images, labels = (
            tifffile.imread(folder / f"8_cell_stage_{name}.tif") for name in ("image", "masks")
        )
        yield Clip("mouse embryo", images, labels, "z", *middle)
    if "packed" in given.sets:
        images, labels = packed_nuclei((36, 120, 120), 60, 26, given.seed)
        yield Clip("packed nuclei", images, labels, "z", *middle)
    if "movie" in given.sets:
        folder = given.data / "t98g_movie"
        images, labels = (
            tifffile.imread(folder / name)[: given.frames]
            for name in ("images.tif", "masks_tracked.tif")
        )
        yield Clip("T98G movie", images, labels, "t", LabelPromptKind.MASK, PromptFrame.START)


def measure(given: argparse.Namespace, clip: Clip, exclusion: bool) -> Evaluation:
    """Segment a data set and compare it with its truth."""
    settings = EvaluationSettings(
        prompt=clip.prompt,
        frame=clip.frame,
        exclusion=exclusion,
        tracks=True,
        max_objects=given.max_objects,
    )
    axes = f"{clip.along.upper()}YX"
    return evaluate(
        clip.images, clip.labels, given.predictor, settings, axes=axes, along=clip.along
    )


def row(given: argparse.Namespace, clip: Clip, exclusion: bool, found: Evaluation) -> Row:
    """Return the row of the main table."""
    summary = found.summary
    assert found.tracks is not None
    return {
        "data": clip.name,
        "model": given.predictor.info.name,
        "exclusion": "on" if exclusion else "off",
        "objects": len({row.object_id for row in found.rows}),
        "frames": len(clip.images),
        "IoU": summary.iou,
        "Dice": summary.dice,
        "overrun": summary.overrun,
        "identity switches": found.tracks.switches,
        "encodings": found.cost.encodings,
    }


def per_object(clip: Clip, off: Evaluation, on: Evaluation) -> list[Row]:
    """Return a row for each object, without and with exclusion."""
    groups: dict[int, list[Any]] = defaultdict(list)
    for found in (off, on):
        for object_id in sorted({item.object_id for item in found.rows}):
            rows = [item for item in found.rows if item.object_id == object_id]
            groups[object_id].append(summarize(rows, len(clip.images)))
    return [
        {
            "data": clip.name,
            "object": object_id,
            "Dice off": without.dice,
            "Dice on": with_exclusion.dice,
            "overrun off": without.overrun,
            "overrun on": with_exclusion.overrun,
        }
        for object_id, (without, with_exclusion) in groups.items()
    ]


def main() -> None:
    """Print one row for each data set, without and with exclusion."""
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--sets", nargs="+", default=["embryo", "packed", "movie"])
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    options.add_argument("--dtype", default="auto", help="number format of the model")
    options.add_argument("--max-objects", type=int)
    options.add_argument("--frames", type=int, help="only so many frames of the movie")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--per-object", action="store_true")
    given = options.parse_args()
    use_threads(given.threads)
    from napari_sam2.inference.sam2_predictor import load_predictor

    given.predictor = load_predictor(given.model, given.device, dtype=given.dtype)
    rows, details = [], []
    for clip in clips(given):
        off, on = (measure(given, clip, exclusion) for exclusion in (False, True))
        rows += [row(given, clip, False, off), row(given, clip, True, on)]
        details += per_object(clip, off, on)
    report(rows, given.csv)
    if given.per_object:
        print(f"\n{markdown(details)}")


if __name__ == "__main__":
    main()
