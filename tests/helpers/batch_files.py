"""Small stacks with prompts in one folder, and dask clusters on the loopback address."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_sam2.batch.cluster import worker_environment
from napari_sam2.workflows.job import SegmentationJob
from tests.helpers.scenes import movie, straight

LOOPBACK = "127.0.0.1"


@contextmanager
def threads_cluster(workers: int, threads: int = 1) -> Iterator[Any]:
    """Start a cluster whose workers are threads of this process."""
    import dask
    from distributed import LocalCluster

    # A task that asks for its client makes it the default one of the process.
    with dask.config.set(scheduler="threads"):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=False,
            host=LOOPBACK,
            protocol="tcp://",
            dashboard_address=f"{LOOPBACK}:0",
            worker_dashboard_address=f"{LOOPBACK}:0",
        )
        with cluster:
            yield cluster


@contextmanager
def processes_cluster(workers: int) -> Iterator[Any]:
    """Start a cluster whose workers are processes, which are started again when they are lost."""
    from distributed import LocalCluster

    # Sums of floats depend on the number of threads.
    with worker_environment(1):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=LOOPBACK,
            dashboard_address=f"{LOOPBACK}:0",
            worker_dashboard_address=f"{LOOPBACK}:0",
            silence_logs=logging.CRITICAL,
        )
        with cluster:
            yield cluster


def kill_workers(cluster: Any, count: int | None = None) -> None:
    """Kill some workers of a cluster of processes, or all."""
    from distributed import Client

    with Client(cluster, set_as_default=False) as client:
        found = list(client.run(os.getpid).values())
    for pid in found[:count]:
        os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class BatchFiles:
    """Stacks ``s0.tif``, ``s1.tif``, ... of one moving disc each, with a click on the disc."""

    folder: Path
    count: int = 3
    frames: int = 6

    def create(self) -> BatchFiles:
        self.folder.mkdir()
        for number in range(self.count):
            self.write(f"s{number}", start=(20 + number, 20))
        return self

    def write(self, name: str, start: tuple[int, int] = (20, 20)) -> None:
        images = movie((64, 80), [straight(start, (1, 2), self.frames)])
        tifffile.imwrite(self.folder / f"{name}.tif", images, metadata={"axes": "TYX"})
        point = {"frame": 0, "yx": list(start), "label": 1}
        prompts = {"version": 1, "axis": "t", "objects": [{"id": 1, "points": [point]}]}
        (self.folder / f"{name}.prompts.json").write_text(json.dumps(prompts))

    def jobs(self, output: Path, **options: Any) -> dict[str, SegmentationJob]:
        """Return the job of each stack, with labels in a folder."""
        return {
            f"s{number}": SegmentationJob(
                source=str(self.folder / f"s{number}.tif"),
                prompts=self.folder / f"s{number}.prompts.json",
                output=output / f"s{number}.labels.tif",
                scores=output / f"s{number}.scores.csv",
                **options,
            )
            for number in range(self.count)
        }


def labels(folder: Path) -> dict[str, np.ndarray]:
    """Return the labels in a folder by name."""
    return {path.name: tifffile.imread(path) for path in sorted(folder.glob("*.labels.tif"))}
