"""Follow objects from their prompted frames through the stack, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import FrameResult, MaskOrigin
from napari_sam2.tracking.blending import blend_directions
from napari_sam2.tracking.plan import Plan, Role, Sweep, Task
from napari_sam2.tracking.resume_state import ResumeState, pack, unpack
from napari_sam2.tracking.sweep import SweepRunner


@dataclass(frozen=True, slots=True)
class SweptFrame:
    """One frame of one sweep.

    Parameters
    ----------
    results : tuple of FrameResult
        By object id; empty where an earlier sweep has given all that there is.
    done : int
        Frames swept so far, with those of earlier, interrupted runs.
    """

    results: tuple[FrameResult, ...]
    done: int


class RunRecorder(Protocol):
    """Keeps what is done, and what an interrupted run needs to go on."""

    def mark(self, object_ids: Iterable[int], direction: MaskOrigin, index: PlaneIndex) -> None:
        """Say that a plane is complete for these objects; called after its last write."""

    def forget(self, object_id: int | None = None) -> None:
        """Drop what was said about an object, or everything, and the checkpoint."""

    def checkpoint(self, data: bytes) -> None:
        """Keep ``data`` in place of the checkpoint before; atomically."""

    def last_checkpoint(self) -> bytes | None:
        """Return what was kept last, or None for a fresh run."""


class DraftReader(Protocol):
    """Gives back the drafts of the forward sweep."""

    def draft(self, object_id: int, frame: int) -> FrameResult | None:
        """Return an object's draft on a frame, or None."""


class NoRecorder:
    """Keeps nothing: an interrupted run starts afresh."""

    def mark(self, object_ids: Iterable[int], direction: MaskOrigin, index: PlaneIndex) -> None:
        """Ignore what is done."""

    def forget(self, object_id: int | None = None) -> None:
        """Do nothing, as nothing is known."""

    def checkpoint(self, data: bytes) -> None:
        """Forget ``data``."""

    def last_checkpoint(self) -> bytes | None:
        """Return None."""
        return None


@dataclass(frozen=True)
class Propagation:
    """Runs a plan.

    Parameters
    ----------
    sweep_runner : Callable
        Makes the sweeper of one sweep.
    drafts : DraftReader
        Where the results of this run are found again for blending.
    recorder : RunRecorder
        Keeps checkpoints.
    checkpoint_every : int
        Frames between checkpoints.
    run_id : str
        Identifies the request and the prompts; a checkpoint of another run is not used.
    """

    sweep_runner: Callable[[Sweep], SweepRunner]
    drafts: DraftReader
    recorder: RunRecorder
    checkpoint_every: int
    run_id: str

    def run(
        self, plan: Plan, cancelled: Callable[[], bool], *, resume: bool = False
    ) -> Iterator[SweptFrame]:
        """Iterate over the results of one frame after the other.

        What was given is to be stored before the next item is asked for.

        Parameters
        ----------
        plan : Plan
            What to compute.
        cancelled : Callable
            Asked before each frame; when it says yes, the run keeps a checkpoint and ends.
        resume : bool
            Go on from the last checkpoint of the same run. Frames after it are computed again,
            identically.

        Yields
        ------
        SweptFrame
            One frame's results, perhaps none.
        """
        start = self._start(resume)
        before = 0
        for number, sweep in enumerate(plan.sweeps):
            if number >= start.sweep:
                sweep_runner = self.sweep_runner(sweep)
                first = start.done if number == start.sweep else 0
                sweep_runner.restore(start.tracks if number == start.sweep else ())
                for done in range(first, len(sweep.frames)):
                    if cancelled():
                        return self._keep(number, done, sweep_runner)
                    results = self._frame(sweep_runner, sweep, sweep.frames[done])
                    yield SweptFrame(results, before + done + 1)
                    if (done + 1) % self.checkpoint_every == 0:
                        self._keep(number, done + 1, sweep_runner)
            before += len(sweep.frames)
        self.recorder.checkpoint(pack(ResumeState(self.run_id, len(plan.sweeps), 0, ())))

    def _frame(
        self, sweep_runner: SweepRunner, sweep: Sweep, frame: int
    ) -> tuple[FrameResult, ...]:
        tasks = sweep.tasks(frame)
        results = sweep_runner.step(frame, tasks)
        return tuple(
            self._settle(sweep, task, results[task.object_id]) for task in tasks if task.shown
        )

    def _settle(self, sweep: Sweep, task: Task, result: FrameResult) -> FrameResult:
        if not task.blended or task.role is Role.CONDITION:
            return result
        draft = self.drafts.draft(task.object_id, result.frame)
        if draft is None:
            return result
        prompted = sweep.conditioning[task.object_id]
        before = max(f for f in prompted if f < result.frame)
        after = min(f for f in prompted if f > result.frame)
        return blend_directions(draft, result, (before, after))

    def _start(self, resume: bool) -> ResumeState:
        data = self.recorder.last_checkpoint() if resume else None
        kept = None if data is None else unpack(data, self.run_id)
        return kept or ResumeState(self.run_id, 0, 0, ())

    def _keep(self, number: int, done: int, sweep_runner: SweepRunner) -> None:
        kept = ResumeState(self.run_id, number, done, sweep_runner.saved())
        self.recorder.checkpoint(pack(kept))
