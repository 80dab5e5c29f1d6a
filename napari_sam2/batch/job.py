"""The stacks of a batch and their outputs, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.batch.cluster import ClusterOptions
from napari_sam2.batch.session_prompts import write_session_prompts
from napari_sam2.batch.stacks import listed
from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination
from napari_sam2.images.input_files import check_outside
from napari_sam2.inference.remote.scheduler import is_address
from napari_sam2.session.storage.session_folder import SessionFolder

if TYPE_CHECKING:
    from napari_sam2.workflows.job import SegmentationJob
    from napari_sam2.workflows.reporter import Reporter

_WORKER_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class BatchJob:
    """Stacks to segment, and where.

    Parameters
    ----------
    jobs : mapping
        The segmentation of each stack by its name. All outputs lie in ``folder``.
    folder : Path
        Where the reports are written.
    source : Path or None
        The folder of the stacks, which no output may change; None if they lie anywhere.
    report : str
        Name of the reports, without an ending.
    left_out : mapping
        What is not segmented, and why; it is listed in the report.
    cluster : ClusterOptions
        Where the tasks run.
    resume : bool
        Resume earlier runs; stacks that are done are not computed again.
    overwrite : bool
        Delete earlier outputs first.
    wait_seconds : float
        Longest time that the first worker may take to start; SLURM jobs may wait in a queue.
    """

    jobs: Mapping[str, SegmentationJob]
    folder: Path
    source: Path | None = None
    report: str = "report"
    left_out: Mapping[str, str] = field(default_factory=dict)
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    resume: bool = False
    overwrite: bool = False
    wait_seconds: float = _WORKER_SECONDS


def check_outputs(batch: BatchJob) -> None:
    """Check that outputs are free, or are to be resumed or overwritten, and the device.

    Raises
    ------
    UserError
        If this is not so.
    """
    if batch.resume and batch.overwrite:
        raise UserError("Give --resume or --overwrite, not both.")
    if batch.source is not None:
        check_outside(batch.folder, batch.source)
    for job in batch.jobs.values():
        if is_address(job.device):
            raise UserError(
                f"A batch runs on the workers of its cluster. Give --scheduler {job.device} "
                "instead of --device."
            )
    outputs = {name: OutputDestination.parse(job.output) for name, job in batch.jobs.items()}
    if batch.overwrite:
        for output in outputs.values():
            output.check_removable()
        return
    taken = [name for name, output in outputs.items() if output.existing()]
    if taken and not batch.resume:
        raise UserError(
            f"Outputs of {listed(taken)} exist in {batch.folder}. Choose another folder, or give "
            "--resume or --overwrite."
        )


def started(batch: BatchJob, reporter: Reporter) -> BatchJob:
    """Return the batch with prompts of sessions in files; earlier outputs are deleted if wanted."""
    if batch.overwrite:
        _remove_outputs(batch)
    batch.folder.mkdir(parents=True, exist_ok=True)
    jobs = {name: _with_prompts(name, job, batch, reporter) for name, job in batch.jobs.items()}
    return replace(batch, jobs=jobs)


def _with_prompts(
    name: str, job: SegmentationJob, batch: BatchJob, reporter: Reporter
) -> SegmentationJob:
    session = job.prompts
    if session is None or not SessionFolder.exists(session):
        return job
    reporter.message(
        f"{name}: the prompts of {session.name} are used, not its contrast, settings and model."
    )
    return write_session_prompts(session, job, job.output.parent / f"{name}.prompts.json")


def absolute(job: SegmentationJob) -> SegmentationJob:
    """Return a job whose paths do not depend on the folder in which a worker runs."""
    model = Path(job.model)
    return replace(
        job,
        prompts=None if job.prompts is None else job.prompts.absolute(),
        output=job.output.absolute(),
        scores=None if job.scores is None else job.scores.absolute(),
        lineage=None if job.lineage is None else job.lineage.absolute(),
        model=model.absolute() if model.exists() else job.model,
    )


def _remove_outputs(batch: BatchJob) -> None:
    for job in batch.jobs.values():
        OutputDestination.parse(job.output).remove()
        for table in (job.scores, job.lineage):
            if table is not None:
                table.unlink(missing_ok=True)
