"""Jobs that refine masks: the shown one, or all masks of the current object."""

from collections import Counter
from collections.abc import Iterator
from functools import partial

from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobPriority, JobQueue
from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.inference.refinement import Refined, RefinementOutcome, summarize_outcomes
from napari_sam2.masks.mask import FrameResult
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.volume_series.series_session import SeriesSession
from napari_sam2.viewer.layer_sync import LayerSync

_SKIPPED = "No mask was refined: drawn, accepted, locked and refined masks are kept as they are."


class RefinementJobs:
    """Refines the shown mask, or all masks of the current object.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    clicks : JobQueue
        The queue of clicks, where single masks are refined.
    runs : RunJobs
        Refines tracks.
    """

    def __init__(self, state: ControllerState, clicks: JobQueue, runs: RunJobs) -> None:
        self._state = state
        self._clicks = clicks
        self._runs = runs

    def can_refine_frame(self) -> bool:
        """Return whether the shown mask can be refined now."""
        key = self._state.current_key
        sync = self._available()
        if sync is None or key is None:
            return False
        return sync.session.refinable(key.object_id, key.frame)

    def can_refine_track(self) -> bool:
        """Return whether the current object has masks that can be refined now."""
        sync, current = self._available(), self._state.current
        if sync is None or sync.prompts.accepted(current):
            return False
        progress = self._state.progress(current)
        return progress is not None and progress.frames > 0

    def _available(self) -> LayerSync | None:
        """Return the segmentation if nothing else changes the current object."""
        state, sync = self._state, self._state.sync
        if sync is None or not sync.alive or state.current in state.pending_accepts:
            return None
        busy = state.running is not None or self._clicks.holds(JobKind.REFINE)
        return None if busy else sync

    def refine_frame(self) -> None:
        """Refine the mask of the current object on the shown frame."""
        state, sync, key = self._state, self._state.sync, self._state.current_key
        if sync is None or key is None:
            return
        if state.running is not None:
            state.notice.emit("Refine the mask when the run has ended, or stop the run first.")
        elif key.object_id in state.pending_accepts:
            state.notice.emit(_SKIPPED)
        else:
            self._clicks.submit(
                JobKey(JobKind.REFINE, key),
                partial(_refine, sync.sessions, key),
                self._refined,
                JobPriority.CLICK,
            )
            state.changed.emit()

    def _refined(self, refined: FrameResult | None) -> None:
        if refined is not None:
            self._state.unsaved = True
        one = {RefinementOutcome.REFINED: 1}
        self._state.notice.emit(_SKIPPED if refined is None else summarize_outcomes(one))
        self._state.changed.emit()

    def refine_track(self) -> None:
        """Refine all masks of the current object, frame by frame; of a series in all volumes."""
        sync = self._state.sync
        if sync is not None:
            outcomes: Counter[RefinementOutcome] = Counter()
            object_id = self._state.current
            series = sync.series if sync.sessions.series else None
            steps = partial(self._steps, object_id, outcomes, series)
            title = f"Refine object {object_id}"
            self._runs.start(sync, steps, partial(_summary, outcomes), title, [object_id])

    def _steps(
        self,
        object_id: int,
        outcomes: Counter[RefinementOutcome],
        series: SeriesSession | None,
        session: SegmentationSession,
    ) -> Iterator[Refined]:
        self._clicks.wait_for((JobKind.PREDICT, JobKind.REFINE))
        self._state.refining = True
        try:
            if series is not None:
                # So that the progress is that of all volumes, and Stop stops it.
                self._state.running = series
            for refined in (series or session).refine_track([object_id]):
                outcomes[refined.outcome] += 1
                yield refined
        finally:
            self._state.refining = False


def _refine(sessions: SessionGroup, key: PromptKey) -> FrameResult | None:
    """Return the refined mask; None where the mask must be kept."""
    session = sessions[key.position]
    before = session.result(key.object_id, key.frame)
    if before is not None and before.area and not session.refinable(key.object_id, key.frame):
        return None
    return session.refine(key.object_id, key.frame)


def _summary(outcomes: Counter[RefinementOutcome], stopped: bool) -> str:
    tried = outcomes.total() - outcomes[RefinementOutcome.SKIPPED]
    return summarize_outcomes(outcomes) if tried or stopped else _SKIPPED
