"""Movies segmented without prompts: newcomers, divisions and tracking scores.

    python -m tests.benchmarks.newcomers
    python -m tests.benchmarks.newcomers --movies 1                   # a trial
    python -m tests.benchmarks.newcomers --data DATA --every 6        # a real movie instead

Drawn movies have cells that divide, appear, and enter and leave at the border. A cell that begins
after the first frame without a parent counts as found if the objects of the run include one that
overlaps it with an IoU above 0.5 over all frames. All other objects that begin later without a
parent are wrong. A division counts as found if it is of the right cell and at most one frame off.
*Begin* is the mean number of frames between the true and the found first frame of newcomers.

DATA holds t98g_movie, whose cells are tracked from frame 0 without prompts, and for comparison
from their true masks on the first frame of each cell.
"""

from __future__ import annotations

import tempfile
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from napari_sam2.candidates.candidate import CandidateLimits
from napari_sam2.candidates.target import EVERYTHING
from napari_sam2.core.lineage import Lineage
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.workflows.evaluation.ctc import track_scores
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.run import run_segmentation
from napari_sam2.workflows.tracking.divisions import DivisionMode
from tests.benchmarks.divisions import image_of
from tests.benchmarks.measuring import Row, parser, report, use_threads
from tests.helpers.dividing_cells import DividingCells, crossed_cells

Labels = NDArray[np.integer]
Spans = Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Found:
    """Labels of a run, the parents in them, and what it took."""

    labels: Labels
    lineage: Lineage
    seconds: float
    messages: tuple[str, ...]


