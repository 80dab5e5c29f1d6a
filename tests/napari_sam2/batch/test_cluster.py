"""Clusters that are started for a batch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_sam2.batch.cluster import ClusterOptions, connect
from napari_sam2.batch.job import BatchJob
from napari_sam2.batch.run import run_batch
from napari_sam2.workflows.reporter import NullReporter, RunEnding
from tests.helpers.batch_files import BatchFiles, labels


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_slurm_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An sbatch that runs the script of a job at once stands for SLURM."""
    pytest.importorskip("dask_jobqueue")
    commands = tmp_path / "bin"
    commands.mkdir()
    # dask-jobqueue removes the script as soon as sbatch has returned.
    run = 'script=$(cat "$1")\nsh -c "$script" >/dev/null 2>&1 &\n'
    submit = f"#!/bin/sh\n{run}echo Submitted batch job 1\n"
    for name, script in (("sbatch", submit), ("scancel", "#!/bin/sh\n")):
        (commands / name).write_text(script)
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    config = tmp_path / "slurm.yaml"
    config.write_text(
        f"jobs: 1\ncores: 1\nmemory: 2GB\ninterface: lo\nlocal-directory: {tmp_path}\n"
    )
    files = BatchFiles(tmp_path / "in", count=1, frames=2).create()
    (tmp_path / "out").mkdir()
    jobs = files.jobs(tmp_path / "out", model="micro", device="cpu", input_size=128)
    job = BatchJob(jobs=jobs, folder=tmp_path / "out", cluster=ClusterOptions(slurm=config))
    outcome = run_batch(job, NullReporter())
    assert [stack.message for stack in outcome.stacks] == [""]
    assert outcome.ending is RunEnding.DONE
    assert labels(tmp_path / "out")["s0.labels.tif"].any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_workers_of_a_computer_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of a second batch, whatever the number of workers of the first one was."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    kinds = ("OMP", "MKL", "OPENBLAS")
    for kind in kinds:
        monkeypatch.delenv(f"{kind}_NUM_THREADS", raising=False)
    for workers, threads in ((1, "4"), (2, "2")):
        with connect(ClusterOptions(workers=workers)) as client:
            found = client.run(os.getenv, "OMP_NUM_THREADS")
        assert list(found.values()) == [threads] * workers
        assert not any(f"{kind}_NUM_THREADS" in os.environ for kind in kinds)
        assert not any(name.startswith("MALLOC_") for name in os.environ)
