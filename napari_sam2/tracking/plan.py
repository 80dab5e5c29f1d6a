"""The plan of a propagation: its sweeps, and the tasks of each frame."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from napari_sam2.core.errors import UserError
from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.masks.mask import MaskOrigin


class PropagationDirection(Enum):
    """Directions along the frames, starting from the conditioning frames."""

    BOTH = "both"
    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, slots=True)
class GrowingRun:
    """A run that is computed in parts, with more objects in each.

    All parts but the last go forward. The next part computes the last frame of the one before
    again, with the objects that were added there. In a backward sweep a track ends where its
    object begins: where it is lost, or where an object has most of its pixels that was tracked
    forward.

    Parameters
    ----------
    name : str
        Identifies the run, whatever objects are added; see :class:`ResumeState`.
    last : bool
        Whether this is the last part.
    """

    name: str
    last: bool


@dataclass(frozen=True, slots=True)
class PropagationRequest:
    """Objects, direction and frames of a propagation.

    Parameters
    ----------
    objects : tuple of int or None
        Object ids; None for all objects with prompts.
    direction : PropagationDirection
        Directions in which objects are tracked.
    frames : tuple of int or None
        Half-open range (first, stop); None for the whole stack.
    growing : GrowingRun or None
        The run that this propagation is a part of; None for a run of its own.

    Raises
    ------
    UserError
        If the range is empty or starts before the stack.
    """

    objects: tuple[int, ...] | None = None
    direction: PropagationDirection = PropagationDirection.BOTH
    frames: tuple[int, int] | None = None
    growing: GrowingRun | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.frames is not None and not 0 <= self.frames[0] < self.frames[1]:
            first, stop = self.frames
            raise UserError(
                f"The frame range {first}:{stop} is empty: "
                "A:B includes frame A and excludes frame B."
            )


class Role(Enum):
    """Whether an object's mask on a frame comes from its prompts or from its track."""

    CONDITION = "condition"
    TRACK = "track"


@dataclass(frozen=True, slots=True)
class Task:
    """One object on one frame of one sweep.

    Parameters
    ----------
    object_id : int
        The label value.
    role : Role
        ``CONDITION`` on the object's conditioning frames.
    shown : bool
        False if an earlier sweep of the run has already given the final result, or if the frame
        only conditions the run and its mask stays as it is.
    blended : bool
        Whether the result is blended with the draft of the earlier sweep.
    final : bool
        Whether no later sweep of the run replaces the result.
    enclosed : bool
        Whether there are conditioning frames on both sides, so that the track cannot have ended.
    """

    object_id: int
    role: Role
    shown: bool
    blended: bool
    final: bool
    enclosed: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pass over the frames in one direction.

    Parameters
    ----------
    direction : MaskOrigin
        ``FORWARD`` or ``BACKWARD``.
    conditioning : Mapping[int, tuple of int]
        Conditioning frames of each object, increasing.
    written : Mapping[int, FrameRanges]
        Frames on which each object gets a new mask. Its other frames are not tracked.
    frames : range
        Frames in the order of computation.
    both : bool
        Whether the run also has a sweep in the other direction.
    ends : bool
        Whether a track ends where its object is lost or an earlier sweep has its pixels, along t
        too.
    """

    direction: MaskOrigin
    conditioning: Mapping[int, tuple[int, ...]]
    written: Mapping[int, FrameRanges]
    frames: range
    both: bool
    ends: bool = False

    @property
    def reverse(self) -> bool:
        """Whether frames decrease."""
        return self.direction is MaskOrigin.BACKWARD

    def tasks(self, frame: int) -> tuple[Task, ...]:
        """Return the tasks of a frame, by object id."""
        tasks = (
            self._task(object_id, prompted, frame)
            for object_id, prompted in self.conditioning.items()
            if (frame <= prompted[-1] if self.reverse else frame >= prompted[0])
        )
        return tuple(task for task in tasks if task.shown or task.role is Role.CONDITION)

    def _task(self, object_id: int, prompted: tuple[int, ...], frame: int) -> Task:
        conditioned = prompted[bisect_right(prompted, frame) - 1] == frame and frame >= prompted[0]
        gap = not conditioned and prompted[0] < frame < prompted[-1]
        second = self.both and self.reverse
        return Task(
            object_id=object_id,
            role=Role.CONDITION if conditioned else Role.TRACK,
            shown=frame in self.written[object_id] and not (conditioned and second),
            blended=gap and second,
            final=not (gap and self.both and not second),
            enclosed=gap,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The sweeps of one run.

    Parameters
    ----------
    sweeps : tuple of Sweep
        In the order of computation.
    continued : bool
        Whether another run continues this one from its last frame, which it computes again.
    """

    sweeps: tuple[Sweep, ...]
    continued: bool = False

    @property
    def objects(self) -> tuple[int, ...]:
        """Ids of the propagated objects, increasing."""
        return tuple(self.conditioning)

    @property
    def conditioning(self) -> dict[int, tuple[int, ...]]:
        """All conditioning frames of each object, by increasing id."""
        frames: dict[int, set[int]] = {}
        for sweep in self.sweeps:
            for object_id, prompted in sweep.conditioning.items():
                frames.setdefault(object_id, set()).update(prompted)
        return {object_id: tuple(sorted(frames[object_id])) for object_id in sorted(frames)}

    def steps(self) -> Iterator[tuple[int, int]]:
        """Yield (number of the sweep, frame) in the order of computation."""
        for number, sweep in enumerate(self.sweeps):
            for frame in sweep.frames:
                yield number, frame

    @property
    def n_steps(self) -> int:
        """Number of frames of all sweeps; a frame in both sweeps counts twice."""
        return sum(len(sweep.frames) for sweep in self.sweeps)


