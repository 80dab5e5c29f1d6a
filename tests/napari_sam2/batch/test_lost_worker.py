"""A batch on worker processes, one of which is killed; the fake model saves their torch."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_sam2.batch.cluster import ClusterOptions
from napari_sam2.batch.job import BatchJob
from napari_sam2.batch.run import run_batch
from napari_sam2.batch.stacks import Shard, StackEntry
from napari_sam2.workflows.reporter import NullReporter, RunEnding
from tests.helpers.batch_files import BatchFiles, kill_workers, labels, processes_cluster
from tests.helpers.fakes import FakeEncoding, FakePredictor
from tests.helpers.run_folders import finished_masks

distributed = pytest.importorskip("distributed")
MODEL = {"model": "fake", "device": "cpu"}


class SlowPredictor(FakePredictor):
    """The fake model, slow enough that its process can be killed in the middle of a run."""

    def encode(self, image: NDArray[np.uint8]) -> FakeEncoding:
        time.sleep(0.03)
        return super().encode(image)


class UseSlowPredictor(distributed.WorkerPlugin):
    """Puts the fake model in the place of SAM 2 on a worker, which then needs no torch."""

    def setup(self, worker: Any) -> None:
        module = ModuleType("napari_sam2.inference.sam2_predictor")
        module.load_predictor = lambda *_, **__: SlowPredictor()  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module


def batch(files: BatchFiles, output: Path, address: str, names: set[str] | None = None) -> BatchJob:
    jobs = files.jobs(output, **MODEL)
    chosen = {name: job for name, job in jobs.items() if names is None or name in names}
    return BatchJob(jobs=chosen, folder=output, cluster=ClusterOptions(scheduler=address))


def kill_a_worker_in_the_middle(cluster: Any, output: Path) -> None:
    """Kill a worker when it has finished some frames of its stack."""
    folders = [output / f"s{number}.labels.tif.sam2" for number in range(6)]
    while sum(finished_masks(folder) >= 2 for folder in folders) < 2:
        time.sleep(0.02)
    kill_workers(cluster, 1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes with the slow model."""
    with processes_cluster(2) as started:
        with distributed.Client(started, set_as_default=False) as client:
            client.register_plugin(UseSlowPredictor())
        yield started


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_lost_worker_and_shards_change_no_voxel(tmp_path: Path, cluster: Any) -> None:
    files = BatchFiles(tmp_path / "in", count=6, frames=20).create()
    address = cluster.scheduler_address
    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill_a_worker_in_the_middle, cluster, tmp_path / "lost")
        outcome = run_batch(batch(files, tmp_path / "lost", address), NullReporter())
        killing.result()
    assert outcome.ending is RunEnding.DONE
    assert [stack.resumed for stack in outcome.stacks].count(True) >= 1
    found = labels(tmp_path / "lost")
    assert len(found) == 6

    stacks = [StackEntry(name=f"s{number}", source="") for number in range(6)]
    for shard in (Shard(0, 2), Shard(1, 2)):
        names = {stack.name for stack in shard.of(stacks)}
        part = batch(files, tmp_path / "shards", address, names)
        assert run_batch(part, NullReporter()).ending is RunEnding.DONE
    expected = labels(tmp_path / "shards")
    assert expected.keys() == found.keys()
    for name, image in expected.items():
        assert image.any()
        np.testing.assert_array_equal(found[name], image)
