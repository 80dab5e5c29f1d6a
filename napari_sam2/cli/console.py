"""What a running segmentation shows: frames per second, time left, memory."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from napari_sam2.inference.protocol import ModelInfo
    from napari_sam2.session.session import SegmentationSession


def peak_memory() -> int | None:
    """Return the most memory that this process has held, in bytes; None where unknown."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def showing(session: SegmentationSession, console: Console) -> Iterator[None]:
    """Show how far a session's propagation is; a frame that is swept both ways counts twice."""
    with bar(console) as progress:
        task = progress.add_task("Segmenting", total=None, speed="", memory="")

        def told(done: int, total: int) -> None:
            show(progress, task, done, total)

        session.events.progress.connect(told)
        try:
            yield
        finally:
            session.events.progress.disconnect(told)


def show(progress: Progress, task: TaskID, done: int, total: int) -> None:
    """Show how many frames are done, how fast, and what memory that took."""
    speed, peak = progress.tasks[task].speed, peak_memory()
    progress.update(
        task,
        completed=done,
        total=total,
        speed="" if speed is None else f"{speed:.1f} frames/s",
        memory="" if peak is None else f"{peak / 2**30:.1f} GiB",
    )


def bar(console: Console) -> Progress:
    """Return a bar with the fields ``speed`` and ``memory``."""
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


@contextmanager
def on_interrupt(stop: Callable[[], object]) -> Iterator[None]:
    """Call ``stop`` at the first SIGINT; a second one raises KeyboardInterrupt.

    Outside the main thread, where no signal arrives, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def model_summary(info: ModelInfo) -> str:
    """Return what to tell people of the model that runs."""
    from sam2_model.checkpoint.registry import RELEASES

    where = f"Model {info.name} on {info.device}"
    if not info.trained:
        return f"{where}: random weights, good for a trial of the tool only. {_better('tiny')}"
    release = RELEASES.find(info.name)
    if release is None:
        return f"{where}: your own weights. napari-sam2 models list shows others."
    line = f"{where}: good for {release.good_for}."
    if release.name == "micro":
        return f"{line} {_better('tiny')}"
    return line if release.name.endswith("_large") else f"{line} {_better('large')}"


def _better(size: str) -> str:
    return f"Better masks: napari-sam2 models download sam2.1_hiera_{size}"


class ExitCode(IntEnum):
    """Relied on by scripts."""

    DONE = 0
    BAD_INPUT = 2
    STOPPED_PART_WAY = 3
    INTERRUPTED = 130
