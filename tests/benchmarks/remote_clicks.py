"""Time of a click on a worker of this computer, beside that of a model in the same process.

Run it from the root of the repository: ``python -m tests.benchmarks.remote_clicks``. Clicks of both
are made in turns, so that other programs slow down both.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from statistics import median

import numpy as np
from numpy.typing import NDArray

from napari_sam2.inference.model_catalog import predictor_of
from napari_sam2.inference.protocol import ImageEmbedding, Predictor, ViewPrompts
from napari_sam2.inference.remote.shared import connect_predictor
from tests.helpers.batch_files import processes_cluster

SIZES = (384, 1024)


def image(size: int) -> NDArray[np.uint8]:
    """Return a bright disc (size, size, 3)."""
    rows, columns = np.ogrid[:size, :size]
    disc = (rows - size / 2) ** 2 + (columns - size / 2) ** 2 < (size / 8) ** 2
    return np.repeat(np.where(disc, 200, 30).astype(np.uint8)[..., None], 3, axis=2)


def seconds_of_click(predictor: Predictor, embedding: ImageEmbedding, x: float) -> float:
    start = time.perf_counter()
    point = np.array([[embedding.shape[0] / 2, x]])
    predictor.predict(embedding, ViewPrompts(point, np.ones(1, np.int64)))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="micro")
    parser.add_argument("--clicks", type=int, default=40)
    options = parser.parse_args()
    load = partial(predictor_of, options.model)
    print("| image | local, ms | on a worker, ms | difference, ms |\n|---|---|---|---|")
    with processes_cluster(1) as cluster:
        far = connect_predictor(cluster.scheduler_address, load, worker_seconds=300)
        near = load()
        for size in SIZES:
            embeddings = [(each, each.encode(image(size))) for each in (near, far)]
            times = [
                [seconds_of_click(*pair, size / 2 + number % 20) for pair in embeddings]
                for number in range(options.clicks)
            ]
            here, there = (1000 * median(column) for column in zip(*times, strict=True))
            print(f"| {size} x {size} | {here:.1f} | {there:.1f} | {there - here:.1f} |")


if __name__ == "__main__":
    main()
