"""A queue of jobs that run in a background thread and report to the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from threading import Condition, Thread, current_thread
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal


class JobKind(Enum):
    """What a job does."""

    PREDICT = auto()
    REFINE = auto()
    HOVER = auto()
    STORE = auto()
    EDIT_FRAMES = auto()
    ENCODE_SHOWN = auto()
    ENCODE_NEXT = auto()
    ENCODE_PREVIOUS = auto()
    SHOW_MODEL_INPUT = auto()
    SUGGEST_WINDOW = auto()
    CHECK_INPUT = auto()
    READ_LABELS = auto()
    RUN = auto()
    ACCEPT = auto()
    REOPEN = auto()
    DELETE = auto()
    MERGE = auto()
    FIND_DIVISIONS = auto()
    DIVIDE = auto()
    MEASURE_TRACKS = auto()
    EXPORT_TRACKS = auto()
    SAVE = auto()
    SAVE_SESSION = auto()
    SET_MODEL = auto()
    LIST_MODELS = auto()
    LOAD_MODEL = auto()
    MEASURE = auto()


class JobPriority(IntEnum):
    """Of the waiting jobs the one with the highest priority runs first."""

    IN_ORDER = 0
    LIST_MODELS = 1
    NEIGHBOR_FRAMES = 2
    HOVER = 3
    SHOWN_FRAME = 4
    CLICK = 5
    STORE = 6


@dataclass(frozen=True, slots=True)
class JobKey:
    """Identifies a job; of two waiting jobs with the same key only the newer one runs.

    Parameters
    ----------
    kind : JobKind
        What the job does.
    subject : Hashable
        What it does it to, e.g. an object id.
    """

    kind: JobKind
    subject: Hashable = None


@dataclass(frozen=True, eq=False)
class Job:
    """A function to run in the thread of a queue.

    Parameters
    ----------
    key : JobKey
        Identifies the job.
    work : Callable
        Runs in the thread.
    done : Callable
        Receives the result of ``work`` in the GUI thread.
    priority : JobPriority
        Of the waiting jobs the highest runs first.
    """

    key: JobKey
    work: Callable[[], Any]
    done: Callable[[Any], None]
    priority: JobPriority = JobPriority.IN_ORDER


@dataclass(frozen=True, eq=False)
class Failure:
    """A job that raised an error.

    Parameters
    ----------
    error : BaseException
        The error.
    job : Job
        The job.
    queue : JobQueue
        The queue that ran it.
    """

    error: BaseException
    job: Job
    queue: JobQueue


class JobQueue(QObject):
    """Runs jobs in a thread that exists only while there is work.

    Parameters
    ----------
    name : str
        Name of the thread.
    parent : QObject or None
        Owner.
    """

    failed = Signal(object)
    """A :class:`Failure`."""
    _ended = Signal(object, object, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._waiting: dict[JobKey, Job] = {}
        self._retained: dict[JobKey, Job] = {}
        self._changed = Condition()
        self._thread: Thread | None = None
        self._closed = False
        self._current: Job | None = None
        self._undelivered = 0
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def submit(
        self,
        key: JobKey,
        work: Callable[[], Any],
        done: Callable[[Any], None] = lambda _: None,
        priority: JobPriority = JobPriority.IN_ORDER,
    ) -> None:
        """Add a job; see :class:`Job`."""
        with self._changed:
            if self._closed:
                return
            self._retained.pop(key, None)
            self._waiting.pop(key, None)
            self._waiting[key] = Job(key, work, done, priority)
            if self._thread is None:
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def drop(self, key: JobKey) -> None:
        """Remove a job that has not begun."""
        with self._changed:
            self._waiting.pop(key, None)
            self._retained.pop(key, None)
            self._changed.notify_all()

    def keys(self, kind: JobKind) -> list[JobKey]:
        """Return the keys of the jobs of a kind, the running one first and then by order."""
        with self._changed:
            current = [] if self._current is None else [self._current.key]
            return [key for key in (*current, *self._waiting) if key.kind is kind]

    def discard(self, unwanted: Callable[[JobKey], bool]) -> list[JobKey]:
        """Remove the waiting jobs that a function of their keys chooses; return their keys."""
        with self._changed:
            keys = [key for key in self._waiting if unwanted(key)]
            for key in keys:
                del self._waiting[key]
            self._changed.notify_all()
            return keys

    def retain(self, job: Job) -> None:
        """Keep a failed job for :meth:`retry`, until one with the same key is submitted."""
        self._retained[job.key] = job

    def retry(self) -> None:
        """Submit the retained jobs again."""
        for job in list(self._retained.values()):
            self.submit(job.key, job.work, job.done, job.priority)

    def discard_retained(self, kind: JobKind | None = None) -> None:
        """Remove the retained jobs of one kind, or all."""
        for key in [key for key in self._retained if kind in (None, key.kind)]:
            del self._retained[key]

    @property
    def idle(self) -> bool:
        """Whether no job waits or runs and all results have been delivered."""
        with self._changed:
            return self._thread is None and not self._undelivered

    def holds(self, *kinds: JobKind) -> bool:
        """Return whether a job of one of the kinds waits or runs."""
        with self._changed:
            return self._holds(kinds)

    def wait_for(self, kinds: Collection[JobKind]) -> None:
        """Block until no job of the kinds waits or runs, or the queue is closed.

        Must not be called in the thread of this queue, nor in the GUI thread.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._holds(kinds))

    def open(self) -> None:
        """Accept jobs again after :meth:`close`."""
        with self._changed:
            self._closed = False

    def close(self, timeout: float = 10.0) -> None:
        """Remove the waiting jobs, accept no more, and wait for the running one.

        Parameters
        ----------
        timeout : float
            Seconds to wait for the running job.
        """
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not current_thread():
            thread.join(timeout)

    def _holds(self, kinds: Collection[JobKind]) -> bool:
        current = self._current
        if current is not None and current.key.kind in kinds:
            return True
        return any(key.kind in kinds for key in self._waiting)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                value, error = job.work(), None
            except BaseException as caught:
                value, error = None, caught
            self._report(job, value, error)

    def _next(self) -> Job | None:
        with self._changed:
            self._current = None
            if self._waiting and not self._closed:
                self._current = max(self._waiting.values(), key=lambda job: job.priority)
                del self._waiting[self._current.key]
            else:
                self._thread = None
            self._changed.notify_all()
            return self._current

    def _report(self, job: Job, value: Any, error: BaseException | None) -> None:
        if self._closed:
            return
        with self._changed:
            self._undelivered += 1
        try:
            self._ended.emit(job, value, error)
        except RuntimeError:  # The Qt object was deleted with its window.
            self._closed = True

    def _deliver(self, job: Job, value: Any, error: BaseException | None) -> None:
        try:
            if self._closed:
                return
            if error is not None:
                self.failed.emit(Failure(error, job, self))
            else:
                job.done(value)
        finally:
            with self._changed:
                self._undelivered -= 1
