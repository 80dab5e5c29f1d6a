"""A run through a series of volumes: along z within time points, along t between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.session.pipeline import make_feature_cache
from napari_sam2.session.volume_series.axis_run import AxisRun, SeriesParts
from napari_sam2.tracking.plan import (
    Plan,
    PropagationDirection,
    PropagationRequest,
    make_plan,
    make_sweeps,
)
from napari_sam2.tracking.volume_series.key_planes import key_planes
from napari_sam2.tracking.volume_series.plan import SeriesPlan, VolumeStep, make_series_plan
from napari_sam2.tracking.volume_series.state import SeriesState, StepJournal

if TYPE_CHECKING:
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.tracking.resume_state import Journal

REMEMBERED = 1
"""Number of time points that the model remembers when an object is followed to the next one."""


@dataclass(frozen=True, slots=True)
class SeriesProgress:
    """How far a run has come.

    Parameters
    ----------
    done, total : int
        Planes that are computed and all planes of the run; a plane counts once per step of the
        plan, and once if the series has one plane per time point.
    steps : int
        Steps of the plan that are complete; 0 if the series has one plane per time point.
    """

    done: int
    total: int
    steps: int = 0


@dataclass(frozen=True, slots=True)
class _StepPart:
    """A part of a step of the plan: the position of the step, number and count of its parts."""

    position: int
    number: int
    count: int


class VolumePrompts(Protocol):
    """The prompts of a run; see :class:`SeriesPrompts`."""

    def times(self) -> Mapping[int, Sequence[int]]:
        """Return the prompted time points of each object, increasing."""

    def at(self, time: int) -> PromptStore:
        """Return the prompts in the volume of a time point, with frames along z."""

    def along_time(self) -> PromptStore:
        """Return the prompts of a series of one plane per time point, with frames along t."""


class SeriesRun:
    """Follows objects through a series of volumes, from prompts on some of its planes.

    The volumes of prompted time points are computed along z. From there each object is followed
    along t to the next time point, on the plane where it is largest, and from this plane along z
    through the volume. An object that is not found at a time point may return: it is looked for
    again at the next one. A series with one plane per time point is a single run along t.

    Parameters
    ----------
    parts : SeriesParts
        Images, model and masks.
    prompts : VolumePrompts
        The prompts.
    journal : Journal
        Stores the state that an interrupted run resumes from.
    direction : PropagationDirection
        Directions in time; of a single volume, directions along z.
    plan : SeriesPlan or None
        What is computed; None for all objects with prompts.
    """

    def __init__(
        self,
        parts: SeriesParts,
        prompts: VolumePrompts,
        journal: Journal,
        direction: PropagationDirection = PropagationDirection.BOTH,
        plan: SeriesPlan | None = None,
    ) -> None:
        lengths = dict(zip(parts.stack.label_axes, parts.stack.label_shape, strict=True))
        self._times, self._depth = lengths["T"], lengths["Z"]
        self._parts = replace(parts, cache=parts.cache or make_feature_cache(parts.settings))
        self._prompts = prompts
        self._journal = journal
        self._direction = direction
        self.plan: SeriesPlan = plan or make_series_plan(prompts.times(), self._times, direction)

    def plan_lines(self) -> tuple[str, ...]:
        """Return the plan of the run as text, one line per group of steps."""
        if self._depth > 1:
            return self.plan.lines()
        return (f"1. t=0 to {self._times - 1}: all objects, along t on the only plane.",)

    def run(
        self, cancelled: Callable[[], bool], *, resume: bool = False
    ) -> Iterator[SeriesProgress]:
        """Compute all masks, and yield the progress after each frame was stored.

        Parameters
        ----------
        cancelled : Callable
            Called before each frame; the run ends when it returns True.
        resume : bool
            Continue from the last checkpoint of the journal; the masks are those of a run without
            interruption.

        Raises
        ------
        UserError
            If an object has only clicks outside on a plane.
        StackReadError
            If a plane cannot be read; what is complete stays.
        """
        if self._depth == 1:
            yield from self._along_time(cancelled, resume)
            return
        data = self._journal.last_checkpoint() if resume else None
        state = SeriesState(-1) if data is None else SeriesState.from_bytes(data)
        total = len(self.plan.steps) * self._depth
        clear = resume
        for number, part, step in self._steps(state.step):
            known = state if number == state.step else None
            # Masks of an incomplete search along t would compete with those of its repetition.
            begun, clear = clear and known is None, clear and known is not None
            for share in self._step(number, step, known, cancelled, clear=begun):
                done = round((part.position + (part.number + share) / part.count) * self._depth)
                finished = share == 1 and part.number + 1 == part.count
                yield SeriesProgress(done, total, part.position + finished)
            if cancelled():
                return

    def _steps(self, first: int) -> Iterator[tuple[int, _StepPart, VolumeStep]]:
        """Yield the parts of the steps of the plan, with increasing numbers from ``first``.

        A step has up to two parts: first the objects that were found at the time point before,
        then those that were lost. Thus an object that returns takes no pixels of one that was
        there.
        """
        for position, step in enumerate(self.plan.steps):
            lost = {object_id: self._lost(step, object_id) for object_id in step.starts}
            order = sorted(set(lost.values()))
            for number, returning in enumerate(order):
                starts = {o: t for o, t in step.starts.items() if lost[o] is returning}
                if (count := 2 * position + returning) >= first:
                    part = _StepPart(position, number, len(order))
                    yield count, part, replace(step, starts=starts)

    def _lost(self, step: VolumeStep, object_id: int) -> bool:
        """Return whether an object was not found at the time point that a step starts from."""
        sources = step.sources(object_id)
        return bool(sources) and not any(
            self._areas(object_id, sources[0], range(self._depth)).values()
        )

    def _along_time(self, cancelled: Callable[[], bool], resume: bool) -> Iterator[SeriesProgress]:
        run = AxisRun(self._parts, "t", {"z": 0})
        prompts = self._prompts.along_time()
        frames = run.conditioning(prompts)
        plan = make_plan(PropagationRequest(direction=self._direction), frames, self._times)
        given = run.user_prompts(prompts, plan.conditioning)
        for done in run.run(plan, given, cancelled, self._journal, "t", resume=resume):
            yield SeriesProgress(done, plan.n_steps)

    def _step(
        self,
        number: int,
        step: VolumeStep,
        state: SeriesState | None,
        cancelled: Callable[[], bool],
        *,
        clear: bool,
    ) -> Iterator[float]:
        """Compute the volume of a step, and yield the computed share of it."""
        volume = AxisRun(self._parts, "z", {"t": step.time})
        if state is None:
            if self._parts.writer is not None:
                self._parts.writer.clear(step.time, step.objects)
            elif clear:
                for object_id in step.objects:
                    volume.store.delete(object_id, None)
            planes = {} if step.prompted else self._find(step, cancelled)
            if cancelled():
                return
            state = SeriesState(number, tuple(sorted(planes.items())))
            self._journal.checkpoint(state.to_bytes())
        plan = self._prompted_plan(volume, step) if step.prompted else self._plan(state)
        if plan is not None:
            prompts = (
                volume.user_prompts(self._prompts.at(step.time), plan.conditioning)
                if step.prompted
                else volume.stored_masks(plan.conditioning)
            )
            journal = StepJournal(self._journal, state)
            for done in volume.run(plan, prompts, cancelled, journal, str(number), resume=True):
                yield done / plan.n_steps
        if not cancelled():
            yield 1.0

    def _prompted_plan(self, volume: AxisRun, step: VolumeStep) -> Plan:
        """Return the plan of a prompted volume."""
        single = self._times == 1
        direction = self._direction if single else PropagationDirection.BOTH
        frames = volume.conditioning(self._prompts.at(step.time))
        return make_plan(PropagationRequest(step.objects, direction), frames, self._depth)

    def _plan(self, state: SeriesState) -> Plan | None:
        """Return the plan that completes a volume along z; None if no object was found in it."""
        if not state.planes:
            return None
        everything = FrameRanges(((0, self._depth),))
        conditioning = {object_id: (z,) for object_id, z in state.planes}
        written = {o: everything - FrameRanges.of(frames) for o, frames in conditioning.items()}
        both = PropagationDirection.BOTH
        return Plan(make_sweeps(conditioning, written, both, (0, self._depth)))

    def _find(self, step: VolumeStep, cancelled: Callable[[], bool]) -> dict[int, int]:
        """Follow the objects of a step along t, and return the plane where each was found."""
        found: dict[int, int] = {}
        every = {
            object_id: list(self._planes_to_try(step, object_id)) for object_id in step.objects
        }
        candidates = {object_id: planes for object_id, planes in every.items() if planes}
        while candidates and not cancelled():
            groups: defaultdict[int, dict[int, tuple[int, ...]]] = defaultdict(dict)
            for object_id, planes in candidates.items():
                z, times = planes.pop(0)
                groups[z][object_id] = times
            for z, members in sorted(groups.items()):
                if cancelled():
                    break
                found |= dict.fromkeys(self._follow(step, z, members), z)
            candidates = {
                o: planes for o, planes in candidates.items() if planes and o not in found
            }
        return found

    def _planes_to_try(
        self, step: VolumeStep, object_id: int
    ) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """Return the planes on which to look for an object, each with the times to remember."""
        sources = step.sources(object_id)
        for number, time in enumerate(sources):
            planes = key_planes(self._areas(object_id, time, range(self._depth)))
            if planes:
                earlier = sources[number + 1 : number + REMEMBERED]
                return tuple((z, self._seen(object_id, z, (time, *earlier))) for z in planes)
        return ()

    def _seen(self, object_id: int, z: int, times: Sequence[int]) -> tuple[int, ...]:
        """Return the times, increasing, at which an object has pixels on a plane."""
        return tuple(sorted(t for t in times if self._areas(object_id, t, range(z, z + 1))[z]))

    def _areas(self, object_id: int, time: int, depths: range) -> dict[int, int]:
        """Return the area of an object on some planes of a volume."""
        found = {z: self._parts.masks.get(object_id, (time, z)) for z in depths}
        return {z: 0 if record is None else record.area for z, record in found.items()}

    def _follow(
        self, step: VolumeStep, z: int, members: dict[int, tuple[int, ...]]
    ) -> Iterator[int]:
        """Follow objects along t on one plane, and yield those that are found."""
        times = [step.time, *(time for frames in members.values() for time in frames)]
        run = AxisRun(self._parts, "t", {"z": z}, range(min(times), max(times) + 1))
        here = (step.time, step.time + 1)
        written = dict.fromkeys(members, FrameRanges((here,)))
        forward = step.direction > 0
        direction = PropagationDirection.FORWARD if forward else PropagationDirection.BACKWARD
        plan = Plan(make_sweeps(members, written, direction, here))
        for _ in run.run(plan, run.stored_masks(members), lambda: False):
            pass
        for object_id in members:
            if run.area(object_id, step.time):
                yield object_id
