"""Mean IoU of dividing nuclei in drawn series of volumes, tracked along t and z, z, or t.

    python -m tests.benchmarks.volumes_over_time
    python -m tests.benchmarks.volumes_over_time --series 1 --cells 1 --side 64    # a trial
    python -m tests.benchmarks.volumes_over_time --seed 3 --series 1 --ways t,z

Daughters count as nuclei of their own. ``t,z`` has one click per nucleus, on its center where it
appears. ``z`` has one click per nucleus at every time point, ``t`` one per nucleus on every plane
of its first time point; ``z, same clicks`` has those of ``t,z``. Objects are followed forward in
time. The IoU of a nucleus is that of all its voxels at all time points. Encodings are images that
the network was shown, seconds are those of the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.inference.model_catalog import predictor_of
from napari_sam2.inference.protocol import Predictor
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.store import MemoryMaskStore
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.prompts.volume_series.series_prompts import load_series_prompts
from napari_sam2.session.factory import create_session
from napari_sam2.session.pipeline import make_feature_cache
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.volume_series.axis_run import SeriesParts
from napari_sam2.session.volume_series.series_run import SeriesRun
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.tracking.resume_state import NullJournal
from tests.benchmarks.measuring import parser, report, use_threads
from tests.helpers.volume_series import NucleiSeries, dividing_nuclei

INTENSITY = Intensity(((0.0, 255.0),))
FORWARD = PropagationDirection.FORWARD
Click = tuple[int, int, int, tuple[float, float]]
"""Object, time point, depth, and (y, x)."""


class Found(NamedTuple):
    """What the runs of one way found.

    Parameters
    ----------
    clicks, encodings : int
        Number of clicks that were given, and of images that were encoded.
    labels : NDArray[np.uint16]
        (T, Z, Y, X).
    """

    clicks: int
    encodings: int
    labels: NDArray[np.uint16]


def follow(series: NucleiSeries, predictor: Predictor) -> Found:
    """Return what a run along t and z found."""
    stack = open_stack(series.image, axes="TZYX", along="z")
    masks, labels = MemoryMaskStore(), LabelArray.create(None, stack)
    drafts, settings = MemoryMaskStore(), SessionSettings()
    cache = make_feature_cache(settings)
    parts = SeriesParts(stack, predictor, INTENSITY, settings, masks, drafts, labels, cache=cache)
    prompts = load_series_prompts(series.prompts(), stack)
    for _ in SeriesRun(parts, prompts, NullJournal(), FORWARD).run(lambda: False):
        pass
    return Found(len(series.nuclei), cache.encodings, np.asarray(labels.array[...]))


def propagate(
    series: NucleiSeries, along: str, clicks: Iterable[Click], predictor: Predictor
) -> Found:
    """Return what separate runs along one axis found."""
    clicks, encodings = tuple(clicks), 0
    labels = np.zeros(series.labels.shape, np.uint16)
    other = "t" if along == "z" else "z"
    for position in sorted({t if along == "z" else z for _, t, z, _ in clicks}):
        stack = open_stack(series.image, axes="TZYX", along=along, at={other: position})
        store = PromptStore(axis=along)
        for object_id, t, z, yx in clicks:
            if position == (t if along == "z" else z):
                store.add(PointPrompt(object_id, z if along == "z" else t, yx))
        part = labels[position] if along == "z" else labels[:, position]
        part[...], count = run(stack, store, predictor, along)
        encodings += count
    return Found(len(clicks), encodings, labels)


def run(
    stack: Stack, prompts: PromptStore, predictor: Predictor, along: str
) -> tuple[NDArray[np.uint16], int]:
    """Return the labels (frames, Y, X) of one run, and the number of encodings."""
    labels = LabelArray.create(None, stack)
    session = create_session(stack, predictor, intensity=INTENSITY, prompts=prompts, labels=labels)
    direction = FORWARD if along == "t" else PropagationDirection.BOTH
    for _ in session.propagate(PropagationRequest(direction=direction)):
        pass
    planes = [labels.read(stack.index(frame)) for frame in range(stack.n_frames)]
    return np.stack(planes), session.encodings


def clicks_at_every_time(series: NucleiSeries) -> Iterable[Click]:
    """Yield a click on the center of each nucleus at each time point."""
    for nucleus in series.nuclei:
        for t, (z, y, x) in enumerate(nucleus.centers, nucleus.first):
            if inside(series, nucleus.id, t, round(z), (y, x)):
                yield nucleus.id, t, round(z), (float(y), float(x))


def clicks_on_every_plane(series: NucleiSeries) -> Iterable[Click]:
    """Yield a click on the center of each nucleus on each of its planes where it appears."""
    for nucleus in series.nuclei:
        t, _, yx = nucleus.click
        for z in range(series.labels.shape[1]):
            if inside(series, nucleus.id, t, z, yx):
                yield nucleus.id, t, z, yx


def inside(series: NucleiSeries, object_id: int, t: int, z: int, yx: tuple[float, float]) -> bool:
    """Return whether a click lies on a nucleus."""
    _, depth, height, width = series.labels.shape
    y, x = round(yx[0]), round(yx[1])
    on_image = 0 <= z < depth and 0 <= y < height and 0 <= x < width
    return on_image and series.labels[t, z, y, x] == object_id


def mean_iou(series: NucleiSeries, labels: NDArray[np.uint16]) -> float:
    """Return the mean IoU of all nuclei over the whole series."""
    scores = []
    for nucleus in series.nuclei:
        truth, found = series.labels == nucleus.id, labels == nucleus.id
        scores.append(np.sum(truth & found) / np.sum(truth | found))
    return float(np.mean(scores))


def ways(series: NucleiSeries, predictor: Predictor) -> dict[str, Callable[[], Found]]:
    """Return what follows the nuclei in each way."""
    first = [(n.id, *n.click) for n in series.nuclei]
    return {
        "t,z": partial(follow, series, predictor),
        "z, same clicks": partial(propagate, series, "z", first, predictor),
        "z": partial(propagate, series, "z", clicks_at_every_time(series), predictor),
        "t": partial(propagate, series, "t", clicks_on_every_plane(series), predictor),
    }


def main() -> None:
    """Print one row for each way to follow the nuclei."""
    options = parser(__doc__)
    options.add_argument("--series", type=int, default=3)
    options.add_argument("--seed", type=int, default=0, help="seed of the first series")
    options.add_argument("--cells", type=int, default=9)
    options.add_argument("--times", type=int, default=10)
    options.add_argument("--depth", type=int, default=16)
    options.add_argument("--side", type=int, default=128)
    options.add_argument("--ways", nargs="+", help="ways to follow the nuclei; default: all")
    options.add_argument("--model", default="micro")
    given = options.parse_args()
    use_threads(given.threads)
    predictor = predictor_of(given.model)
    found: dict[str, list[tuple[int, float, int, float]]] = {}
    shape = (given.times, given.depth, given.side, given.side)
    for seed in range(given.seed, given.seed + given.series):
        series = dividing_nuclei(seed, shape, given.cells)
        for name, way in ways(series, predictor).items():
            if given.ways is None or name in given.ways:
                start = time.process_time()
                result = way()
                row = (result.clicks, mean_iou(series, result.labels), result.encodings)
                found.setdefault(name, []).append((*row, time.process_time() - start))
                print(f"series {seed}, {name}: {found[name][-1]}", flush=True)
    rows = [
        {
            "along": name,
            "clicks": sum(row[0] for row in measured),
            "mean IoU": float(np.mean([row[1] for row in measured])),
            "encodings": sum(row[2] for row in measured),
            "seconds": round(sum(row[3] for row in measured)),
        }
        for name, measured in found.items()
    ]
    report(rows, given.csv)


if __name__ == "__main__":
    main()