def segment(
    images: NDArray[np.uint8],
    given: Namespace,
    divisions: DivisionMode = DivisionMode.OFF,
    prompts: Labels | None = None,
) -> Found:
    """Return what a run finds in a movie (T, H, W) without prompts, or from masks (T, H, W)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tifffile.imwrite(folder / "movie.tif", images, metadata={"axes": "TYX"}, ome=False)
        table = folder / "lineage.csv" if divisions is DivisionMode.AUTO else None
        if prompts is not None:
            tifffile.imwrite(folder / "masks.tif", prompts, metadata={"axes": "TYX"}, ome=False)
        searched = prompts is None
        began = time.perf_counter()
        outcome = run_segmentation(
            SegmentationJob(
                source=folder / "movie.tif",
                output=folder / "labels.tif",
                axes="TYX",
                model=given.model,
                device=given.device,
                prompts=None if searched else folder / "masks.tif",
                labels_axes=None if searched else "TYX",
                direction=PropagationDirection.BOTH if searched else PropagationDirection.FORWARD,
                find=EVERYTHING if searched else None,
                find_every=given.every if searched else None,
                limits=CandidateLimits(
                    min_score=given.min_score, min_area=given.min_size, max_area=given.max_size
                ),
                divisions=divisions,
                lineage=table,
            )
        )
        seconds = time.perf_counter() - began
        links = {} if table is None else parents_of(table)
        labels = tifffile.imread(folder / "labels.tif")
    return Found(labels, Lineage(links), seconds, outcome.messages)


def parents_of(table: Path) -> dict[int, int]:
    """Return the parent of each daughter in a table of the lineage."""
    rows = pd.read_csv(table).dropna()[["id", "parent"]].astype(int)
    return dict(rows.itertuples(index=False, name=None))


def spans(labels: Labels) -> dict[int, tuple[int, int]]:
    """Return the first and last frame of each label."""
    found: dict[int, tuple[int, int]] = {}
    for frame, plane in enumerate(labels):
        for label in np.unique(plane[plane > 0]).tolist():
            found[label] = (found.get(label, (frame, frame))[0], frame)
    return found


def matches(true: Labels, found: Labels) -> dict[int, int]:
    """Return the found label of each true one with an IoU above 0.5 over all frames."""
    size = int(found.max()) + 1
    pairs = np.bincount((true.astype(np.int64) * size + found).ravel())
    table = np.resize(np.pad(pairs, (0, -len(pairs) % size)), (-(-len(pairs) // size), size))
    union = table.sum(1)[:, None] + np.bincount(found.ravel(), minlength=size)[None] - table
    above = np.argwhere(table[1:, 1:] > 0.5 * union[1:, 1:]) + 1
    return {int(one): int(other) for one, other in above}


def newcomers(labels: Labels, lineage: Lineage) -> dict[int, int]:
    """Return the first frame of all labels that begin after frame 0 without a parent."""
    begins = {label: first for label, (first, _) in spans(labels).items()}
    return {o: first for o, first in begins.items() if first and lineage.parent(o) is None}


def divisions(labels: Labels, lineage: Lineage) -> dict[int, int]:
    """Return the first frame of the daughters of each parent."""
    begins = spans(labels)
    found: dict[int, int] = {}
    for daughter, parent in lineage.parents.items():
        found[parent] = min(begins[daughter][0], found.get(parent, len(labels)))
    return found


def compare(cells: DividingCells, found: Found) -> dict[str, float]:
    """Return the numbers of true, found and wrong newcomers and divisions, and their errors."""
    pairs = matches(cells.labels, found.labels)
    true, new = newcomers(cells.labels, cells.lineage), newcomers(found.labels, found.lineage)
    right = [(first, new[pairs[o]]) for o, first in true.items() if pairs.get(o) in new]
    divided = divisions(found.labels, found.lineage)
    dated = [(frame, divided.get(pairs.get(o, 0), -9)) for o, frame in cells.divisions.items()]
    correct = sum(abs(a - b) <= 1 for a, b in dated)
    return {
        "newcomers": len(true),
        "found": len(right),
        "wrong": len(new) - len(right),
        "late": float(sum(abs(a - b) for a, b in right)),
        "divisions": len(dated),
        "divided": correct,
        "not divided": len(divided) - correct,
        "seconds": found.seconds,
    }


def drawn_rows(given: Namespace) -> list[Row]:
    """Return one row for the drawn movies."""
    total: dict[str, float] = {}
    for seed in range(given.movies):
        cells = crossed_cells(seed)
        found = segment(image_of(cells, seed), given, DivisionMode.AUTO)
        for name, value in compare(cells, found).items():
            total[name] = total.get(name, 0) + value
        print(*found.messages[-8:], sep="\n", flush=True)
    rows: list[Row] = []
    for kind, right, wrong in (
        ("newcomers", "found", "wrong"),
        ("divisions", "divided", "not divided"),
    ):
        row = {
            "events": kind,
            "true": int(total[kind]),
            "found": int(total[right]),
            "wrong": int(total[wrong]),
            "precision": total[right] / max(total[right] + total[wrong], 1),
            "recall": total[right] / max(total[kind], 1),
            "begin": total["late"] / max(total["found"], 1) if kind == "newcomers" else None,
            "seconds a movie": total["seconds"] / given.movies,
        }
        rows.append(row)
    return rows


def real_rows(given: Namespace) -> list[Row]:
    """Return one row for each start of a real movie."""
    folder = given.data / "t98g_movie"
    images = tifffile.imread(folder / "images.tif")[: given.frames]
    true = tifffile.imread(folder / "masks_tracked.tif")[: given.frames]
    rows: list[Row] = []
    starts = {"found": f"found, every {given.every} frames", "masks": "true masks"}
    for start in given.starts:
        prompts = first_masks(true) if start == "masks" else None
        found = segment(images, given, prompts=prompts)
        print(*found.messages, sep="\n", flush=True)
        scores = track_scores(true, found.labels)
        row = {
            "start": starts[start],
            "objects": len(spans(found.labels)),
            "true": len(spans(true)),
            "SEG": scores.seg,
            "TRA": scores.tra,
            "DET": scores.det,
            "identity switches": scores.switches,
            "seconds": found.seconds,
        }
        rows.append(row)
    return rows


def first_masks(labels: Labels) -> Labels:
    """Return the labels (T, H, W) with the mask of each only on its first frame."""
    masks = np.zeros_like(labels)
    for label, (first, _) in spans(labels).items():
        masks[first][labels[first] == label] = label
    return masks


def main() -> None:
    """Print one row for each kind of event, or for each start of a real movie."""
    options = parser(__doc__)
    options.add_argument("--data", type=Path)
    options.add_argument("--movies", type=int, default=3)
    options.add_argument("--frames", type=int, help="only so many frames of the real movie")
    options.add_argument(
        "--starts", nargs="+", choices=("found", "masks"), default=["found", "masks"]
    )
    options.add_argument("--every", type=int, default=4)
    options.add_argument("--min-score", type=float, default=CandidateLimits().min_score)
    options.add_argument("--min-size", type=float, default=CandidateLimits().min_area)
    options.add_argument("--max-size", type=float, default=CandidateLimits().max_area)
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    given = options.parse_args()
    use_threads(given.threads)
    report(drawn_rows(given) if given.data is None else real_rows(given), given.csv)


if __name__ == "__main__":
    main()
