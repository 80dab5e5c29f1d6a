"""The plan of a run through a series of volumes: which volume is computed when, and from what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from napari_sam2.core.errors import UserError
from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.tracking.plan import PropagationDirection

TIME_AND_DEPTH = "t,z"
"""The axes of objects that are followed through a series of volumes."""
_MOST_LISTED = 8


@dataclass(frozen=True, slots=True)
class VolumeStep:
    """The computation of some objects in the volume of one time point.

    Parameters
    ----------
    time : int
        The time point.
    starts : Mapping[int, int]
        The prompted time point from which each object is followed, by id; ``time`` itself for
        objects that are prompted in this volume.
    """

    time: int
    starts: Mapping[int, int]

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of the objects, increasing."""
        return tuple(self.starts)

    @property
    def prompted(self) -> bool:
        """Whether the objects are prompted in this volume."""
        return self.time in self.starts.values()

    @property
    def direction(self) -> int:
        """1 if time increases from the prompts to this volume, -1 if it decreases, else 0."""
        start = next(iter(self.starts.values()))
        return (self.time > start) - (self.time < start)

    def sources(self, object_id: int) -> range:
        """Return the time points that an object may be followed from, the nearest one first."""
        start, step = self.starts[object_id], self.direction
        return range(self.time - step, start - step, -step) if step else range(0)


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """The steps of a run through a series of volumes, in the order of computation.

    Parameters
    ----------
    steps : tuple of VolumeStep
        First the prompted volumes, then those after them in time, then those before them.
    """

    steps: tuple[VolumeStep, ...]

    def lines(self) -> tuple[str, ...]:
        """Return the plan as text, one line per group of steps."""
        groups = [list(g) for _, g in groupby(self.steps, lambda s: (s.direction, s.objects))]
        return tuple(f"{n}. {_text(steps)}" for n, steps in enumerate(groups, 1))

    @property
    def order(self) -> str:
        """The time points in the order of computation, e.g. ``"t=2, then 3 to 9, then 1 to 0"``."""
        groups = (tuple(g) for _, g in groupby(self.steps, lambda step: step.direction))
        return f"t={', then '.join(map(_times, groups))}" if self.steps else ""

    def restricted(self, needed: Callable[[VolumeStep, int], bool]) -> SeriesPlan:
        """Return the plan of those objects in each step for which a function returns True."""
        steps = (
            replace(step, starts={o: t for o, t in step.starts.items() if needed(step, o)})
            for step in self.steps
        )
        return SeriesPlan(tuple(step for step in steps if step.starts))


def make_series_plan(
    prompted: Mapping[int, Sequence[int]],
    n_times: int,
    direction: PropagationDirection = PropagationDirection.BOTH,
) -> SeriesPlan:
    """Return the plan of a run through a series of volumes.

    Each volume is computed from the nearest prompted one of an object, the earlier one if two are
    equally near, by way of the volumes between them.

    Parameters
    ----------
    prompted : Mapping[int, Sequence[int]]
        Prompted time points of each object.
    n_times : int
        Number of time points.
    direction : PropagationDirection
        Directions in time, from the prompted time points.

    Raises
    ------
    UserError
        If there is no prompt.
    """
    if not any(prompted.values()):
        raise UserError("No object has a prompt. Give at least one.")
    every = range(n_times)
    steps = [step for time in every for step in _step(prompted, time, 0)]
    if direction is not PropagationDirection.BACKWARD:
        steps += [step for time in every for step in _step(prompted, time, 1, direction)]
    if direction is not PropagationDirection.FORWARD:
        steps += [step for time in every[::-1] for step in _step(prompted, time, -1, direction)]
    return SeriesPlan(tuple(steps))


def _step(
    prompted: Mapping[int, Sequence[int]],
    time: int,
    sign: int,
    direction: PropagationDirection = PropagationDirection.BOTH,
) -> Iterator[VolumeStep]:
    """Yield the step of a volume in one direction, if it has any object."""
    starts = {}
    for object_id in sorted(prompted):
        start = _start(prompted[object_id], time, direction)
        if start is not None and (time > start) - (time < start) == sign:
            starts[object_id] = start
    if starts:
        yield VolumeStep(time, starts)


def _start(times: Sequence[int], time: int, direction: PropagationDirection) -> int | None:
    """Return the prompted time point from which a volume is reached; None if it is not."""
    forward = direction is not PropagationDirection.BACKWARD
    backward = direction is not PropagationDirection.FORWARD
    reached = [t for t in times if t == time or (forward if t < time else backward)]
    return min(reached, key=lambda t: (abs(t - time), t), default=None)


def _times(steps: Sequence[VolumeStep]) -> str:
    """Return the time points of steps in one direction, in the order of the steps."""
    first, last = steps[0].time, steps[-1].time
    if first - last == len(steps) - 1 > 0:
        return f"{first} to {last}"
    return str(FrameRanges.of(step.time for step in steps))


def _text(steps: Sequence[VolumeStep]) -> str:
    times = _times(steps)
    ids = steps[0].objects
    more = "" if len(ids) <= _MOST_LISTED else f" and {len(ids) - _MOST_LISTED} more"
    listed = ", ".join(map(str, ids[:_MOST_LISTED])) + more
    who = f"object{'s' * (len(ids) > 1)} {listed}"
    if steps[0].prompted:
        return f"t={times}: {who}, along z from the prompts."
    order = "increasing" if steps[0].direction > 0 else "decreasing"
    each = f", in {order} order" if len(steps) > 1 else ""
    near = "before" if steps[0].direction > 0 else "after"
    return f"t={times}{each}: {who}, along t from the time point {near} on one plane, then along z."
