"""Memory policies compared: quality and time on long generated clips and on real data.

    python -m tests.benchmarks.memory_policies DATA
    python -m tests.benchmarks.memory_policies DATA --input 256   # faster
    python -m tests.benchmarks.memory_policies DATA --sets fluorescence --frames 20   # a trial

DATA is the folder of the public data sets. The generated clips have 210 frames: similar objects
pass over each other and behind a large one, disappear, leave the image and return. Three objects
are followed from their true masks on the first frame, the others are distractors. DAVIS sequences
and the cells of t98g_movie are followed from their masks on the first frame, volumes from boxes on
the middle slices both ways.

``IoU`` is the mean over all objects and frames with truth, ``elsewhere`` counts masks that miss
their object but are not empty, ``overrun`` those on frames without the object. ``time`` is
processor time of the propagation as a ratio to that of the plain policy. The last rows are means
over all clips, each with equal weight.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_sam2.images.view import ViewMode, ViewPolicy
from napari_sam2.inference.protocol import MemoryPolicy
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.workflows.evaluation.evaluate import (
    Evaluation,
    EvaluationSettings,
    PromptFrame,
    evaluate,
)
from napari_sam2.workflows.reporter import NullReporter
from sam2_model.checkpoint import load_model, weights_hash
from sam2_model.tracker import TrackerSettings
from sam2_model.training.synthetic.generator import MovieSpec, Style, generate_movie
from sam2_model.training.synthetic.lifecycle import Lifecycle
from tests.benchmarks.measuring import Row, parser, report, use_threads

LIFECYCLE = Lifecycle(
    speed=0.12, hidden=0.6, longest_gap=0.12, occluder=True, crossing=True, drift=0.5
)
"""Objects that cross, hide for up to 25 frames, and drift out of the image and back."""
SEEDS = {
    "fluorescence": (Style.FLUORESCENCE, 9001),
    "phase contrast": (Style.PHASE_CONTRAST, 9002),
    "bright field": (Style.BRIGHT_FIELD, 9003),
}
SEQUENCES = ("blackswan", "camel", "car-shadow", "dog")
VOLUMES = ("hippocampus_001", "hippocampus_004", "hippocampus_006")
OBJECTS = 9
"""Number of objects on the first frame of a generated clip, without the large one."""
FULL = ViewPolicy(ViewMode.FULL)
FROM_MASKS = EvaluationSettings(LabelPromptKind.MASK, PromptFrame.START, tracks=True)
FROM_BOXES = EvaluationSettings(LabelPromptKind.BOX, PromptFrame.MIDDLE)


@dataclass(frozen=True)
class LabeledClip:
    """Images with truth, and how objects are prompted.

    Parameters
    ----------
    name : str
        Shown in the table.
    images, labels : ndarray
        Frames first.
    settings : EvaluationSettings
        Prompts and views.
    axes : str
        One letter per dimension of ``images``.
    """

    name: str
    images: NDArray[Any]
    labels: NDArray[Any]
    settings: EvaluationSettings
    axes: str = "TYX"


class ProcessorTime(NullReporter):
    """Measures the processor time of the propagation."""

    seconds = 0.0

    @contextmanager
    def running(self, cancel: Callable[[], object] | None = None) -> Iterator[None]:
        """Measure the time within the context."""
        started = time.process_time()
        yield
        self.seconds = time.process_time() - started


def generated(name: str, given: argparse.Namespace) -> LabeledClip:
    """Return a generated clip of which three objects are followed."""
    style, seed = SEEDS[name]
    spec = MovieSpec(style, 210, (224, 224), count=OBJECTS, radius=16.0, lifecycle=LIFECYCLE)
    made = generate_movie(spec, seed)
    # The last label is the large object that hides the others.
    labels = np.where(made.labels > OBJECTS, 0, made.labels)
    settings = replace(FROM_MASKS, view=FULL, max_objects=3)
    return LabeledClip(name, made.images, labels, settings, made.axes)


def davis(name: str, given: argparse.Namespace) -> LabeledClip:
    """Return a DAVIS sequence."""
    folder = given.data / "davis" / name
    frames, masks = (
        np.stack([np.asarray(Image.open(path)) for path in sorted((folder / part).iterdir())])
        for part in ("frames", "masks")
    )
    return LabeledClip(
        name, frames, (masks > 0).astype(np.uint8), replace(FROM_MASKS, view=FULL), "TYXC"
    )


def cells(name: str, given: argparse.Namespace) -> LabeledClip:
    """Return the movie of T98G cells, of which twelve are followed."""
    images, labels = (
        tifffile.imread(given.data / "t98g_movie" / part)
        for part in ("images.tif", "masks_tracked.tif")
    )
    return LabeledClip(name, images, labels, replace(FROM_MASKS, max_objects=12))


def nuclei(name: str, given: argparse.Namespace) -> LabeledClip:
    """Return the volume of a mouse embryo."""
    images, labels = (
        tifffile.imread(given.data / "mouse_embryo_nuclei" / f"8_cell_stage_{part}.tif")
        for part in ("image", "masks")
    )
    return LabeledClip(name, images, labels, FROM_BOXES, "ZYX")


def hippocampus(name: str, given: argparse.Namespace) -> LabeledClip:
    """Return a volume of a hippocampus with two labels."""
    images, labels = (
        tifffile.imread(given.data / "msd_hippocampus" / part / f"{name}.tif")
        for part in ("images", "masks")
    )
    return LabeledClip(name, images, labels, FROM_BOXES, "ZYX")


CLIPS: dict[str, Callable[[str, argparse.Namespace], LabeledClip]] = {
    **dict.fromkeys(SEEDS, generated),
    **dict.fromkeys(SEQUENCES, davis),
    "t98g_movie": cells,
    "mouse_embryo_nuclei": nuclei,
    **dict.fromkeys(VOLUMES, hippocampus),
}


def measure(clip: LabeledClip, given: argparse.Namespace) -> list[Row]:
    """Follow the objects of a clip with each policy."""
    rows: list[Row] = []
    plain = float("nan")
    for policy in map(MemoryPolicy, given.policies):
        clock = ProcessorTime()
        found = evaluate(
            clip.images[: given.frames],
            clip.labels[: given.frames],
            given.predictor,
            replace(clip.settings, memory=policy),
            axes=clip.axes,
            along=clip.axes[0].lower(),
            reporter=clock,
        )
        plain = clock.seconds if policy is MemoryPolicy.PLAIN else plain
        rows.append(_row(clip.name, policy, found, clock.seconds / plain))
        print(*rows[-1].values(), flush=True)
    return rows


def _row(name: str, policy: MemoryPolicy, found: Evaluation, ratio: float) -> Row:
    summary = found.summary
    missed = [r for r in found.rows if r.truth and r.predicted and not r.shared]
    return {
        "clip": name,
        "frames": len({row.frame for row in found.rows}),
        "objects": len({row.object_id for row in found.rows}),
        "policy": policy.value,
        "IoU": summary.iou,
        "J&F": summary.region_and_boundary,
        "Dice": summary.dice,
        "elsewhere": len(missed),
        "overrun": summary.overrun,
        "identity switches": None if found.tracks is None else found.tracks.switches,
        "time": ratio,
    }


def means(rows: list[Row], policies: list[str]) -> list[Row]:
    """Return a row of means for each policy; counts are sums."""
    found: list[Row] = []
    for policy in policies:
        own: list[Mapping[str, Any]] = [row for row in rows if row["policy"] == policy]
        totals: dict[str, object] = {"clip": "all", "frames": None, "objects": None}
        totals["policy"] = policy
        for name in ("IoU", "J&F", "Dice"):
            totals[name] = float(np.mean([row[name] for row in own]))
        for name in ("elsewhere", "overrun", "identity switches"):
            totals[name] = sum(row[name] or 0 for row in own)
        totals["time"] = float(np.mean([row["time"] for row in own]))
        found.append(totals)
    return found


def main() -> None:
    """Print one row for each clip and policy."""
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--model", default="micro")
    options.add_argument("--input", type=int, help="input size of the model in pixels")
    options.add_argument("--device", default="auto")
    options.add_argument("--dtype", default="auto", help="number format of the model")
    options.add_argument("--sets", nargs="+", default=list(CLIPS), choices=list(CLIPS))
    names = [policy.value for policy in MemoryPolicy]
    options.add_argument("--policies", nargs="+", default=names, choices=names)
    options.add_argument("--frames", type=int, help="only so many frames of each clip")
    given = options.parse_args()
    use_threads(given.threads)
    from napari_sam2.inference.sam2_predictor import MAX_CONDITIONING, SAM2Predictor

    network = load_model(
        given.model, device=given.device, dtype=given.dtype, image_size=given.input
    )
    given.predictor = SAM2Predictor(
        network,
        given.model,
        weights_hash(network),
        settings=TrackerSettings(max_conditioning=MAX_CONDITIONING),
    )
    rows = [row for name in given.sets for row in measure(CLIPS[name](name, given), given)]
    report([*rows, *means(rows, given.policies)], given.csv)


if __name__ == "__main__":
    main()
