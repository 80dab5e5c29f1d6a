"""Runs a plan: all its sweeps, with checkpoints and blending of both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from napari_sam2.masks.mask import FrameResult
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.tracking.blending import blend_directions
from napari_sam2.tracking.exclusion import Exclusion
from napari_sam2.tracking.plan import Plan, Role, Sweep, Task
from napari_sam2.tracking.resume_state import Journal, ResumeState
from napari_sam2.tracking.sweep import SweepRunner


@dataclass(frozen=True, slots=True)
class SweptFrame:
    """The results of one frame of one sweep.

    Parameters
    ----------
    results : tuple of FrameResult
        By object id; empty if an earlier sweep has already given all of them.
    done : int
        Number of frames swept so far, including those before an interruption.
    revised : tuple of FrameResult
        Results of an earlier sweep that this frame has changed, by frame.
    """

    results: tuple[FrameResult, ...]
    done: int
    revised: tuple[FrameResult, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """A frame of one sweep whose objects were tracked, and have not competed for pixels yet.

    Parameters
    ----------
    done : int
        Number of frames swept so far, including those before an interruption.
    exclude : Callable
        Lets the objects compete with each other and with the stored masks, and returns the
        results. Call it once, and store the results before any stored mask of the frame changes.
    """

    done: int
    exclude: Callable[[], SweptFrame]


@dataclass(frozen=True)
class Propagation:
    """Runs a plan.

    Parameters
    ----------
    make_runner : Callable
        Returns the runner of a sweep.
    masks : SegmentationStore
        Holds the drafts of the forward sweep, for blending.
    journal : Journal
        Stores checkpoints.
    checkpoint_every : int
        Number of frames between checkpoints.
    run_id : str
        Identifies the request, prompts, settings and weights; a checkpoint of another run is not
        used.
    exclusion : Exclusion or None
        Decides which object has each pixel; None lets masks overlap.
    """

    make_runner: Callable[[Sweep], SweepRunner]
    masks: SegmentationStore
    journal: Journal
    checkpoint_every: int
    run_id: str
    exclusion: Exclusion | None = None

    def run(
        self, plan: Plan, cancelled: Callable[[], bool], *, resume: bool = False
    ) -> Iterator[TrackedFrame]:
        """Yield one frame after the other; store its results before requesting the next.

        Parameters
        ----------
        plan : Plan
            The sweeps.
        cancelled : Callable
            Called before each frame; when it returns True, a checkpoint is stored and the run
            ends.
        resume : bool
            Continue from the last checkpoint of the same run. Frames after it are computed again
            with identical results.
        """
        start = self._start(resume)
        before = 0
        for number, sweep in enumerate(plan.sweeps):
            if number >= start.sweep:
                runner = self.make_runner(sweep)
                first = start.done if number == start.sweep else 0
                runner.restore_tracks(start.tracks if number == start.sweep else ())
                for done in range(first, len(sweep.frames)):
                    if cancelled():
                        return self._checkpoint(number, done, runner)
                    frame, swept = sweep.frames[done], before + done + 1
                    results = self._results(runner, sweep, frame)
                    exclude = partial(self._exclude, runner, number, frame, results, swept)
                    yield TrackedFrame(swept, exclude)
                    if (done + 1) % self.checkpoint_every == 0:
                        self._checkpoint(number, done + 1, runner)
            before += len(sweep.frames)
        self.journal.checkpoint(ResumeState(self.run_id, len(plan.sweeps)).to_bytes())

    def _results(self, runner: SweepRunner, sweep: Sweep, frame: int) -> tuple[FrameResult, ...]:
        tasks = sweep.tasks(frame)
        results = runner.step(frame, tasks)
        return tuple(
            self._blended(sweep, task, results[task.object_id]) for task in tasks if task.shown
        )

    def _exclude(
        self,
        runner: SweepRunner,
        number: int,
        frame: int,
        results: tuple[FrameResult, ...],
        done: int,
    ) -> SweptFrame:
        """Return the results after the competition for pixels."""
        if self.exclusion is None or not results:
            return SweptFrame(results, done)
        found = self.exclusion.apply(number, frame, results)
        runner.exclude(found.excluded)
        return SweptFrame(found.results, done, found.revised)

    def _blended(self, sweep: Sweep, task: Task, result: FrameResult) -> FrameResult:
        if not task.blended or task.role is Role.CONDITION:
            return result
        draft = self.masks.draft(task.object_id, result.frame)
        if draft is None:
            return result
        conditioning = sweep.conditioning[task.object_id]
        before = max(f for f in conditioning if f < result.frame)
        after = min(f for f in conditioning if f > result.frame)
        return blend_directions(draft, result, (before, after))

    def _start(self, resume: bool) -> ResumeState:
        data = self.journal.last_checkpoint() if resume else None
        stored = None if data is None else ResumeState.from_bytes(data, self.run_id)
        return stored or ResumeState(self.run_id)

    def _checkpoint(self, sweep: int, done: int, runner: SweepRunner) -> None:
        state = ResumeState(self.run_id, sweep, done, runner.tracks_to_state())
        self.journal.checkpoint(state.to_bytes())
