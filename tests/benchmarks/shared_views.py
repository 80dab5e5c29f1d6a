"""Time of a run whose objects are shared out over workers, each with its own views.

Run it from the root of the repository: ``python -m tests.benchmarks.shared_views``. The fake model
waits for 50 ms where SAM 2 encodes, so that the result does not depend on the computer's cores.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference.remote.shared import connect_predictor
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.factory import create_session
from napari_sam2.session.settings import SessionSettings
from tests.helpers.batch_files import threads_cluster
from tests.helpers.fakes import FakeEncoding, FakePredictor
from tests.helpers.scenes import movie, straight

SIDE, SPACING, FRAMES = 1000, 240, 6
STARTS = [(y, x) for y in range(80, SIDE, SPACING) for x in range(80, SIDE, SPACING)]


class WaitingPredictor(FakePredictor):
    """The fake model, with the time of an encoder."""

    def encode(self, image: NDArray[np.uint8]) -> FakeEncoding:
        time.sleep(0.05)
        return super().encode(image)


def waiting_predictor() -> Any:
    """Return the fake model, which a worker loads."""
    return WaitingPredictor()


def seconds(address: str, workers: int) -> float:
    """Return the time of a run of all objects on some workers."""
    predictor = connect_predictor(f"{address}?workers={workers}", waiting_predictor)
    images = movie((SIDE, SIDE), [straight(start, (0, 1), FRAMES) for start in STARTS])
    session = create_session(
        open_stack(images, axes="TYX"),
        predictor,
        intensity=Intensity(((0.0, 255.0),)),
        settings=SessionSettings(group_size=4),
    )
    for number, start in enumerate(STARTS, 1):
        session.prompts.add(PointPrompt(number, 0, start))
    begin = time.perf_counter()
    for _ in session.propagate():
        pass
    return time.perf_counter() - begin


def main() -> None:
    """Print a row for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    print("| workers | seconds |\n|---|---|")
    with threads_cluster(max(given.workers)) as cluster:
        for workers in given.workers:
            print(f"| {workers} | {seconds(cluster.scheduler_address, workers):.1f} |")


if __name__ == "__main__":
    main()
