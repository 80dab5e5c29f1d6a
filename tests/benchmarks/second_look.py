"""What a second, closer look brings: generated pictures of 1024 x 1024 pixels, true boxes.

    python -m tests.benchmarks.second_look
    python -m tests.benchmarks.second_look --side 256 --objects 3 --views full   # a trial

Fluorescence, phase contrast and bright field, objects of 7 and of 15 pixels radius. One row for
each view of the first look: mean IoU with the truth before and after, and what came of the looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops

import napari_sam2
from napari_sam2.images.view import ViewPolicy
from napari_sam2.inference.refinement import RefinementOutcome
from napari_sam2.prompts.types import BoxPrompt
from napari_sam2.session.settings import SessionSettings
from sam2_model.training.synthetic.appearance import Style
from sam2_model.training.synthetic.lifecycle import Lifecycle
from sam2_model.training.synthetic.scene_generator import ObjectCount, draw_scene
from tests.benchmarks.measuring import Row, label_ious, parser, report, use_threads

STYLES = (Style.FLUORESCENCE, Style.PHASE_CONTRAST, Style.BRIGHT_FIELD)
RADII = (7.0, 15.0)


def pictures(side: int, objects: int, seed: int) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield gray pictures and their labels."""
    for style in STYLES:
        for radius in RADII:
            rng = np.random.default_rng((seed, STYLES.index(style), int(radius)))
            count = ObjectCount(objects, radius)
            values, labels = draw_scene(style, rng, 1, Lifecycle(), (side, side), count).render()
            yield (values[0, ..., 0].clip(0, 1) * 255).astype(np.uint8), labels[0]


def boxes(truth: NDArray[Any]) -> list[BoxPrompt]:
    """Return the true box of every object of a plane."""
    found = ((region.label, region.bbox) for region in regionprops(truth))
    return [BoxPrompt(label, 0, (y0, x0), (y1, x1)) for label, (y0, x0, y1, x1) in found]


def looked_twice(
    view: str, image: NDArray[Any], truth: NDArray[Any], predictor: Any
) -> tuple[list[float], list[float], Counter[RefinementOutcome]]:
    """Return each object's IoU before and after the second look, and what came of it."""
    session = napari_sam2.open_session(
        image[None],
        boxes(truth),
        axes="TYX",
        along="t",
        model=predictor,
        settings=SessionSettings(view=ViewPolicy.parse(view)),
    )
    list(session.propagate())
    assert session.labels is not None
    before = label_ious(truth, session.labels.read((0,)))
    outcomes = Counter(refined.outcome for refined in session.refine_track())
    after = label_ious(truth, session.labels.read((0,)))
    return list(before.values()), list(after.values()), outcomes


def measure(view: str, side: int, objects: int, seed: int, predictor: Any) -> Row:
    """Look twice at all pictures."""
    before: list[float] = []
    after: list[float] = []
    outcomes: Counter[RefinementOutcome] = Counter()
    for image, truth in pictures(side, objects, seed):
        first, second, what = looked_twice(view, image, truth, predictor)
        before, after, outcomes = before + first, after + second, outcomes + what
    return {
        "model": predictor.info.name,
        "first look": view,
        "objects": len(before),
        "before": float(np.mean(before)),
        "after": float(np.mean(after)),
    } | {outcome.value: outcomes[outcome] for outcome in RefinementOutcome}


def main() -> None:
    """Print one row for each view."""
    options = parser(__doc__)
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    options.add_argument("--dtype", default="auto", help="number format of the model")
    options.add_argument("--views", nargs="+", default=["full", "auto"])
    options.add_argument("--objects", type=int, default=10, help="of a picture")
    options.add_argument("--side", type=int, default=1024)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    use_threads(given.threads)
    from napari_sam2.inference.sam2_predictor import load_predictor

    predictor = load_predictor(given.model, given.device, dtype=given.dtype)
    rows = [measure(view, given.side, given.objects, given.seed, predictor) for view in given.views]
    report(rows, given.csv)


if __name__ == "__main__":
    main()