def make_plan(
    request: PropagationRequest,
    prompted: Mapping[int, Sequence[int]],
    n_frames: int,
    absent: Mapping[int, FrameRanges] | None = None,
) -> Plan:
    """Return the plan of a propagation.

    Parameters
    ----------
    request : PropagationRequest
        Objects, direction and frames.
    prompted : Mapping[int, Sequence[int]]
        Conditioning frames of each object.
    n_frames : int
        Length of the propagated axis.
    absent : Mapping[int, FrameRanges] or None
        Frames on which an object gets no mask.

    Returns
    -------
    Plan
        A forward and a backward sweep, or the requested one. A backward sweep that would give no
        new result is omitted.

    Raises
    ------
    UserError
        If an object has no prompt in the range, or the range exceeds the stack.
    """
    first, stop = frame_range(request, n_frames)
    ids = sorted(prompted) if request.objects is None else sorted(set(request.objects))
    frames = {object_id: _inside(object_id, prompted, first, stop) for object_id in ids}
    if request.objects is None:
        frames = {object_id: inside for object_id, inside in frames.items() if inside}
    missing = [object_id for object_id, inside in frames.items() if not inside]
    if missing or not frames:
        who = f"Object {missing[0]} has no prompt" if missing else "No object has a prompt"
        raise UserError(
            f"{who} on the frames {first}:{stop}. Add a prompt, or choose a larger range."
        )
    everything, nothing = FrameRanges(((first, stop),)), FrameRanges()
    written = {o: everything - (absent or {}).get(o, nothing) for o in frames}
    sweeps = make_sweeps(frames, written, request.direction, (first, stop))
    growing = request.growing
    if growing is None:
        return Plan(sweeps)
    return Plan(tuple(replace(s, ends=s.reverse) for s in sweeps), continued=not growing.last)


def make_sweeps(
    conditioning: Mapping[int, tuple[int, ...]],
    written: Mapping[int, FrameRanges],
    direction: PropagationDirection,
    frames: tuple[int, int],
) -> tuple[Sweep, ...]:
    """Return the sweeps that track objects over a range of frames.

    Parameters
    ----------
    conditioning : Mapping[int, tuple of int]
        Conditioning frames of each object, increasing. They may lie outside the range; a sweep
        then starts on them.
    written : Mapping[int, FrameRanges]
        Frames of the range on which each object gets a new mask.
    direction : PropagationDirection
        One sweep, or both; a sweep that would give no new result is omitted.
    frames : (int, int)
        Half-open range, in which sweeps end.
    """
    first, stop = frames
    both = direction is PropagationDirection.BOTH
    sweeps = []
    if direction is not PropagationDirection.BACKWARD:
        start = min(inside[0] for inside in conditioning.values())
        forward = range(start, stop)
        sweeps.append(Sweep(MaskOrigin.FORWARD, conditioning, written, forward, both))
    if direction is not PropagationDirection.FORWARD:
        start = max(inside[-1] for inside in conditioning.values())
        back = range(start, first - 1, -1)
        backward = Sweep(MaskOrigin.BACKWARD, conditioning, written, back, both)
        if not both or _adds_something(backward, first):
            sweeps.append(backward)
    return tuple(sweep for sweep in sweeps if sweep.frames)


def _adds_something(backward: Sweep, first: int) -> bool:
    return any(
        inside[0] > first or inside[-1] - inside[0] >= len(inside)
        for inside in backward.conditioning.values()
    )


def frame_range(request: PropagationRequest, n_frames: int) -> tuple[int, int]:
    """Return the half-open range of a request; UserError if it exceeds the stack."""
    first, stop = request.frames or (0, n_frames)
    if first >= n_frames or stop > n_frames:
        raise UserError(
            f"The frame range {first}:{stop} reaches beyond the {n_frames} frames of the stack."
        )
    return first, stop


def _inside(
    object_id: int, prompted: Mapping[int, Sequence[int]], first: int, stop: int
) -> tuple[int, ...]:
    return tuple(f for f in sorted(set(prompted.get(object_id, ()))) if first <= f < stop)
