"""Three axes and interpolated planes: Dice, IoU and processor time on real volumes.

    python -m tests.benchmarks.axis_fusion DATA
    python -m tests.benchmarks.axis_fusion DATA --volumes 1 --ways z z,y,x    # a trial

DATA is the folder that holds msd_hippocampus and mouse_embryo_nuclei. Objects are prompted by a
box on their middle slice. Every fourth slice of a volume makes one whose slices are four pixels
apart. Voxels of all slices count, also those of the prompted slice; figures are means over
objects, then over volumes. ``time`` is processor time as a ratio to that of ``z``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference.model_catalog import predictor_of
from napari_sam2.inference.protocol import Predictor
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import BoxPrompt
from napari_sam2.session.axis_fusion.fusion_run import AxisStores, FusionRun
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.volume_series.axis_run import SeriesParts
from napari_sam2.tracking.axis_fusion.plan import FusionPlan
from napari_sam2.tracking.resume_state import NullJournal
from tests.benchmarks.measuring import Row, label_ious, parser, report, use_threads

STEP = 4
"""Slices per kept slice of the volumes with interpolated planes."""
CHOICES = 2
"""Number of the first hippocampus volumes, on which the bound of the fused logits was chosen."""
AXES = ("z", "y", "x")
WAYS: Mapping[str, tuple[int, FusionPlan]] = {
    "z": (1, FusionPlan()),
    "z,y,x": (1, FusionPlan(AXES)),
    "every fourth slice: z": (STEP, FusionPlan()),
    "every fourth slice: z, interpolated": (STEP, FusionPlan(("z",), STEP)),
    "every fourth slice: z,y,x": (STEP, FusionPlan(AXES, 1, STEP)),
    "every fourth slice: z,y,x, interpolated": (STEP, FusionPlan(AXES, STEP, STEP)),
}
"""Slices per kept slice, and the plan of the run."""


@dataclass(frozen=True)
class Volume:
    """Images (Z, Y, X) with truth, which belong to a data set."""

    data_set: str
    image: NDArray[Any]
    labels: NDArray[Any]

    def every(self, step: int) -> Volume:
        """Return the volume of every few slices."""
        return Volume(self.data_set, self.image[::step], self.labels[::step])

    def boxes(self) -> Iterator[BoxPrompt]:
        """Yield a box around each object on the middle one of its slices."""
        for label in np.unique(self.labels[self.labels > 0]):
            inside = self.labels == label
            slices = np.flatnonzero(inside.any(axis=(1, 2)))
            middle = int(slices[len(slices) // 2])
            y, x = np.nonzero(inside[middle])
            low, high = (float(y.min()), float(x.min())), (float(y.max()) + 1, float(x.max()) + 1)
            yield BoxPrompt(int(label), middle, low, high)


def hippocampus(data: Path) -> Iterator[Volume]:
    """Yield volumes with two parts of a hippocampus each, without those used for choices."""
    folder = data / "msd_hippocampus"
    for path in sorted((folder / "images").glob("*.tif"))[CHOICES:]:
        truth = tifffile.imread(folder / "masks" / path.name)
        yield Volume(folder.name, tifffile.imread(path), truth)


def embryo(data: Path) -> Iterator[Volume]:
    """Yield the eight nuclei of a mouse embryo."""
    folder = data / "mouse_embryo_nuclei"
    image, labels = (
        np.squeeze(tifffile.imread(folder / f"8_cell_stage_{part}.tif"))
        for part in ("image", "masks")
    )
    yield Volume(folder.name, image, labels)


SETS = {"hippocampus": hippocampus, "embryo": embryo}


def follow(volume: Volume, plan: FusionPlan, predictor: Predictor) -> NDArray[Any]:
    """Return the labels (Z, Y, X) of a run."""
    stack = open_stack(volume.image, axes="ZYX", along="z")
    labels = LabelArray.create(None, stack)
    intensity, settings = choose_intensity(stack), SessionSettings()
    masks, drafts = MemoryMaskStore(), MemoryMaskStore()
    parts = SeriesParts(stack, predictor, intensity, settings, masks, drafts, labels)
    stores = {axis: AxisStores(MemoryMaskStore(), MemoryMaskStore()) for axis in plan.axes}
    prompts = PromptStore(volume.boxes(), axis="z")
    for _ in FusionRun(parts, plan, prompts, stores, NullJournal()).run(lambda: False):
        pass
    return np.asarray(labels.array[...])


def measure(volume: Volume, way: str, predictor: Predictor) -> tuple[float, float, float]:
    """Return the mean IoU and Dice of the objects, and the processor time in seconds."""
    step, plan = WAYS[way]
    thin = volume.every(step)
    start = time.process_time()
    found = follow(thin, plan, predictor)
    seconds = time.process_time() - start
    ious = np.array(list(label_ious(thin.labels, found).values()))
    return float(ious.mean()), float(np.mean(2 * ious / (1 + ious))), seconds


def rows(given: argparse.Namespace) -> Iterator[Row]:
    """Yield the means of each data set and way."""
    predictor = predictor_of(given.model, input_size=given.input)
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for volume in (v for name in given.sets for v in islice(SETS[name](given.data), given.volumes)):
        for way in given.ways:
            measured = measure(volume, way, predictor)
            found.setdefault((volume.data_set, way), []).append(measured)
            print(f"{volume.data_set} {volume.image.shape}, {way}: {measured}", flush=True)
    for (data_set, way), all_measured in found.items():
        iou, dice, seconds = np.mean(all_measured, axis=0)
        plain = "z" if WAYS[way][0] == 1 else "every fourth slice: z"
        base = np.mean(found.get((data_set, plain), all_measured), axis=0)[2]
        yield {
            "volumes": data_set,
            "number": len(all_measured),
            "way": way,
            "IoU": float(iou),
            "Dice": float(dice),
            "time": float(seconds / base),
        }


def main() -> None:
    """Print the table."""
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    options.add_argument("--volumes", type=int, default=6, help="volumes per set, at most")
    options.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    options.add_argument("--model", default="micro")
    options.add_argument("--input", type=int, help="side of the model's input in pixels")
    given = options.parse_args()
    use_threads(given.threads)
    report(list(rows(given)), given.csv)


if __name__ == "__main__":
    main()
