"""Peak memory and time of ``napari-sam2 measure`` on a label volume that does not fit in memory.

``python -m tests.benchmarks.large_labels --gigabytes 20`` writes a Zarr volume of planes of 4096 x
4096 pixels with balls of 24 pixels radius, in compressed chunks of which most are empty, measures
it in a process of its own, and prints the peak. Volumes are compared with those that were written.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

SIDE, RADIUS, STEP = 4096, 24, 256
CHUNK = (16, 512, 512)


def ball() -> NDArray[np.bool_]:
    """Return the mask of one object."""
    z, y, x = np.ogrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    mask: NDArray[np.bool_] = z**2 + y**2 + x**2 <= RADIUS**2
    return mask


def write_labels(path: Path, planes: int) -> int:
    """Write the labels, uint16, and return the number of objects."""
    array = zarr.create_array(
        path,
        shape=(planes, SIDE, SIDE),
        chunks=CHUNK,
        dtype="uint16",
        fill_value=0,
        dimension_names=("z", "y", "x"),
        config={"write_empty_chunks": False},
    )
    mask, label = ball(), 0
    for z in range(0, planes - 2 * RADIUS, 64):
        for y in range(64, SIDE - 64, STEP):
            for x in range(64, SIDE - 64, 4 * STEP):
                label += 1
                part = tuple(slice(s, s + n) for s, n in zip((z, y, x), mask.shape, strict=True))
                array[part] = mask * np.uint16(label)
    return label


def measure(labels: Path, table: Path) -> tuple[int, float]:
    """Return the peak memory in bytes and the seconds of a measurement in its own process."""
    command = [sys.executable, "-m", "napari_sam2", "measure", str(labels), "--output", str(table)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"The measurement ended with code {process.returncode}.")
    scale = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * scale, time.monotonic() - began


def main() -> None:
    """Print peak memory, time and the largest error of a volume."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--folder", type=Path, help="where the volume is written")
    options = parser.parse_args()
    planes = max(2 * RADIUS + 2, round(options.gigabytes * 1e9 / (2 * SIDE**2)))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        labels, table = Path(folder) / "labels.zarr", Path(folder) / "table.csv"
        count = write_labels(labels, planes)
        stored = sum(file.stat().st_size for file in labels.rglob("*") if file.is_file())
        print(f"{planes * SIDE**2 * 2 / 1e9:.1f} GB of labels, {stored / 1e6:.0f} MB on disk")
        peak, seconds = measure(labels, table)
        with table.open(encoding="utf-8") as file:
            volumes = [float(row["volume"]) for row in csv.DictReader(file)]
        worst = max(abs(volume / ball().sum() - 1) for volume in volumes)
        print(f"{len(volumes)} of {count} objects, largest error of a volume {worst:.1%}")
        print(f"{peak / 1e9:.2f} GB of memory at most, {seconds:.0f} s")


if __name__ == "__main__":
    main()
