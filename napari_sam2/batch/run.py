"""Run a batch: one task per stack on the workers of a cluster, and a report at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from napari_sam2 import __version__
from napari_sam2.batch.cluster import connect
from napari_sam2.batch.job import BatchJob, absolute, check_outputs, started
from napari_sam2.batch.outcomes import StackOutcome, StackState, write_reports
from napari_sam2.batch.stack_task import (
    ModelRequest,
    StackTask,
    WorkerReport,
    inspect_worker,
    other_version,
    segment_stack,
)
from napari_sam2.core.errors import UserError
from napari_sam2.workflows.reporter import Reporter, RunEnding

if TYPE_CHECKING:
    from distributed import Client, Event, Future

    from napari_sam2.session.storage.run_description import ModelIdentity

_RETRIES = 2


@dataclass(frozen=True)
class BatchOutcome:
    """Result of :func:`run_batch`.

    Parameters
    ----------
    ending : RunEnding
        ``DONE`` if all stacks are done, ``STOPPED_PART_WAY`` if one failed.
    stacks : tuple of StackOutcome
        How each stack ended, by name; then what was left out.
    table, page : Path
        The report as CSV and HTML.
    """

    ending: RunEnding
    stacks: tuple[StackOutcome, ...]
    table: Path
    page: Path


def run_batch(batch: BatchJob, reporter: Reporter) -> BatchOutcome:
    """Segment all stacks on a cluster; a stack that fails does not stop the others.

    Parameters
    ----------
    batch : BatchJob
        The stacks.
    reporter : Reporter
        Receives messages and may cancel the batch; frames that are finished are kept then.

    Raises
    ------
    UserError
        If outputs exist, the scheduler does not answer, or a worker lacks the model or has another
        version of napari-sam2; nothing has been computed then.
    """
    batch = replace(batch, jobs={name: absolute(job) for name, job in batch.jobs.items()})
    check_outputs(batch)
    with connect(batch.cluster) as client:
        _wait_for_workers(client, batch, reporter)
        for text in _cluster_notes(client):
            reporter.message(text)
        models = _check_workers(client, batch)
        outcomes = _compute(client, started(batch, reporter), models, reporter)
    rows = (*sorted(outcomes, key=lambda item: item.name), *_left_out(batch))
    table, page = write_reports(rows, batch.folder, batch.report)
    return BatchOutcome(_ending(outcomes), rows, table, page)


def _wait_for_workers(client: Client, batch: BatchJob, reporter: Reporter) -> None:
    from distributed import TimeoutError as NoWorkerError

    if batch.cluster.slurm is not None:
        reporter.message("Waiting for the first SLURM job to start.")
    try:
        client.wait_for_workers(1, timeout=None if batch.cluster.slurm else batch.wait_seconds)
    except NoWorkerError as error:
        raise UserError(
            f"The scheduler has no worker after {batch.wait_seconds:.0f} s. Start workers with "
            f"dask worker {client.scheduler_info()['address']} --nthreads 1."
        ) from error


def _cluster_notes(client: Client) -> Iterator[str]:
    info = client.scheduler_info()
    count = len(info["workers"])
    yield f"{count} worker{'s' * (count != 1)} at {info['address']}."
    if client.run_on_scheduler(find_spec, "bokeh") is not None:
        yield f"Dashboard: {client.dashboard_link}"


def _check_workers(client: Client, batch: BatchJob) -> dict[ModelRequest, ModelIdentity | None]:
    """Return the model of each request, which is the same on all workers."""
    for address, worker in client.scheduler_info()["workers"].items():
        if worker["nthreads"] != 1:
            raise UserError(
                f"The worker {address} runs {worker['nthreads']} tasks at once. Start workers with "
                "--nthreads 1, so that each has its GPU for one stack."
            )
    requests = dict.fromkeys(map(ModelRequest.of, batch.jobs.values()))
    return {request: _common_model(client, request) for request in requests}


def _common_model(client: Client, request: ModelRequest) -> ModelIdentity | None:
    found: Mapping[str, Any] = client.run(inspect_worker, request, on_error="return")
    models: dict[str, ModelIdentity | None] = {}
    for address, report in found.items():
        if not isinstance(report, WorkerReport):
            raise UserError(
                f"The worker {address} cannot run napari-sam2: {report}. Install "
                f"napari-sam2 {__version__} on all workers."
            )
        if report.version != __version__:
            raise UserError(f"{address}: {other_version(report.version, __version__)}")
        if report.problem:
            raise UserError(f"The worker {address} has no model {request.model}: {report.problem}")
        models[address] = report.model
    first = next(iter(models.values()), None)
    for address, model in models.items():
        if model != first:
            raise UserError(
                f"The worker {address} has the model {model}, another one has {first}. Give "
                "--model and --dtype, so that all use the same."
            )
    return first


def _compute(
    client: Client,
    batch: BatchJob,
    models: Mapping[ModelRequest, ModelIdentity | None],
    reporter: Reporter,
) -> list[StackOutcome]:
    from distributed import Event, as_completed

    stop = Event(f"napari-sam2-{uuid4().hex}", client=client)
    with _submitted(client, batch, models, stop.name) as futures:
        outcomes = []
        with reporter.running(partial(_cancel, client, stop, list(futures))):
            for future in as_completed(list(futures), loop=client.loop):
                outcome = _outcome(future, futures[future], batch, client)
                outcomes.append(outcome)
                reporter.message(f"{len(outcomes)}/{len(futures)} {_line(outcome)}")
    return outcomes


@contextmanager
def _submitted(
    client: Client,
    batch: BatchJob,
    models: Mapping[ModelRequest, ModelIdentity | None],
    stop: str,
) -> Iterator[dict[Future[Any], str]]:
    """Submit a task for each stack; those that are left at the end are canceled."""
    futures = {
        client.submit(
            segment_stack,
            StackTask(name=name, job=job, model=models[ModelRequest.of(job)]),
            stop,
            pure=False,
            retries=_RETRIES,
        ): name
        for name, job in batch.jobs.items()
    }
    try:
        yield futures
    finally:
        client.cancel(list(futures))


def _cancel(client: Client, stop: Event, futures: Sequence[Future[Any]]) -> None:
    """Stop the stacks that run after their current frame, and cancel those that wait."""
    stop.set()
    running = {key for keys in client.processing().values() for key in keys}
    client.cancel([future for future in futures if future.key not in running])


def _outcome(future: Future[Any], name: str, batch: BatchJob, client: Client) -> StackOutcome:
    """Return how a stack ended, also if its task raised an error that is no bad input."""
    if future.status == "finished":
        result: StackOutcome = future.result()
        return result
    ended = StackOutcome(
        name=name, state=StackState.INTERRUPTED, source=str(batch.jobs[name].source)
    )
    again = "Run the batch again with --resume."
    if client.status != "running":
        text = f"The connection to the scheduler was lost. {again}"
        return replace(ended, state=StackState.FAILED, message=text)
    if future.status == "cancelled":
        return replace(ended, message=f"Not started. {again}")
    error = future.exception()
    text = f"{type(error).__name__}: {error}. {again}"
    return replace(ended, state=StackState.FAILED, message=text)


def _line(outcome: StackOutcome) -> str:
    if outcome.state is not StackState.DONE:
        return f"{outcome.name}: {outcome.state.value}. {outcome.message}"
    objects = "1 object" if outcome.objects == 1 else f"{outcome.objects} objects"
    return f"{outcome.name}: {objects} in {outcome.seconds:.1f} s"


def _left_out(batch: BatchJob) -> Iterator[StackOutcome]:
    for name, reason in batch.left_out.items():
        yield StackOutcome(name=name, state=StackState.LEFT_OUT, source=name, message=reason)


def _ending(outcomes: Sequence[StackOutcome]) -> RunEnding:
    states = {outcome.state for outcome in outcomes}
    if StackState.INTERRUPTED in states:
        return RunEnding.INTERRUPTED
    return RunEnding.STOPPED_PART_WAY if StackState.FAILED in states else RunEnding.DONE
