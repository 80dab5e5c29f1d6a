"""Work off the GUI thread: one thread, the newest request of a kind, answers in the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from threading import Condition, Thread, current_thread
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal


class JobPriority(IntEnum):
    """Which of the jobs that wait runs first: the highest."""

    NEIGHBOURS = 1
    HOVER = 2
    FRAME = 3
    CLICK = 4
    STORE = 5


@dataclass(frozen=True, eq=False)
class Job:
    """One piece of work.

    Parameters
    ----------
    slot : Hashable
        A newer job of the same slot takes the place of one that has not begun.
    work : Callable
        Runs in the thread.
    done : Callable
        Gets what ``work`` gave, in the GUI thread.
    urgency : int
        Of waiting jobs the highest runs first.
    """

    slot: Hashable
    work: Callable[[], Any]
    done: Callable[[Any], None]
    urgency: int = 0

    @property
    def kind(self) -> str:
        """The first word of a slot that has several, else nothing."""
        return str(self.slot[0]) if isinstance(self.slot, tuple) else ""


@dataclass(frozen=True, eq=False)
class Failure:
    """A job that ended in an error.

    Parameters
    ----------
    error : BaseException
        What went wrong.
    job : Job
        What was to be done.
    background : JobQueue
        Where.
    """

    error: BaseException
    job: Job
    background: JobQueue

    def try_again(self) -> None:
        """Do the job once more when its turn comes."""
        job = self.job
        self.background.submit(job.slot, job.work, job.done, job.urgency)


class JobQueue(QObject):
    """A thread that is there only while there is work.

    Parameters
    ----------
    name : str
        Of the thread.
    parent : QObject or None
        Owner.
    """

    failed = Signal(object)
    """A :class:`Failure`."""
    _ended = Signal(object, object, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._waiting: dict[Hashable, Job] = {}
        self._change = Condition()
        self._thread: Thread | None = None
        self._closed = False
        self._current: Job | None = None
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(
        self,
        slot: Hashable,
        work: Callable[[], Any],
        done: Callable[[Any], None] = lambda _: None,
        urgency: int = 0,
    ) -> None:
        """Run ``work`` when its turn comes; see :class:`Job`."""
        with self._change:
            if self._closed:
                return
            self._waiting.pop(slot, None)
            self._waiting[slot] = Job(slot, work, done, urgency)
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def drop(self, slot: Hashable) -> None:
        """Forget a job that has not begun."""
        with self._change:
            self._waiting.pop(slot, None)

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._thread is not None

    def holds(self, kind: str) -> bool:
        """Whether a job of a kind waits or runs."""
        with self._change:
            jobs = [*self._waiting.values(), *([self._current] if self._current else [])]
        return any(job.kind == kind for job in jobs)

    def close(self, timeout: float = 10.0) -> None:
        """Take no more work, forget what waits, and wait for the job that runs."""
        with self._change:
            self._closed = True
            self._waiting.clear()
            thread = self._thread
        if thread is not None and thread is not current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                value, error = job.work(), None
            except BaseException as caught:
                value, error = None, caught
            self._report(job, value, error)

    def _next(self) -> Job | None:
        with self._change:
            if self._closed or not self._waiting:
                self._thread = self._current = None
                return None
            job = max(self._waiting.values(), key=lambda job: job.urgency)
            del self._waiting[job.slot]
            self._current = job
            return job

    def _report(self, job: Job, value: Any, error: BaseException | None) -> None:
        if not self._closed:
            try:
                self._ended.emit(job, value, error)
            except RuntimeError:  # the Qt object went with its window
                self._closed = True

    def _deliver(self, job: Job, value: Any, error: BaseException | None) -> None:
        if self._closed:
            return
        if error is not None:
            self.failed.emit(Failure(error, job, self))
        else:
            job.done(value)
