"""What a running segmentation shows: frames per second, time left, memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from napari_sam2.session import SegmentationSession


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
