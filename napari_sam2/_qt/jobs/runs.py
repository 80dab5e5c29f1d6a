"""Runs along a track, one after the other: propagation and refinement."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
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
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.viewer.layer_sync import LayerSync

Steps = Callable[[SegmentationSession], Iterable[Any]]
"""Returns the steps of a run, to be iterated in the thread of the runs."""
Summary = Callable[[bool], str]
"""Returns the message at the end of a run, given whether the run was stopped."""


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
        self._count = 0
        self.rate = ProgressRate()

    def start(self, sync: LayerSync, steps: Steps, summary: Summary = lambda _: "") -> None:
        """Start a run on the shown position, after those that wait.

        Parameters
        ----------
        sync : LayerSync
            The segmentation.
        steps : Callable
            Returns the steps of the run.
        summary : Callable
            Returns the message at its end.
        """
        self._count += 1
        self._queue.discard_retained(JobKind.RUN)
        work = partial(self._run, sync, sync.dims.fixed, steps)
        self._queue.submit(JobKey(JobKind.RUN, self._count), work, partial(self._ended, summary))

    def propagate(
        self,
        object_ids: Iterable[int],
        direction: PropagationDirection,
        frames: tuple[int, int] | None,
    ) -> None:
        """Propagate those of some objects that have prompts and are not accepted.

        Parameters
        ----------
        object_ids : iterable of int
            The objects.
        direction, frames
            See :class:`PropagationRequest`.
        """
        sync = self._state.sync
        if sync is None:
            return
        closed, prompted = self._state.pending_accepts, sync.session.prompts.objects()
        open_ids = (o for o in object_ids if o in prompted and o not in closed)
        ids = tuple(o for o in open_ids if not sync.prompts.accepted(o))
        if ids:
            request = PropagationRequest(ids, direction, frames)
            self.start(sync, lambda session: session.propagate(request))
        else:
            self._state.notice.emit(_nothing_to_propagate(sync, self._state.current))

    def stop(self) -> None:
        """Stop the present run after the frame it works on; finished frames are kept."""
        if self._state.running is not None:
            self._state.running.cancel()

    def report_rate(self) -> None:
        """Add the progress of the present run to the rate."""
        if self._state.running is not None:
            self.rate.report(monotonic(), self._state.running.run.done)

    def _run(self, sync: LayerSync, fixed: FixedPosition, steps: Steps) -> _Ending:
        session, self.rate = sync.sessions[fixed], ProgressRate()
        self._state.running = session
        computed: defaultdict[int, set[int]] = defaultdict(set)
        try:
            for step in steps(session):
                self._state.unsaved = True
                if isinstance(step, FrameResult):
                    computed[step.object_id].add(step.frame)
        finally:
            # A run may have handed over to a session of its own.
            ran, self._state.running = self._state.running or session, None
        messages = overlap_messages(session.masks, session.stack)
        return _Ending(ran.run.cancelled, RunSummary.of(session, computed), messages)

    def _ended(self, summary: Summary, ending: _Ending) -> None:
        stopped = "Stopped; finished frames are kept. " if ending.cancelled else ""
        texts = (summary(ending.cancelled), ending.run.text, ending.run.advice, *ending.messages)
        if self._state.sync is not None:  # Otherwise the end of the session has been explained.
            self._state.notice.emit((stopped + " ".join(filter(None, texts))).strip())
        self._state.run_ended.emit()
        self._state.run_summarized.emit(ending.run)
        self._state.changed.emit()


def _nothing_to_propagate(sync: LayerSync, current: int) -> str:
    name = sync.sessions.objects[current].name
    if sync.prompts.accepted(current):
        return f"{name} is accepted. Click on it to correct it; this reopens it."
    others = " To propagate the other objects, press All." if sync.open_drafts() else ""
    return f"{name} has no prompt here. Click the object first.{others}"
