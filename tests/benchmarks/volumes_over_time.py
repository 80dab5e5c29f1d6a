"""Mean IoU of dividing nuclei in drawn series of volumes, followed along t and z, z, or t.

    python -m tests.benchmarks.volumes_over_time
    python -m tests.benchmarks.volumes_over_time --series 1 --cells 1 --side 64    # a trial

Daughters count as nuclei of their own. ``t,z`` has one click per nucleus, on its center where it
appears. ``z`` has one click per nucleus at every time point, ``t`` one per nucleus on every plane
of its first time point; ``z, same clicks`` has those of ``t,z``. Objects are followed forward in
time. The IoU of a nucleus is that of all its voxels at all time points.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from functools import partial

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
from napari_sam2.session.settings import SessionSettings
from napari_sam2.session.volume_series.axis_run import SeriesParts
from napari_sam2.session.volume_series.series_run import SeriesRun
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.tracking.resume_state import NullJournal
from tests.helpers.volume_series import NucleiSeries, dividing_nuclei

INTENSITY = Intensity(((0.0, 255.0),))
FORWARD = PropagationDirection.FORWARD
Click = tuple[int, int, int, tuple[float, float]]
"""Object, time point, depth, and (y, x)."""


def follow(series: NucleiSeries, predictor: Predictor) -> tuple[int, NDArray[np.uint16]]:
    """Return the number of clicks, and the labels (T, Z, Y, X) of a run along t and z."""
    stack = open_stack(series.image, axes="TZYX", along="z")
    masks, labels = MemoryMaskStore(), LabelArray.create(None, stack)
    drafts, settings = MemoryMaskStore(), SessionSettings()
    parts = SeriesParts(stack, predictor, INTENSITY, settings, masks, drafts, labels)
    prompts = load_series_prompts(series.prompts(), stack)
    for _ in SeriesRun(parts, prompts, NullJournal(), FORWARD).run(lambda: False):
        pass
    return len(series.nuclei), np.asarray(labels.array[...])


def propagate(
    series: NucleiSeries, along: str, clicks: Iterable[Click], predictor: Predictor
) -> tuple[int, NDArray[np.uint16]]:
    """Return the number of clicks, and the labels of separate runs along one axis."""
    clicks = tuple(clicks)
    labels = np.zeros(series.labels.shape, np.uint16)
    other = "t" if along == "z" else "z"
    for position in sorted({t if along == "z" else z for _, t, z, _ in clicks}):
        stack = open_stack(series.image, axes="TZYX", along=along, at={other: position})
        store = PromptStore(axis=along)
        for object_id, t, z, yx in clicks:
            if position == (t if along == "z" else z):
                store.add(PointPrompt(object_id, z if along == "z" else t, yx))
        part = labels[position] if along == "z" else labels[:, position]
        part[...] = run(stack, store, predictor, along)
    return len(clicks), labels


def run(stack: Stack, prompts: PromptStore, predictor: Predictor, along: str) -> NDArray[np.uint16]:
    """Return the labels (frames, Y, X) of one run."""
    labels = LabelArray.create(None, stack)
    session = create_session(stack, predictor, intensity=INTENSITY, prompts=prompts, labels=labels)
    direction = FORWARD if along == "t" else PropagationDirection.BOTH
    for _ in session.propagate(PropagationRequest(direction=direction)):
        pass
    return np.stack([labels.read(stack.index(frame)) for frame in range(stack.n_frames)])


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


def main() -> None:
    """Print one row for each way to follow the nuclei."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=3)
    parser.add_argument("--cells", type=int, default=9)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--model", default="micro")
    given = parser.parse_args()
    predictor = predictor_of(given.model)
    rows: dict[str, list[tuple[int, float, float]]] = {}
    for seed in range(given.series):
        shape = (given.times, given.depth, given.side, given.side)
        series = dividing_nuclei(seed, shape, given.cells)
        first = [(n.id, *n.click) for n in series.nuclei]
        ways = {
            "t,z": partial(follow, series, predictor),
            "z, same clicks": partial(propagate, series, "z", first, predictor),
            "z": partial(propagate, series, "z", clicks_at_every_time(series), predictor),
            "t": partial(propagate, series, "t", clicks_on_every_plane(series), predictor),
        }
        for name, way in ways.items():
            start = time.perf_counter()
            count, labels = way()
            seconds = time.perf_counter() - start
            rows.setdefault(name, []).append((count, mean_iou(series, labels), seconds))
            print(f"series {seed}, {name}: {rows[name][-1]}", flush=True)
    print("| along | clicks | mean IoU | seconds |")
    print("|---|---|---|---|")
    for name, found in rows.items():
        clicks, duration = (sum(row[i] for row in found) for i in (0, 2))
        iou = np.mean([row[1] for row in found])
        print(f"| {name} | {clicks} | {iou:.3f} | {duration:.0f} |")


if __name__ == "__main__":
    main()
