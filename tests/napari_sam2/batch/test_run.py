"""Batches on a cluster whose workers are threads of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from napari_sam2.batch import cluster, stack_task
from napari_sam2.batch import run as batch_run
from napari_sam2.batch.cluster import ClusterOptions, slurm_arguments
from napari_sam2.batch.job import BatchJob
from napari_sam2.batch.outcomes import StackState
from napari_sam2.batch.run import run_batch
from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.inference.remote.scheduler import connect_client
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.saved_sessions import create_saved_sessions
from napari_sam2.workflows.reporter import NullReporter, RunEnding
from napari_sam2.workflows.run import run_segmentation
from sam2_model.errors import SAM2Error
from tests.helpers.batch_files import BatchFiles, labels, threads_cluster
from tests.helpers.fakes import FakePredictor


class Messages(NullReporter):
    """Keeps all messages; with ``canceled`` cancels as soon as the stacks run, and sets it then."""

    def __init__(self, canceled: Event | None = None) -> None:
        self.texts: list[str] = []
        self._canceled = canceled

    def message(self, text: str) -> None:
        self.texts.append(text)

    @contextmanager
    def running(self, cancel: Any = None) -> Iterator[None]:
        if self._canceled is not None:
            cancel()
            self._canceled.set()
        yield


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The fake model, and the names of the models that were loaded."""
    loaded: list[str] = []

    def load(name: str, *_: Any, **__: Any) -> FakePredictor:
        loaded.append(name)
        if name == "missing":
            raise SAM2Error("There is no model missing. Download it.")
        return FakePredictor()

    monkeypatch.setattr(loading, "load_predictor", load)
    stack_task.forget_model()
    yield loaded
    stack_task.forget_model()


def batch(files: BatchFiles, scheduler: str, output: Path, **options: Any) -> BatchJob:
    fields = {"jobs": files.jobs(output, model="fake"), **options}
    return BatchJob(folder=output, cluster=ClusterOptions(scheduler=scheduler), **fields)


def test_all_stacks_equal_runs_of_their_own(
    files: BatchFiles, scheduler: str, tmp_path: Path, model: list[str]
) -> None:
    messages = Messages()
    outcome = run_batch(batch(files, scheduler, tmp_path / "out"), messages)
    assert outcome.ending is RunEnding.DONE
    assert [(s.name, s.state, s.objects, s.resumed) for s in outcome.stacks] == [
        (f"s{i}", StackState.DONE, 1, False) for i in range(3)
    ]
    # Both workers share the memory of this process, and one model is kept.
    assert model == ["fake"]
    assert "2 workers" in messages.texts[0]
    assert sum(text.startswith(("1/3", "2/3", "3/3")) for text in messages.texts) == 3
    (tmp_path / "alone").mkdir()
    for job in files.jobs(tmp_path / "alone").values():
        run_segmentation(job)
    expected, found = labels(tmp_path / "alone"), labels(tmp_path / "out")
    assert found.keys() == expected.keys()
    for name in found:
        assert found[name].any()
        np.testing.assert_array_equal(found[name], expected[name])
    assert all((tmp_path / "out" / f"s{i}.scores.csv").is_file() for i in range(3))
    assert outcome.table.is_file()
    assert outcome.page.is_file()


def test_a_stack_that_fails_does_not_stop_the_others(
    files: BatchFiles, scheduler: str, tmp_path: Path
) -> None:
    (files.folder / "s1.tif").write_bytes(b"no image")
    job = batch(files, scheduler, tmp_path / "out", left_out={"x.tif": "no prompts"})
    outcome = run_batch(job, NullReporter())
    assert outcome.ending is RunEnding.STOPPED_PART_WAY
    states = {s.name: s.state for s in outcome.stacks}
    assert states == {
        "s0": StackState.DONE,
        "s1": StackState.FAILED,
        "s2": StackState.DONE,
        "x.tif": StackState.LEFT_OUT,
    }
    assert "s1.tif" in outcome.stacks[1].message
    files.write("s1")
    resumed = run_batch(replace(job, resume=True), NullReporter())
    assert resumed.ending is RunEnding.DONE
    assert [s.resumed for s in resumed.stacks[:3]] == [True, False, True]
    assert [s.frames > 0 for s in resumed.stacks[:3]] == [False, True, False]


