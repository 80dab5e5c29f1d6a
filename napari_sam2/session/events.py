"""Signals of a session, and the state of its last run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from threading import Event

from psygnal import Signal, SignalGroup

from napari_sam2.masks.mask import FrameResult


class SessionEvents(SignalGroup):
    """Signals of a session, emitted from the thread that did the work."""

    result = Signal(FrameResult)
    """A mask was computed and stored."""
    masks = Signal(int, tuple)
    """Object id and plane index of a mask whose status or pixels changed, or that was deleted."""
    objects = Signal()
    """Objects were added, removed, renamed, hidden or shown."""
    notice = Signal(str)
    """A note on the input, emitted once before the first work on it; see ``Stack.notes``."""
    progress = Signal(int, int)
    """Number of frames done, and number of frames in total."""


class RunPhase(Enum):
    """Phase of a propagation or refinement."""

    IDLE = "idle"
    RUNNING = "running"
    CANCELLED = "cancelled"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Progress of the last propagation or refinement.

    Parameters
    ----------
    phase : RunPhase
        ``IDLE`` before the first run; ``CANCELLED`` after a run that stopped before its end.
    done, total : int
        Number of frames swept and to sweep, where a frame in both sweeps counts twice; of a
        refinement, number of masks; of a search for candidates, number of views.
    """

    phase: RunPhase = RunPhase.IDLE
    done: int = 0
    total: int = 0

    @property
    def cancelled(self) -> bool:
        """Whether the run stopped before its end."""
        return self.phase is RunPhase.CANCELLED

    @property
    def complete(self) -> bool:
        """Whether the run reached its end."""
        return self.phase is RunPhase.COMPLETE


class RunState:
    """Tracks the progress of runs, one at a time, and cancels them; thread-safe.

    Parameters
    ----------
    events : SessionEvents
        Its ``progress`` is emitted.
    """

    def __init__(self, events: SessionEvents) -> None:
        self.status = RunStatus()
        self._progress = events.progress
        self._cancel = Event()

    def cancel(self) -> None:
        """Request that the run stops after the current frame."""
        self._cancel.set()

    def cancelled(self) -> bool:
        """Return whether :meth:`cancel` was called since :meth:`reset`."""
        return self._cancel.is_set()

    def reset(self) -> None:
        """Discard an earlier call of :meth:`cancel`."""
        self._cancel.clear()

    @contextmanager
    def running(self, total: int) -> Iterator[None]:
        """Set the status to running in the block, and to complete or cancelled after it."""
        self.status = RunStatus(RunPhase.RUNNING, 0, total)
        phase = RunPhase.CANCELLED
        try:
            yield
            if not (self.cancelled() and self.status.done < self.status.total):
                phase = RunPhase.COMPLETE
        finally:
            total = self.status.total
            done = total if phase is RunPhase.COMPLETE else self.status.done
            self.status = RunStatus(phase, done, total)

    def advance(self, done: int, total: int | None = None) -> None:
        """Set the number of frames done and that of all, None for the present one; emit both."""
        total = self.status.total if total is None else total
        self.status = RunStatus(RunPhase.RUNNING, done, total)
        self._progress.emit(done, total)
