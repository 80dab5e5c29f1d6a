"""Hundreds of cells found and tracked by one command: time, memory, and what was found.

    python -m tests.benchmarks.every_cell
    python -m tests.benchmarks.every_cell --cells 30 --frames 4      # a trial

Drawn nuclei wander and never touch. They are searched for on the first frame and every few frames
after it. The command runs in a process of its own, whose peak memory is given. A cell counts as
found if one object overlaps it with an IoU above 0.5 over all frames.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from typing import Any

import numpy as np
import tifffile

from napari_sam2.cli.app import run
from tests.benchmarks.measuring import (
    Row,
    in_own_process,
    label_ious,
    parser,
    peak_memory,
    report,
    use_threads,
)
from tests.benchmarks.newcomers import matches
from tests.benchmarks.nuclei import scattered


def segment(folder: str, model: str, every: int, threads: int | None) -> dict[str, Any]:
    """Find and track everything in the movie of a folder; return the time and memory it took."""
    use_threads(threads)
    began = time.perf_counter()
    code = run(
        [
            *("segment", f"{folder}/movie.tif", "--axes", "TYX", "--output", f"{folder}/l.tif"),
            *("--find", "everything", "--find-every", str(every), "--model", model),
        ]
    )
    seconds = time.perf_counter() - began
    return {"code": int(code), "seconds": seconds, "peak": peak_memory()}


def measure(given: Any) -> Row:
    """Return the row of one movie."""
    side = max(256, int(64 * math.sqrt(given.cells)))
    nuclei = scattered((side, side), given.cells, given.frames, given.diameter, 0)
    images, true = map(np.stack, zip(*nuclei.movie((side, side), 0), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        tifffile.imwrite(f"{folder}/movie.tif", images, metadata={"axes": "TYX"}, ome=False)
        task = {"model": given.model, "every": given.every, "threads": given.threads}
        done = in_own_process("tests.benchmarks.every_cell", {"folder": folder, **task})
        if done["code"]:
            raise SystemExit(f"The command ended with code {done['code']}.")
        found = tifffile.imread(f"{folder}/l.tif")
    pairs = matches(true, found)
    names = np.zeros(int(found.max()) + 1, true.dtype)
    names[list(pairs.values())] = list(pairs)
    ious = label_ious(true, names[found])
    return {
        "cells": given.cells,
        "frames": given.frames,
        "pixels": f"{side} x {side}",
        "objects": len(np.unique(found[found > 0])),
        "found": len(pairs),
        "IoU of found": float(np.mean([ious[label] for label in pairs])),
        "seconds": done["seconds"],
        "seconds an object and frame": done["seconds"] / max(given.cells * given.frames, 1),
        "peak MiB": done["peak"] / 2**20,
    }


def main() -> None:
    """Print the row of one movie."""
    if "--task" in sys.argv:
        task = json.loads(sys.argv[sys.argv.index("--task") + 1])
        print(json.dumps(segment(**task)))
        return
    options = parser(__doc__)
    options.add_argument("--cells", type=int, default=300)
    options.add_argument("--frames", type=int, default=12)
    options.add_argument("--diameter", type=float, default=24)
    options.add_argument("--every", type=int, default=6)
    options.add_argument("--model", default="micro")
    given = options.parse_args()
    report([measure(given)], given.csv)


if __name__ == "__main__":
    main()
