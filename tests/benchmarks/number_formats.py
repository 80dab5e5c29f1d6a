"""Masks of each number format and input size, against float32 and against the ground truth.

``python -m tests.benchmarks.number_formats DATA`` follows objects from their true masks on one
frame: nuclei of a mouse embryo, cells of the T98G movie, and DAVIS sequences. *Same* is the mean
IoU with the masks of float32 over objects and frames, *lowest* the smallest such IoU of masks of
100 pixels and more, *time* processor time as a ratio to that of float32.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.measuring import label_ious, parser, report, use_threads

Labels = NDArray[np.integer]
_LARGE = 100


@dataclass(frozen=True)
class Case:
    """A stack, its true labels, and the frame on which the objects are prompted."""

    name: str
    images: NDArray[np.uint8]
    axes: str
    labels: Labels
    frame: int

    @property
    def prompts(self) -> Labels:
        """The true labels of the prompted frame; other frames are empty."""
        only = np.zeros_like(self.labels)
        only[self.frame] = self.labels[self.frame]
        return only


def cases(data: Path, cells: int, frames: int) -> Iterator[Case]:
    """Yield the stacks of a folder of public data sets."""
    from PIL import Image
    from tifffile import imread

    nuclei = data / "mouse_embryo_nuclei"
    images, labels = (imread(nuclei / f"8_cell_stage_{n}.tif") for n in ("image", "masks"))
    middle = int(np.argmax([len(np.unique(plane)) for plane in labels]))
    yield Case("mouse embryo", np.squeeze(images), "ZYX", np.squeeze(labels), middle)
    movie = data / "t98g_movie"
    images, labels = imread(movie / "images.tif"), imread(movie / "masks_tracked.tif")
    kept = np.unique(labels[0])[1 : cells + 1]
    labels = np.where(np.isin(labels, kept), labels, 0)[:frames]
    yield Case("T98G movie", images[:frames], "TYX", labels, 0)
    for sequence in sorted((data / "davis").iterdir()):
        if sequence.is_dir():
            pictures = sorted((sequence / "frames").glob("*.jpg"))[:frames]
            masks = sorted((sequence / "masks").glob("*.png"))[:frames]
            images = np.stack([np.asarray(Image.open(path)) for path in pictures])
            labels = np.stack([np.asarray(Image.open(path)) for path in masks])
            yield Case(f"DAVIS {sequence.name}", images, "TYXS", labels, 0)


def follow(case: Case, model: str, dtype: str, input_size: int | None) -> tuple[Labels, float]:
    """Return the labels of a case, and the processor time in seconds."""
    from napari_sam2 import load_predictor, segment

    predictor = load_predictor(model, "cpu", dtype=dtype, input_size=input_size)
    started = time.process_time()
    result = segment(case.images, case.prompts, case.axes, case.axes[0].lower(), predictor)
    return np.asarray(result), time.process_time() - started


def compare(expected: Labels, found: Labels, frame: int) -> list[tuple[float, int]]:
    """Return IoU and area of each object and frame but the prompted one."""
    pairs = []
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        ious = label_ious(one, other) if number != frame else {}
        pairs += [(iou, int((one == label).sum())) for label, iou in ious.items()]
    return pairs


def main() -> None:
    """Print the table."""
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--model", default="micro")
    options.add_argument("--formats", nargs="+", default=["float32", "mixed", "bfloat16"])
    options.add_argument("--input-sizes", nargs="*", type=int, default=[])
    options.add_argument("--cells", type=int, default=12)
    options.add_argument("--frames", type=int, default=30)
    given = options.parse_args()
    use_threads(given.threads)
    ways = [(dtype, None) for dtype in dict.fromkeys(("float32", *given.formats))]
    ways += [("float32", size) for size in given.input_sizes]
    rows = []
    for case in cases(given.data, given.cells, given.frames):
        exact, first = None, 0.0
        for dtype, size in ways:
            labels, seconds = follow(case, given.model, dtype, size)
            exact, first = (labels, seconds) if exact is None else (exact, first)
            same, true = (
                compare(exact, labels, case.frame),
                compare(case.labels, labels, case.frame),
            )
            large = [iou for iou, area in same if area >= _LARGE]
            rows.append(
                {
                    "data": case.name,
                    "format": dtype,
                    "input": size or "as trained",
                    "same": float(np.mean([iou for iou, _ in same])),
                    "lowest": min(large, default=float("nan")),
                    "IoU": float(np.mean([iou for iou, _ in true])),
                    "time": seconds / first,
                }
            )
    report(rows, given.csv)


if __name__ == "__main__":
    main()
