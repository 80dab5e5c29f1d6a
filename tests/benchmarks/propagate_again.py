"""Time of propagating an object again over encoded frames, and growth of memory with frames.

``python -m tests.benchmarks.propagate_again`` follows one disc over 20 frames: the first time,
again in the same session, and in another session that finds the features on disk. Then it
measures the resident memory of a longer run at two of its frames, each run in its own process.
Memory for features is filled before the first of these frames, so that growth is not the cache.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from tests.benchmarks.measuring import in_own_process, parser, report, use_threads

SIDE = 512
_CACHE_BYTES = 2**24


def movie(frames: int) -> NDArray[np.uint8]:
    """Return frames of a bright disc that moves on a circle over noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    planes = rng.integers(40, 70, (frames, SIDE, SIDE), dtype=np.uint8)
    for frame, plane in enumerate(planes):
        y, x = center(frame)
        plane[(rows - y) ** 2 + (columns - x) ** 2 <= 60**2] += 120
    return planes


def center(frame: int) -> tuple[float, float]:
    """Return where the disc is, as (y, x)."""
    angle = frame / 40
    return SIDE / 2 + 100 * float(np.sin(angle)), SIDE / 2 + 100 * float(np.cos(angle))


def open_on(planes: NDArray[np.uint8], predictor: Any, **settings: Any) -> Any:
    """Return a session on a movie with one click."""
    import napari_sam2

    prompts = [napari_sam2.PointPrompt(1, 0, center(0))]
    chosen = napari_sam2.SessionSettings(**settings)
    return napari_sam2.open_session(planes, prompts, axes="TYX", model=predictor, settings=chosen)


def load(task: dict[str, Any]) -> Any:
    """Return the predictor that a task names."""
    from napari_sam2 import load_predictor

    use_threads(task["threads"])
    sizes = {"input_size": task["input_size"]}
    return load_predictor(task["model"], task["device"], dtype=task["dtype"], **sizes)


def again(task: dict[str, Any]) -> Iterator[dict[str, object]]:
    """Yield the time and the encodings of each propagation over the same frames."""
    from napari_sam2.inference.features import folder

    predictor, planes = load(task), movie(task["frames"])
    with tempfile.TemporaryDirectory() as cache:
        vars(folder)["user_cache_path"] = lambda *_, **__: Path(cache)
        in_memory = {"cache_bytes": 2**33, "disk_cache_bytes": 2**33}
        session = open_on(planes, predictor, **in_memory)
        other = open_on(planes, predictor, cache_bytes=_CACHE_BYTES, disk_cache_bytes=2**33)
        first = None
        for name, used in (
            ("first", session),
            ("again, features in memory", session),
            ("another session, features on disk", other),
        ):
            before, started = used.encodings, time.perf_counter()
            for _ in used.propagate():
                pass
            seconds = time.perf_counter() - started
            first = first or seconds
            yield {
                "propagation": name,
                "encodings": used.encodings - before,
                "seconds": seconds,
                "share of the first": seconds / first,
            }


def growth(task: dict[str, Any]) -> dict[str, object]:
    """Return the resident memory of a run at two of its frames, in MiB."""
    early, late = task["early"], task["late"]
    planes, predictor = movie(late), load(task)
    session = open_on(planes, predictor, cache_bytes=_CACHE_BYTES)
    process, found = psutil.Process(os.getpid()), {}
    for done, _ in enumerate(session.propagate(), 1):
        if done in (early, late):
            found[done] = process.memory_info().rss / 2**20
    return {
        "frames": f"{early} and {late}",
        f"MiB at {early}": found[early],
        f"MiB at {late}": found[late],
        "ratio": found[late] / found[early],
    }


def main() -> None:
    """Print both tables."""
    options = parser(__doc__)
    options.add_argument("--model", default="micro")
    options.add_argument("--device", default="auto")
    options.add_argument("--dtype", default="auto")
    options.add_argument("--input-size", type=int)
    options.add_argument("--frames", type=int, default=20)
    options.add_argument("--early", type=int, default=60)
    options.add_argument("--late", type=int, default=240)
    options.add_argument("--task", type=json.loads, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.task is not None:
        found = list(again(given.task)) if given.task["again"] else growth(given.task)
        print(json.dumps(found))
        return
    task = {name: value for name, value in vars(given).items() if name not in ("csv", "task")}
    name = "tests.benchmarks.propagate_again"
    report(in_own_process(name, task | {"again": True}), given.csv)
    print()
    report([in_own_process(name, task | {"again": False})])


if __name__ == "__main__":
    main()
