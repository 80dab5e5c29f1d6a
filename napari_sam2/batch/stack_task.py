"""What a worker of a batch computes: it keeps one model and segments one stack at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2 import __version__
from napari_sam2.batch.outcomes import StackOutcome, StackState
from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination
from napari_sam2.inference.model_catalog import AUTO_DEVICE, AUTO_DTYPE, predictor_of
from napari_sam2.session.storage.run_description import ModelIdentity
from napari_sam2.session.storage.run_folder import RunFolder
from napari_sam2.workflows.job import SegmentationJob
from napari_sam2.workflows.reporter import RunEnding
from napari_sam2.workflows.run import RunOutcome, run_segmentation

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor

_ASK_EVERY = 2.0
"""Seconds between two questions whether the batch was canceled."""


@dataclass(frozen=True, kw_only=True)
class StackTask:
    """One stack to segment on a worker.

    Parameters
    ----------
    name : str
        Name of the stack.
    job : SegmentationJob
        The segmentation; it is resumed if an earlier attempt began it.
    version : str
        Version of napari-sam2 of the batch.
    model : ModelIdentity or None
        The model that all workers must have; None takes that of the worker.
    """

    name: str
    job: SegmentationJob
    version: str = __version__
    model: ModelIdentity | None = None


@dataclass(frozen=True)
class ModelRequest:
    """The model of a job, as a worker loads it."""

    model: str | Path
    device: str
    dtype: str
    input_size: int | None

    @classmethod
    def of(cls, job: SegmentationJob) -> ModelRequest:
        """Return the model of a job."""
        return cls(job.model, job.device, job.dtype or AUTO_DTYPE, job.input_size)


@dataclass(frozen=True)
class WorkerReport:
    """Version and model of a worker.

    Parameters
    ----------
    version : str
        Its version of napari-sam2.
    model : ModelIdentity or None
        The model; None if it cannot be loaded.
    problem : str
        Why it cannot be loaded.
    """

    version: str
    model: ModelIdentity | None = None
    problem: str = ""


def inspect_worker(request: ModelRequest) -> WorkerReport:
    """Load a model on this worker, and return its identity."""
    try:
        predictor = kept_predictor(request.model, request.device, request.dtype, request.input_size)
    except _errors() as error:
        return WorkerReport(__version__, problem=str(error))
    return WorkerReport(__version__, ModelIdentity.of(predictor.info))


@lru_cache(maxsize=1)
def _load(model: str | Path, device: str, dtype: str, input_size: int | None) -> Predictor:
    return predictor_of(model, device, dtype, input_size)


def kept_predictor(model: str | Path, device: str, dtype: str, input_size: int | None) -> Predictor:
    """Return the model of the last stack if it is the same, else load it."""
    return _load(model, own_device(device), dtype, input_size)


def forget_model() -> None:
    """Release the model that is kept."""
    _load.cache_clear()


def own_device(device: str) -> str:
    """Return the GPU of this worker if any is allowed and there are several, else the device.

    Workers of one machine have the numbers 0, 1, ... as names, as those of LocalCluster.
    """
    if device != AUTO_DEVICE:
        return device
    import torch
    from distributed import get_worker

    count = torch.cuda.device_count()
    if count < 2:
        return device
    number = str(get_worker().name).rpartition("-")[2]
    return f"cuda:{int(number) % count}" if number.isdecimal() else device


def segment_stack(task: StackTask, stop: str) -> StackOutcome:
    """Segment one stack on this worker.

    Parameters
    ----------
    task : StackTask
        The stack.
    stop : str
        Name of the event that cancels the batch.

    Returns
    -------
    StackOutcome
        How it ended, also if its input cannot be used, so that it is not tried again.
    """
    import dask
    from distributed import Event, get_worker

    start = time.perf_counter()
    job = task.job
    event = Event(stop)
    if event.is_set():
        return StackOutcome(
            name=task.name,
            state=StackState.INTERRUPTED,
            source=str(job.source),
            message="Not started. Run the batch again with --resume.",
        )
    resumed = RunFolder.exists(OutputDestination.parse(job.output).run_folder)
    # By default dask arrays of a task are computed by the cluster, which waits for this task.
    with dask.config.set(scheduler="threads"):
        outcome = segment_locally(task, event.is_set)
    return replace(
        outcome,
        resumed=resumed,
        seconds=time.perf_counter() - start,
        worker=str(get_worker().address),
    )


def segment_locally(task: StackTask, cancelled: Callable[[], bool]) -> StackOutcome:
    """Segment one stack in this process.

    Parameters
    ----------
    task : StackTask
        The stack.
    cancelled : callable
        Returns whether the run is to end after the current frame.

    Raises
    ------
    RuntimeError
        If there is an error in the program, not in the input.
    """
    job = task.job
    ended = StackOutcome(name=task.name, state=StackState.FAILED, source=str(job.source))
    if task.version != __version__:
        return replace(ended, message=other_version(__version__, task.version))
    try:
        outcome = run_segmentation(
            replace(job, resume=True), _CancelReporter(cancelled), load=_checked(task)
        )
    except _errors() as error:
        return replace(ended, message=str(error))
    except Exception as error:
        # Some errors cannot be sent. The scheduler tries again after an error.
        raise RuntimeError(f"{type(error).__name__}: {error}") from None
    return replace(ended, **_facts(outcome))


def _checked(task: StackTask) -> Callable[..., Predictor]:
    """Return the loader of a task, which refuses another model than that of the other workers."""

    def load(model: str | Path, device: str, dtype: str, input_size: int | None) -> Predictor:
        predictor = kept_predictor(model, device, dtype, input_size)
        found = ModelIdentity.of(predictor.info)
        if task.model is not None and found != task.model:
            raise UserError(
                f"This worker has the model {found}, the others {task.model}. Give --model and "
                "--dtype, so that all workers use the same."
            )
        return predictor

    return load


def _facts(outcome: RunOutcome) -> dict[str, Any]:
    states = {RunEnding.DONE: StackState.DONE, RunEnding.INTERRUPTED: StackState.INTERRUPTED}
    messages = {
        RunEnding.DONE: "",
        RunEnding.INTERRUPTED: "Interrupted. Run the batch again with --resume.",
        RunEnding.STOPPED_PART_WAY: f"{outcome.error}. Run the batch again with --resume.",
    }
    return {
        "state": states.get(outcome.ending, StackState.FAILED),
        "output": str(outcome.output),
        "scores": "" if outcome.scores is None else str(outcome.scores),
        "objects": outcome.objects,
        "frames": outcome.done,
        "message": messages[outcome.ending],
        "notes": outcome.messages,
    }


def other_version(found: str, expected: str) -> str:
    """Return the message about a worker with another version of napari-sam2."""
    return (
        f"The worker has napari-sam2 {found}, this computer has {expected}. Install the same "
        "version on all."
    )


def _errors() -> tuple[type[Exception], ...]:
    """Return the errors of inputs, which another attempt would raise again."""
    from sam2_model.errors import SAM2Error

    return UserError, SAM2Error, OSError


class _CancelReporter:
    """Cancels a run if the batch was canceled; see :class:`Reporter`."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled
        self._cancel: Callable[[], object] | None = None
        self._asked = time.monotonic()

    def message(self, text: str) -> None:
        """Discard a message, which the outcome has."""

    def running(self, cancel: Callable[[], object] | None = None) -> AbstractContextManager[object]:
        """Keep what cancels the run."""
        self._cancel = cancel
        return nullcontext()

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Cancel the run if the batch was canceled."""
        if self._cancel is None or time.monotonic() - self._asked < _ASK_EVERY:
            return
        self._asked = time.monotonic()
        try:
            cancelled = self._cancelled()
        except (OSError, RuntimeError):
            # Without a connection the worker completes its stack.
            return
        if cancelled:
            self._cancel()
