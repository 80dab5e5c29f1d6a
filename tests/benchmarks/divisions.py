"""Precision and recall of divisions in drawn movies whose cells are tracked by a model.

    python -m tests.benchmarks.divisions
    python -m tests.benchmarks.divisions --movies 1 --prompted founders    # a trial

Cells are prompted by their masks on their first frames and followed forward. With ``founders``
daughters are not prompted, so that a division shows only as a mask in parts; with ``all`` they
are, as if a search had found them. A division counts as found if it is of the right cell and at
most one frame off.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import ndimage

from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference.model_catalog import predictor_of
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import MaskPrompt
from napari_sam2.session.factory import create_session
from napari_sam2.tracking.division.detection import detect_divisions
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from tests.helpers.dividing_cells import DividingCells, dividing_cells


def image_of(cells: DividingCells, seed: int) -> np.ndarray:
    """Return a blurred, noisy image (T, H, W) of the cells."""
    bright = ndimage.gaussian_filter((cells.labels > 0) * 120.0, (0, 1, 1))
    noise = np.random.default_rng(seed).normal(0, 6, bright.shape)
    return np.clip(bright + noise + 40, 0, 255).astype(np.uint8)


def track(cells: DividingCells, image: np.ndarray, model: str, prompted: str) -> np.ndarray:
    """Return the labels of cells that were prompted on their first frames."""
    stack = open_stack(image, axes="TYX", along="t")
    prompts = PromptStore(axis="t")
    for cell in np.unique(cells.labels[cells.labels > 0]).tolist():
        if prompted == "founders" and cells.lineage.parent(cell) is not None:
            continue
        first = int(np.flatnonzero((cells.labels == cell).any((1, 2)))[0])
        prompts.add(MaskPrompt(cell, first, cells.labels[first] == cell))
    labels = LabelArray.create(None, stack, ids=prompts.objects())
    session = create_session(
        stack,
        predictor_of(model),
        intensity=Intensity(((0.0, 255.0),)),
        prompts=prompts,
        labels=labels,
    )
    for _ in session.propagate(PropagationRequest(direction=PropagationDirection.FORWARD)):
        pass
    return np.asarray(labels.array[...])


def main() -> None:
    """Print one row for each kind of prompts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--movies", type=int, default=3)
    parser.add_argument("--model", default="micro")
    parser.add_argument("--prompted", nargs="+", default=["founders", "all"])
    given = parser.parse_args()
    print("| prompted | divisions | found | wrong | precision | recall |")
    print("|---|---|---|---|---|---|")
    for prompted in given.prompted:
        total = right = reported = 0
        for seed in range(given.movies):
            cells = dividing_cells(seed)
            labels = track(cells, image_of(cells, seed), given.model, prompted)
            found = {d.parent: d.frame for d in detect_divisions(labels)}
            total, reported = total + len(cells.divisions), reported + len(found)
            frames = [(found.get(cell, -9), frame) for cell, frame in cells.divisions.items()]
            right += sum(abs(at - frame) <= 1 for at, frame in frames)
        precision, recall = right / max(reported, 1), right / max(total, 1)
        wrong = reported - right
        print(f"| {prompted} | {total} | {right} | {wrong} | {precision:.2f} | {recall:.2f} |")


if __name__ == "__main__":
    main()
