"""Propagation through a series of volumes, along t and z."""

from collections.abc import Iterator, Sequence
from functools import partial
from threading import Event

from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.analysis.series_summary import series_summary
from napari_sam2.core.errors import UserError
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.volume_series.series_run import SeriesProgress
from napari_sam2.session.volume_series.series_session import SeriesSession
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.tracking.volume_series.plan import SeriesPlan

_NO_RANGE = (
    "A range of frames counts along one axis and cannot be used along t and z. Choose all frames "
    "in More > Direction and range."
)
_UP_TO_DATE = "All masks are up to date: no prompt, model or contrast has changed."
_STOPPED = "Stopped; finished planes are kept. Propagate again to continue."


class VolumeJobs:
    """Starts propagations through time and depth.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    runs : RunJobs
        Runs the propagations.
    """

    def __init__(self, state: ControllerState, runs: RunJobs) -> None:
        self._state = state
        self._runs = runs

    @property
    def active(self) -> bool:
        """Whether objects are tracked along t and z."""
        return self._state.sync is not None and self._state.sync.sessions.series

    def plan(self, direction: PropagationDirection) -> SeriesPlan | None:
        """Return what a propagation of the current object would compute; None for nothing."""
        sync, object_id = self._state.sync, self._state.current
        if sync is None or not self._state.is_open(object_id):
            return None
        try:
            plan = sync.series.plan((object_id,), direction)
        except UserError:
            return None
        return plan if plan.steps else None

    def n_planes(self, direction: PropagationDirection) -> int:
        """Return how many planes of the current object :meth:`propagate` would compute."""
        plan, sync = self.plan(direction), self._state.sync
        return 0 if plan is None or sync is None else sync.series.n_planes(plan)

    def text(self, plan: SeriesPlan | None) -> str:
        """Return e.g. ``"70 planes: t=0, then 1 to 9"``; empty for no plan."""
        if plan is None or self._state.sync is None:
            return ""
        return f"{self._state.sync.series.n_planes(plan)} planes: {plan.order}"

    def propagate(
        self,
        objects: Sequence[int],
        direction: PropagationDirection,
        frames: tuple[int, int] | None,
    ) -> None:
        """Propagate some objects through the volumes where their prompts have changed.

        Parameters
        ----------
        objects : sequence of int
            Ids of objects with prompts.
        direction : PropagationDirection
            Directions in time.
        frames : (int, int) or None
            A range of frames is refused.
        """
        sync = self._state.sync
        if sync is None:
            return
        if frames is not None:
            self._state.notice.emit(_NO_RANGE)
            return
        one = len(objects) == 1
        title = f"Propagate object {objects[0]}" if one else f"Propagate {len(objects)} objects"
        begun = Event()

        def summary(_: bool) -> str:
            return series_summary(sync.sessions.masks, objects) if begun.is_set() else _UP_TO_DATE

        self._runs.start(
            sync,
            partial(self._steps, sync.series, objects, direction, begun),
            summary,
            title,
            objects,
            _STOPPED,
        )

    def _steps(
        self,
        series: SeriesSession,
        objects: Sequence[int],
        direction: PropagationDirection,
        begun: Event,
        _: SegmentationSession,
    ) -> Iterator[SeriesProgress]:
        """Yield the progress; nothing if an earlier run has already computed the planes."""
        plan = series.plan(objects, direction)
        if not plan.steps:
            return
        begun.set()
        self._state.notice.emit(f"{self.text(plan)}.")
        # So that the progress is that of all volumes, and Stop stops it.
        self._state.running = series
        yield from series.propagate(objects, direction)
