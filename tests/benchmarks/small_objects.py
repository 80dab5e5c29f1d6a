"""Small objects in a large frame: 40 touching nuclei of 24 px in a 2048 x 2048 movie.

    python -m tests.benchmarks.small_objects
    python -m tests.benchmarks.small_objects --frames 3 --objects 6 --views zoom full   # a trial

One row for each view: mean IoU over all later object-frames, image encodings and bytes read per
frame (predicted frames and the prompted one), time.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import napari_sam2
from napari_sam2.images.view import ViewPolicy
from napari_sam2.prompts.from_labels import LabelPromptKind, interior_point
from napari_sam2.prompts.types import MaskPrompt, PointPrompt, Prompt
from napari_sam2.session.settings import SessionSettings
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from tests.benchmarks.measuring import CountingArray, Row, label_ious, parser, report, use_threads
from tests.benchmarks.nuclei import clustered

SHAPE = (2048, 2048)


def prompts(truth: NDArray[Any], kind: LabelPromptKind) -> list[Prompt]:
    """Return one click or the mask of each object of a plane, on frame 0."""
    made: list[Prompt] = []
    for label in np.unique(truth[truth > 0]).tolist():
        mask = truth == label
        if kind is LabelPromptKind.MASK:
            made.append(MaskPrompt.of(label, 0, mask))
        else:
            y, x = interior_point(mask)
            made.append(PointPrompt(label, 0, (float(y), float(x))))
    return made


def measure(
    settings: SessionSettings,
    images: NDArray[Any],
    truth: NDArray[Any],
    kind: LabelPromptKind,
    predictor: Any,
) -> Row:
    """Segment the movie with one kind of view."""
    data = CountingArray(images)
    session = napari_sam2.open_session(
        data,
        prompts(truth[0], kind),
        axes="TYX",
        along="t",
        model=predictor,
        settings=settings,
    )
    encodings: Counter[int] = Counter()
    seen: Counter[str] = Counter()
    began, before = time.perf_counter(), 0
    for result in session.propagate(PropagationRequest(direction=PropagationDirection.FORWARD)):
        encodings[result.frame] += session.encodings - before
        before = session.encodings
        seen["full" if result.view is None else "zoom"] += 1
    seconds = time.perf_counter() - began
    assert session.labels is not None
    found = [
        iou
        for frame in range(1, len(images))
        for iou in label_ious(truth[frame], session.labels.read((frame,))).values()
    ]
    return {
        "model": predictor.info.name,
        "input px": predictor.info.image_size,
        "prompt": "mask" if kind is LabelPromptKind.MASK else "click",
        "view": str(settings.view),
        "objects": len(np.unique(truth[0])) - 1,
        "frames": len(images),
        "mean IoU": float(np.mean(found)),
        "zoomed": seen["zoom"] / max(sum(seen.values()), 1),
        "encodings per frame": sum(encodings.values()) / len(images),
        "most on a frame": max(encodings.values()),
        "MB read per frame": data.nbytes_read / len(images) / 1e6,
        "seconds": seconds,
    }


def copied(truth: NDArray[Any]) -> float:
    """Return the mean IoU of copying the first frame's masks."""
    later = [label_ious(frame, truth[0]) for frame in truth[1:]]
    return float(np.mean([iou for frame in later for iou in frame.values()]))


def main() -> None:
    """Print one row for each view and prompt."""
    options = parser(__doc__)
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    options.add_argument("--dtype", default="auto", help="number format of the model")
    options.add_argument("--views", nargs="+", default=["zoom", "auto", "full"])
    options.add_argument("--prompts", nargs="+", default=["click"], choices=["click", "mask"])
    options.add_argument("--no-exclusion", dest="exclusion", action="store_false")
    options.add_argument("--objects", type=int, default=40)
    options.add_argument("--clusters", type=int, default=6)
    options.add_argument("--frames", type=int, default=10)
    options.add_argument("--side", type=int, default=SHAPE[0])
    options.add_argument("--diameter", type=float, default=24)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    use_threads(given.threads)
    from napari_sam2.inference.sam2_predictor import load_predictor

    predictor = load_predictor(given.model, given.device, dtype=given.dtype)
    shape = (given.side, given.side)
    clusters = min(given.clusters, given.objects)
    nuclei = clustered(shape, given.objects, clusters, given.frames, given.diameter, given.seed)
    drawn = list(nuclei.movie(shape, given.seed))
    images, truth = (np.stack(planes) for planes in zip(*drawn, strict=True))
    kinds = {"click": LabelPromptKind.CENTER, "mask": LabelPromptKind.MASK}
    settings_of_views = [
        SessionSettings(view=ViewPolicy.parse(view), exclusion=given.exclusion)
        for view in given.views
    ]
    rows = [
        measure(settings, images, truth, kinds[kind], predictor)
        for kind in given.prompts
        for settings in settings_of_views
    ]
    report(rows, given.csv)
    steps = np.hypot(*np.diff(nuclei.centers, axis=0).reshape(-1, 2).T)
    print(f"\nCopying the first masks: IoU {copied(truth):.3f}. ", end="")
    print(f"Steps: {steps.mean():.1f} px on average, {steps.max():.1f} at most.")


if __name__ == "__main__":
    main()
