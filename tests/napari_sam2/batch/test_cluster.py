"""Clusters that are started for a batch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_sam2.batch.cluster import ClusterOptions
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
    submit = '#!/bin/sh\nsh "$1" >/dev/null 2>&1 &\necho Submitted batch job 1\n'
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
