"""How a workflow reports its progress to whoever started it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Protocol


class RunEnding(Enum):
    """How a run ended."""

    DONE = "done"
    """Everything was computed and written."""
    STOPPED_PART_WAY = "stopped part-way"
    """A file could not be read or written; finished frames are kept."""
    INTERRUPTED = "interrupted"
    """The caller canceled the run; finished frames are kept."""


class Reporter(Protocol):
    """Receives messages and progress of a workflow, and may cancel it.

    All methods are called in the thread that runs the workflow.
    """

    def message(self, text: str) -> None:
        """Receive one line of plain text for the user."""

    def running(self, cancel: Callable[[], object] | None = None) -> AbstractContextManager[object]:
        """Return a context that is entered while frames are computed.

        Parameters
        ----------
        cancel : callable or None
            Stops the run after the current frame; may be called from a signal handler or from
            another thread. None if the run cannot be canceled between frames.
        """

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Receive the progress of a stage, inside of :meth:`running`.

        Parameters
        ----------
        stage : str
            What is being done, e.g. ``"Segmenting"``.
        done : int
            Number of finished frames. A frame that is computed in both directions counts twice.
        total : int or None
            Number of frames of the stage; None if not known yet.
        """


class NullReporter:
    """A reporter that discards everything; see :class:`Reporter`."""

    def message(self, text: str) -> None:
        """Discard a message."""

    def running(self, cancel: Callable[[], object] | None = None) -> AbstractContextManager[object]:
        """Return a context that does nothing."""
        return nullcontext()

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Discard the progress."""


class NestedReporter(NullReporter):
    """Passes the progress of a part of a run on, inside of the ``running`` of the whole.

    Parameters
    ----------
    target : Reporter
        The reporter of the whole.
    """

    def __init__(self, target: Reporter) -> None:
        self._target = target

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Pass the progress on."""
        self._target.progress(stage, done, total)


class RecordingReporter:
    """Passes everything on to another reporter and keeps the messages and the last progress.

    Parameters
    ----------
    target : Reporter or None
        The other reporter; None discards everything.
    """

    def __init__(self, target: Reporter | None) -> None:
        self._target: Reporter = target or NullReporter()
        self.messages: list[str] = []
        self.done = 0
        self.total = 0

    def message(self, text: str) -> None:
        """Keep a message and pass it on."""
        self.messages.append(text)
        self._target.message(text)

    def running(self, cancel: Callable[[], object] | None = None) -> AbstractContextManager[object]:
        """Return the context of the other reporter."""
        return self._target.running(cancel)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Keep the progress and pass it on."""
        self.done, self.total = done, total or 0
        self._target.progress(stage, done, total)
