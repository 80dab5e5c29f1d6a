"""Runs along a track, one after the other: propagation and refinement."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.analysis.exclusions import overlap_messages
from napari_sam2.analysis.run_summary import RunSummary
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.mask import FrameResult
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.volume_series.plane_masks import PlaneMasks
from napari_sam2.viewer.layer_sync import LayerSync

Steps = Callable[[SegmentationSession], Iterable[Any]]
"""Returns the steps of a run, to be iterated in the thread of the runs."""
Summary = Callable[[bool], str]
"""Returns the message at the end of a run, given whether the run was stopped."""
_STOPPED = "Stopped; finished frames are kept."
_MOST_LISTED = 3
"""Messages about single time points of a series that are shown."""


@dataclass
class ProgressRate:
    """Frames per second, averaged over the latest reports.

    Parameters
    ----------
    span : int
        How many reports are averaged.
    """

    span: int = 40
    _reports: deque[tuple[float, int]] = field(default_factory=deque)

    def report(self, now: float, done: int) -> None:
        """Add the number of frames that are done at a time in seconds."""
        self._reports.append((now, done))
        while len(self._reports) > self.span:
            self._reports.popleft()

    @property
    def frames_per_second(self) -> float | None:
        """The rate, or None before two reports differ."""
        if len(self._reports) < 2:
            return None
        (start, first), (end, last) = self._reports[0], self._reports[-1]
        return (last - first) / (end - start) if end > start and last > first else None

    def text(self, done: int, total: int) -> str:
        """Return e.g. ``"12 of 40 · 3.1 frames/s · 9 s left"``."""
        speed = self.frames_per_second
        text = f"{done} of {total}"
        if speed is None:
            return text
        left = (total - done) / speed
        rest = f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min"
        return f"{text} · {speed:.1f} frames/s · {rest} left"


@dataclass(frozen=True)
class _Ending:
    """Whether a run was canceled, what it computed, and messages about its masks."""

    cancelled: bool
    run: RunSummary
    messages: tuple[str, ...]


@dataclass(eq=False)
class Run:
    """A run that works or waits.

    Parameters
    ----------
    title : str
        What it does, e.g. ``"Propagate object 3"``.
    objects : frozenset of int
        The objects whose masks it changes.
    stopped : bool
        Whether the user has stopped it.
    """

    title: str
    objects: frozenset[int]
    stopped: bool = False


class RunJobs:
    """Submits runs, reports their progress and stops them.

    Parameters
    ----------
    state : ControllerState
        Receives the running session and the end of each run.
    queue : JobQueue
        The queue of runs, which keeps their order.

    Attributes
    ----------
    rate : ProgressRate
        Speed of the present run.
    """

    def __init__(self, state: ControllerState, queue: JobQueue) -> None:
        self._state = state
        self._queue = queue
        self._dropped: list[str] = []
        self.rate = ProgressRate()

    def start(
        self,
        sync: LayerSync,
        steps: Steps,
        summary: Summary = lambda _: "",
        title: str = "",
        objects: Iterable[int] = (),
        stopped_text: str = _STOPPED,
    ) -> None:
        """Start a run on the shown position, after those that wait.

        Parameters
        ----------
        sync : LayerSync
            The segmentation.
        steps : Callable
            Returns the steps of the run.
        summary : Callable
            Returns the message at its end.
        title : str
            What the run does, e.g. ``"Propagate object 3"``.
        objects : iterable of int
            The objects whose masks it changes. If it is stopped, those that the user has accepted
            meanwhile are not accepted.
        stopped_text : str
            The message if the user stops it.
        """
        run = Run(title, frozenset(objects))
        self._queue.discard_retained(JobKind.RUN)
        work = partial(self._run, run, sync, sync.dims.fixed, steps)
        done = partial(self._ended, summary, stopped_text)
        self._queue.submit(JobKey(JobKind.RUN, run), work, done)

    def submit(
        self,
        kind: JobKind,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        subject: Hashable = None,
    ) -> None:
        """Do something after the runs that wait; see :meth:`JobQueue.submit`.

        Of two waiting jobs of the same kind and subject only the newer one is done.
        """
        self._queue.submit(JobKey(kind, subject), work, done)

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of the present run and of those that wait, in their order."""
        return tuple(run.title for run in self._runs())

    def stop(self) -> None:
        """Stop the present run after the frame it works on, and remove the runs that wait.

        Finished frames are kept. Objects of these runs whose accept waits are not accepted.
        """
        removed = self._queue.discard(lambda key: key.kind is JobKind.RUN)
        for run in self._runs():
            run.stopped = True
        if removed:
            number = len(removed)
            self._dropped.append(f"{number} waiting run{'s' * (number > 1)} removed.")
        for key in removed:
            self._drop_accepts(_run_of(key).objects)
        if self._state.running is not None:
            self._state.running.cancel()
        self._state.changed.emit()

    def _runs(self) -> list[Run]:
        return [_run_of(key) for key in self._queue.keys(JobKind.RUN)]

    def _drop_accepts(self, objects: Collection[int]) -> None:
        """Take back the waiting accepts of objects that are not tracked to the end."""
        for object_id in sorted(self._state.pending_accepts.intersection(objects)):
            self._state.pending_accepts.discard(object_id)
            self._dropped.append(f"Object {object_id} is not accepted.")

    def report_rate(self) -> None:
        """Add the progress of the present run to the rate."""
        if self._state.running is not None:
            self.rate.report(monotonic(), self._state.running.run.done)

    def _run(self, run: Run, sync: LayerSync, fixed: FixedPosition, steps: Steps) -> _Ending:
        session, self.rate = sync.sessions[fixed], ProgressRate()
        complete, changed = False, False
        self._state.running = session
        computed: defaultdict[int, set[int]] = defaultdict(set)
        try:
            if not run.stopped:
                for step in steps(session):
                    self._state.unsaved = changed = True
                    if isinstance(step, FrameResult):
                        computed[step.object_id].add(step.frame)
                    if run.stopped:
                        (self._state.running or session).cancel()
                # A run may have handed over to a session of its own.
                complete = not (self._state.running or session).run.cancelled
        finally:
            self._state.running = None
            if not complete:
                self._drop_accepts(run.objects)
        messages = _overlaps(sync, session) if changed else ()
        return _Ending(not complete, RunSummary.of(session, computed), messages)

    def _ended(self, summary: Summary, stopped_text: str, ending: _Ending) -> None:
        stopped = f"{stopped_text} " if ending.cancelled else ""
        dropped, self._dropped = self._dropped, []
        parts = (summary(ending.cancelled), ending.run.text, ending.run.advice)
        texts = (*parts, *dropped, *ending.messages)
        if self._state.sync is not None:  # Otherwise the end of the session has been explained.
            self._state.notice.emit((stopped + " ".join(filter(None, texts))).strip())
        self._state.run_ended.emit()
        self._state.run_summarized.emit(ending.run)
        self._state.changed.emit()


def _overlaps(sync: LayerSync, session: SegmentationSession) -> tuple[str, ...]:
    """Return what to know about objects that had the same pixels, of a series at all times."""
    if not sync.sessions.series:
        return overlap_messages(session.masks, session.stack)
    texts: list[str] = []
    for time, volume in sync.series.volumes().items():
        planes = [volume.stack.index(z) for z in range(volume.stack.n_frames)]
        found = overlap_messages(PlaneMasks(volume.masks, planes), volume.stack)
        texts += [f"At t={time}: {text}" for text in found]
    more = len(texts) - _MOST_LISTED
    rest = (f"There are {more} more messages of this kind.",) if more > 0 else ()
    return (*texts[:_MOST_LISTED], *rest)


def _run_of(key: JobKey) -> Run:
    run = key.subject
    if not isinstance(run, Run):
        raise TypeError(f"{key} is not the key of a run.")
    return run
