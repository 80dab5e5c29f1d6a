"""Peak memory of a run on a stack of 8 GB, over 100 and over 300 frames.

``python tests/benchmarks/large_stack.py`` makes a 4,000 x 1024 x 1024 uint16 zarr (most of it
empty chunks, so that it takes little disk), segments one object, and prints the peak of each run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr

SHAPE = (4000, 1024, 1024)
LONGEST = 300


def make_stack(path: Path) -> None:
    """Write the stack; only frames that are used hold anything."""
    array = zarr.create_array(
        path, shape=SHAPE, chunks=(1, 1024, 1024), dtype="uint16", fill_value=100
    )
    rng = np.random.default_rng(0)
    noise = rng.integers(80, 140, SHAPE[1:], dtype=np.uint16)
    yy, xx = np.ogrid[: SHAPE[1], : SHAPE[2]]
    for frame in range(LONGEST):
        y, x = center(frame)
        plane = noise.copy()
        plane[(yy - y) ** 2 + (xx - x) ** 2 <= 60**2] += 900
        array[frame] = plane


def center(frame: int) -> tuple[float, float]:
    """Return where the object is: on a circle."""
    angle = frame / 40
    return 512 + 200 * float(np.sin(angle)), 512 + 200 * float(np.cos(angle))


def measure(folder: Path, frames: int, model: str, view: str) -> tuple[int, float]:
    """Return the peak memory in bytes, and the seconds, of a run in a process of its own."""
    y, x = center(0)
    asked = {"id": 1, "points": [{"frame": 0, "yx": [y, x], "label": 1}]}
    prompts = folder / "prompts.json"
    prompts.write_text(json.dumps({"version": 1, "axis": "t", "objects": [asked]}))
    command = [sys.executable, "-m", "napari_sam2", "segment", str(folder / "stack.zarr")]
    command += ["--axes", "TYX", "--prompts", str(prompts), "--overwrite", "--model", model]
    command += ["--output", str(folder / "labels.zarr"), "--range", f"0:{frames}", "--view", view]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"The run of {frames} frames ended with code {process.returncode}.")
    scale = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * scale, time.monotonic() - began


def main() -> None:
    """Print peak memory and time for each length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[100, LONGEST])
    parser.add_argument("--model", default="micro")
    parser.add_argument("--view", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_stack(Path(folder) / "stack.zarr")
        for frames in options.frames:
            peak, seconds = measure(Path(folder), frames, options.model, options.view)
            print(f"{frames} frames: {peak / 2**30:.2f} GiB at most, {seconds:.0f} s")


if __name__ == "__main__":
    main()
