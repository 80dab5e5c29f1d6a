"""A run that resumes by itself after its worker was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import ConnectionLostError
from napari_sam2.inference.remote.connection import HostConnection
from napari_sam2.inference.remote.remote_predictor import RemotePredictor
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reconnection import MAX_RECONNECTIONS, run_through_losses
from napari_sam2.workflows.reporter import RecordingReporter, RunEnding
from napari_sam2.workflows.run import run_segmentation
from tests.helpers.batch_files import BatchFiles, processes_cluster, threads_cluster
from tests.helpers.fakes import FakePredictor

pytest.importorskip("distributed")
LOST = ConnectionLostError("The worker that tracked the objects was lost.")


def test_a_run_without_a_loss_is_run_once() -> None:
    reporter = RecordingReporter(None)
    resumed: list[bool] = []
    assert run_through_losses(lambda resumes: resumed.append(resumes) or "done", reporter) == "done"
    assert resumed == [False]
    assert reporter.messages == []


@pytest.mark.parametrize("new_frames", [False, True])
def test_losses_without_new_frames_end_the_run(new_frames: bool) -> None:
    reporter = RecordingReporter(None)
    resumed: list[bool] = []

    def run(resumes: bool) -> str:
        resumed.append(resumes)
        if len(resumed) > 20:
            return "done"
        reporter.progress("Segmenting", len(resumed) if new_frames else 5, 30)
        raise LOST

    if new_frames:
        assert run_through_losses(run, reporter) == "done"
        assert all("attempt 1 of" in text for text in reporter.messages)
        return
    with pytest.raises(ConnectionLostError):
        run_through_losses(run, reporter)
    assert resumed == [False] + [True] * MAX_RECONNECTIONS
    assert len(reporter.messages) == MAX_RECONNECTIONS
    assert f"attempt {MAX_RECONNECTIONS} of {MAX_RECONNECTIONS}" in reporter.messages[-1]


class Losing:
    """Reports nothing, and loses the worker after some frames."""

    def __init__(self, lose: Callable[[], object], after: tuple[int, ...]) -> None:
        self.lose = lose
        self.after = list(after)
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    @contextmanager
    def running(self, cancel: Callable[[], object] | None = None) -> Iterator[None]:
        yield

    def progress(self, stage: str, done: int, total: int | None) -> None:
        if self.after and done >= self.after[0]:
            self.after.pop(0)
            self.lose()


@pytest.fixture
def job(tmp_path: Path) -> SegmentationJob:
    files = BatchFiles(tmp_path / "in", count=1, frames=12).create()
    return files.jobs(tmp_path / "out")["s0"]


def expected(job: SegmentationJob) -> np.ndarray:
    """Return the labels of a run in this process."""
    local = replace(job, output=job.output.parent / "local.tif", scores=None)
    run_segmentation(local, load=lambda *_: FakePredictor())
    return np.asarray(tifffile.imread(local.output))


def lose_worker(cluster: Any, address: str, rest: int) -> None:
    name = next(n for n, w in cluster.workers.items() if w.address == address)
    cluster.sync(cluster.workers[name].close)
    del cluster.workers[name], cluster.worker_spec[name]
    cluster.scale(rest)


def test_a_run_goes_on_after_two_lost_workers(job: SegmentationJob) -> None:
    job.output.parent.mkdir()
    with threads_cluster(2) as cluster:
        found: list[str] = []
        connection = HostConnection(cluster.scheduler_address, FakePredictor, notify=found.append)
        reporter = Losing(lambda: lose_worker(cluster, connection.worker, 2), (4, 8))
        outcome = run_segmentation(job, reporter, load=lambda *_: RemotePredictor(connection))
        connection.close()
    assert outcome.ending is RunEnding.DONE
    assert len(found) == 2
    resumed = [text for text in outcome.messages if "resumes from its last checkpoint" in text]
    assert len(resumed) == 2
    assert all("attempt 1 of" in text for text in resumed)
    np.testing.assert_array_equal(tifffile.imread(job.output), expected(job))


def test_a_run_without_another_worker_ends_with_advice_and_is_resumed_by_hand(
    job: SegmentationJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.output.parent.mkdir()
    with threads_cluster(1) as cluster:
        address = cluster.scheduler_address
        connection = HostConnection(
            address, FakePredictor, notify=lambda _: None, worker_seconds=0.1
        )
        reporter = Losing(lambda: lose_worker(cluster, connection.worker, 0), (4,))
        outcome = run_segmentation(job, reporter, load=lambda *_: RemotePredictor(connection))
        assert outcome.ending is RunEnding.STOPPED_PART_WAY
        assert "Start one with dask worker" in outcome.error
        assert sum("attempt" in text for text in outcome.messages) == MAX_RECONNECTIONS
    again = run_segmentation(replace(job, resume=True), load=lambda *_: FakePredictor())
    assert again.ending is RunEnding.DONE
    np.testing.assert_array_equal(tifffile.imread(job.output), expected(job))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_bundled_model_on_a_process_that_is_killed(job: SegmentationJob) -> None:
    from functools import partial

    from napari_sam2.inference.model_catalog import predictor_of
    from tests.helpers.batch_files import kill_workers

    job.output.parent.mkdir()
    load = partial(predictor_of, "micro", "cpu", "float32", 128)
    with processes_cluster(1) as cluster:
        connection = HostConnection(
            cluster.scheduler_address, load, notify=lambda _: None, worker_seconds=120
        )
        reporter = Losing(lambda: kill_workers(cluster), (5,))
        outcome = run_segmentation(job, reporter, load=lambda *_: RemotePredictor(connection))
        connection.close()
    assert outcome.ending is RunEnding.DONE
    assert any("attempt 1 of" in text for text in outcome.messages)
    local = replace(job, output=job.output.parent / "local.tif", scores=None)
    run_segmentation(local, load=lambda *_: load())
    np.testing.assert_array_equal(tifffile.imread(job.output), tifffile.imread(local.output))
