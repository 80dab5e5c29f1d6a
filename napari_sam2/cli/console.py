"""Console output: progress, outcomes, exit codes, and Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from enum import IntEnum
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from napari_sam2.workflows.reporter import RunEnding
    from napari_sam2.workflows.run import RunOutcome


class ExitCode(IntEnum):
    """Exit codes of the program; scripts rely on them."""

    DONE = 0
    BAD_INPUT = 2
    STOPPED_PART_WAY = 3
    INTERRUPTED = 130


def exit_code(ending: RunEnding) -> ExitCode:
    """Return the exit code for the ending of a workflow."""
    return ExitCode[ending.name]


def error_console() -> Console:
    """Return a console that writes plain text to standard error, without wrapping lines."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


class ConsoleReporter:
    """Prints messages and shows a progress bar with frames per second, time left and memory.

    Implements :class:`napari_sam2.workflows.reporter.Reporter`.

    Parameters
    ----------
    console : Console
        Where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None

    def message(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, markup=False)

    @contextmanager
    def running(self, cancel: Callable[[], object] | None = None) -> Iterator[None]:
        """Show a progress bar, and call ``cancel`` on Ctrl-C."""
        interruptible = nullcontext() if cancel is None else on_interrupt(cancel)
        with interruptible, progress_bar(self._console) as self._bar:
            self._bar.add_task("", total=None, speed="", memory="")
            try:
                yield
            finally:
                self._bar = None

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Update the progress bar."""
        if self._bar is None:
            return
        [task] = self._bar.tasks
        peak = peak_memory()
        self._bar.update(
            task.id,
            description=stage,
            completed=done,
            total=total,
            speed="" if task.speed is None else f"{task.speed:.1f} frames/s",
            memory="" if peak is None else f"{peak / 2**30:.1f} GiB",
        )


def progress_bar(console: Console) -> Progress:
    """Return a progress bar whose tasks have the fields ``speed`` and ``memory``."""
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[speed]}"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[memory]}"),
        console=console,
    )


def peak_memory() -> int | None:
    """Return the peak memory of this process in bytes; None on Windows, where it is not known."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def on_interrupt(stop: Callable[[], object]) -> Iterator[None]:
    """Call ``stop`` on the first SIGINT; a second SIGINT raises KeyboardInterrupt.

    Does nothing outside of the main thread, where no signal is handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def print_outcome(outcome: RunOutcome, console: Console) -> None:
    """Print how a segmentation ended and, if it is not done, how to resume it."""
    code = exit_code(outcome.ending)
    if code is ExitCode.STOPPED_PART_WAY:
        text = f"Stopped: {outcome.error}. Finished frames are kept. {RESUME_HINT}"
        console.print(text, markup=False, style="red")
    elif code is ExitCode.INTERRUPTED:
        console.print(f"Interrupted. Finished frames are kept. {RESUME_HINT}", markup=False)
    else:
        console.print(_summary(outcome), markup=False)


RESUME_HINT = "Run the same command with --resume to continue."


def _summary(outcome: RunOutcome) -> str:
    peak = peak_memory()
    memory = "" if peak is None else f", at most {peak / 2**30:.1f} GiB of memory"
    untrained = "" if outcome.model.trained else " The model is untrained."
    objects = "1 object" if outcome.objects == 1 else f"{outcome.objects} objects"
    return f"{objects} segmented into {outcome.output}{memory}.{untrained}"