def test_an_error_of_the_program_fails_its_stack_only(
    files: BatchFiles, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []

    def segment(job: Any, *rest: Any, **options: Any) -> Any:
        if "s1" in str(job.source):
            attempts.append(job.source)
            raise ZeroDivisionError("by 0")
        return run_segmentation(job, *rest, **options)

    monkeypatch.setattr(stack_task, "run_segmentation", segment)
    outcome = run_batch(batch(files, scheduler, tmp_path / "out"), NullReporter())
    assert len(attempts) > 1
    assert [s.state for s in outcome.stacks] == [
        StackState.DONE,
        StackState.FAILED,
        StackState.DONE,
    ]
    assert "ZeroDivisionError: by 0. Run the batch again" in outcome.stacks[1].message


def test_existing_outputs_are_kept_unless_wanted(
    files: BatchFiles, scheduler: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "s1.labels.tif").write_bytes(b"mine")
    job = batch(files, scheduler, out)
    with pytest.raises(UserError, match="Outputs of s1 exist"):
        run_batch(job, NullReporter())
    assert [path.name for path in out.iterdir()] == ["s1.labels.tif"]
    with pytest.raises(UserError, match="not both"):
        run_batch(replace(job, resume=True, overwrite=True), NullReporter())
    outcome = run_batch(replace(job, overwrite=True), NullReporter())
    assert outcome.ending is RunEnding.DONE
    assert len(labels(out)) == 3


def test_an_output_folder_in_the_input_folder_is_refused(files: BatchFiles, scheduler: str) -> None:
    job = batch(files, scheduler, files.folder / "out", source=files.folder)
    with pytest.raises(UserError, match="would change the input folder"):
        run_batch(job, NullReporter())


def test_a_device_at_an_address_is_refused(
    files: BatchFiles, scheduler: str, tmp_path: Path
) -> None:
    jobs = files.jobs(tmp_path / "out", model="fake", device=scheduler)
    with pytest.raises(UserError, match=f"Give --scheduler {scheduler} instead of --device"):
        run_batch(batch(files, scheduler, tmp_path / "out", jobs=jobs), NullReporter())


def test_a_worker_without_the_model_is_named(
    files: BatchFiles, scheduler: str, tmp_path: Path
) -> None:
    jobs = files.jobs(tmp_path / "out", model="missing")
    with pytest.raises(UserError, match=r"tcp://127.*has no model missing.*Download it"):
        run_batch(batch(files, scheduler, tmp_path / "out", jobs=jobs), NullReporter())
    assert not (tmp_path / "out").exists()


def test_a_worker_with_another_version_is_named(
    files: BatchFiles, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_run, "__version__", "9.9")
    with pytest.raises(UserError, match=r"tcp://127.*this computer has 9\.9.*same version"):
        run_batch(batch(files, scheduler, tmp_path / "out"), NullReporter())


def test_a_worker_that_comes_later_with_another_version_fails_its_stacks(
    files: BatchFiles, tmp_path: Path
) -> None:
    [job, *_] = files.jobs(tmp_path).values()
    task = stack_task.StackTask(name="s0", job=job, version="9.9")
    outcome = stack_task.segment_locally(task, lambda: False)
    assert outcome.state is StackState.FAILED
    assert "this computer has 9.9" in outcome.message


def test_a_scheduler_that_is_not_there(files: BatchFiles, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "connect_client", partial(connect_client, timeout=0.3))
    with pytest.raises(UserError, match="No scheduler answers at tcp://127"):
        run_batch(batch(files, "tcp://127.0.0.1:9", tmp_path / "out"), NullReporter())


def test_workers_of_several_threads_are_refused(files: BatchFiles, tmp_path: Path) -> None:
    with (
        threads_cluster(1, threads=2) as started,
        pytest.raises(UserError, match=r"runs 2 tasks at once.*--nthreads 1"),
    ):
        run_batch(batch(files, started.scheduler_address, tmp_path / "out"), NullReporter())


def test_a_scheduler_without_workers(files: BatchFiles, tmp_path: Path) -> None:
    with threads_cluster(0) as started:
        address = started.scheduler_address
        job = batch(files, address, tmp_path / "out", wait_seconds=0.2)
        with pytest.raises(UserError, match=f"no worker .*dask worker {address}"):
            run_batch(job, NullReporter())


def test_a_canceled_batch_can_be_resumed(
    files: BatchFiles, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canceled = Event()

    def segment(*args: Any, **options: Any) -> Any:
        assert canceled.wait(60)
        return run_segmentation(*args, **options)

    monkeypatch.setattr(stack_task, "run_segmentation", segment)
    job = batch(files, scheduler, tmp_path / "out")
    outcome = run_batch(job, Messages(canceled))
    assert outcome.ending is RunEnding.INTERRUPTED
    waiting = [s for s in outcome.stacks if s.state is StackState.INTERRUPTED]
    assert waiting
    assert "--resume" in waiting[0].message
    assert run_batch(replace(job, resume=True), NullReporter()).ending is RunEnding.DONE


def test_the_prompts_of_a_session_are_used(
    files: BatchFiles, scheduler: str, tmp_path: Path
) -> None:
    sessions = create_saved_sessions(open_stack(files.folder / "s0.tif"), FakePredictor())
    sessions[()].prompts.add(PointPrompt(7, 0, (20, 20)))
    sessions.close()
    [(name, job), *_] = files.jobs(tmp_path / "out", model="fake").items()
    job = replace(job, prompts=files.folder / "s0-t.sam2-session")
    messages = Messages()
    outcome = run_batch(batch(files, scheduler, tmp_path / "out", jobs={name: job}), messages)
    assert outcome.ending is RunEnding.DONE
    assert set(np.unique(labels(tmp_path / "out")["s0.labels.tif"])) == {0, 7}
    assert any("not its contrast, settings and model" in text for text in messages.texts)


def test_clusters_exclude_each_other() -> None:
    with pytest.raises(UserError, match="Give one of"):
        ClusterOptions(scheduler="tcp://a:1", workers=2)
    with pytest.raises(UserError, match="at least 1"):
        ClusterOptions(workers=0)


def test_a_slurm_worker_runs_one_stack_on_all_cores_of_its_job(tmp_path: Path) -> None:
    path = tmp_path / "slurm.yaml"
    path.write_text(
        "jobs: 3\ncores: 8\nmemory: 32GB\nwalltime: 10:00:00\n"
        "job_script_prologue: [module load x]\n"
    )
    arguments = slurm_arguments(path)
    prologue = arguments.pop("job_script_prologue")
    assert "export OMP_NUM_THREADS=8" in prologue
    assert prologue[-1] == "module load x"
    assert arguments == {
        "jobs": 3,
        "job_cpu": 8,
        "cores": 1,
        "processes": 1,
        "memory": "32GB",
        "walltime": "10:00:00",
    }
    for text, message in (
        ("- a", "not a mapping"),
        ("cores: 2", "Add jobs"),
        ("jobs: 0", "Add jobs"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            slurm_arguments(path)
    path.write_text("jobs: 1\njob_script_prologue: x")
    with pytest.raises(UserError, match="is not a list"):
        slurm_arguments(path)
    path.write_text("jobs: 1\ncores: many")
    with pytest.raises(UserError, match="cores is not a number"):
        slurm_arguments(path)


def test_slurm_needs_its_command(
    files: BatchFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "slurm.yaml"
    path.write_text("jobs: 1\ncores: 1\nmemory: 1GB\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    job = BatchJob(jobs=files.jobs(tmp_path), folder=tmp_path, cluster=ClusterOptions(slurm=path))
    with pytest.raises(UserError, match="no command sbatch"):
        run_batch(job, NullReporter())
