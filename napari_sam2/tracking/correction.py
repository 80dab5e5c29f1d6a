"""Which frames of an object must be propagated again after its prompts have changed."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import or_

from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.tracking.plan import (
    Plan,
    PropagationDirection,
    PropagationRequest,
    frame_range,
    make_sweeps,
)


@dataclass(frozen=True, slots=True)
class TrackStatus:
    """What of an object's track is up to date.

    Parameters
    ----------
    conditioning : tuple of int
        Conditioning frames, increasing: those with prompts or a locked mask.
    changed : Set of int
        Frames whose prompts were added, changed or removed since the object was tracked.
    outdated : FrameRanges
        Frames whose masks do not follow from the present prompts for another reason: they were
        never computed, or a run stopped before them.
    kept : FrameRanges
        Frames whose masks stay as they are: locked masks, and frames without the object.
    n_frames : int
        Length of the propagated axis.
    """

    conditioning: tuple[int, ...]
    changed: Set[int]
    outdated: FrameRanges
    kept: FrameRanges
    n_frames: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of frames between conditioning frames that are up to date.

    Parameters
    ----------
    conditioning : tuple of int
        Conditioning frames in the range and on both sides of it, increasing.
    frames : (int, int)
        Half-open range.
    written : FrameRanges
        Frames of the range that get a new mask.
    """

    conditioning: tuple[int, ...]
    frames: tuple[int, int]
    written: FrameRanges


@dataclass(frozen=True, slots=True)
class Correction:
    """The frames of one object that a propagation computes.

    Parameters
    ----------
    object_id : int
        The label value.
    direction : PropagationDirection
        Directions in which the object is tracked.
    stretches : tuple of Stretch
        By increasing frame. Each is tracked on its own, so that its masks do not depend on what
        else is computed.
    """

    object_id: int
    direction: PropagationDirection
    stretches: tuple[Stretch, ...]

    @property
    def frames(self) -> FrameRanges:
        """All frames that get a new mask."""
        return reduce(or_, (stretch.written for stretch in self.stretches), FrameRanges())

    @property
    def n_frames(self) -> int:
        """Number of frames that get a new mask."""
        return len(self.frames)

    def plan(self) -> Plan:
        """Return the sweeps that compute the frames."""
        return Plan(
            tuple(
                sweep
                for stretch in self.stretches
                for sweep in make_sweeps(
                    {self.object_id: stretch.conditioning},
                    {self.object_id: stretch.written},
                    self.direction,
                    stretch.frames,
                )
            )
        )


@dataclass(frozen=True, slots=True)
class _Gap:
    """The frames between two neighboring conditioning frames, or outside all of them."""

    first: int
    stop: int
    sides: tuple[int, ...]


def find_correction(
    object_id: int, status: TrackStatus, request: PropagationRequest
) -> Correction | None:
    """Return the frames that must be computed so that all masks follow from the present prompts.

    These are the gaps beside a changed conditioning frame and those that contain a removed or an
    outdated frame. Conditioning frames get a new mask only if their prompts have changed.

    Parameters
    ----------
    object_id : int
        The label value.
    status : TrackStatus
        What is up to date.
    request : PropagationRequest
        Direction and frames; frames outside its range are ignored, as are its objects.

    Returns
    -------
    Correction or None
        None if there is nothing to compute, or no conditioning frame to start from.

    Raises
    ------
    UserError
        If the range exceeds the stack.
    """
    first, stop = frame_range(request, status.n_frames)
    conditioning = tuple(f for f in status.conditioning if first <= f < stop)
    if not conditioning:
        return None
    gaps = _gaps(conditioning, first, stop)
    if request.direction is PropagationDirection.FORWARD:
        gaps = gaps[1:]
    if request.direction is PropagationDirection.BACKWARD:
        gaps = gaps[:-1]
    chains: list[list[_Gap]] = []
    for gap in gaps:
        if _is_outdated(gap, status):
            linked = bool(chains) and chains[-1][-1].sides[-1:] == gap.sides[:1]
            chains = [*chains[:-1], [*chains[-1], gap]] if linked else [*chains, [gap]]
    stretches = [_stretch(chain, status) for chain in chains]
    found = tuple(stretch for stretch in stretches if stretch.written)
    return Correction(object_id, request.direction, found) if found else None


def _gaps(conditioning: tuple[int, ...], first: int, stop: int) -> list[_Gap]:
    inner = [_Gap(before + 1, after, (before, after)) for before, after in pairwise(conditioning)]
    start, end = conditioning[0], conditioning[-1]
    return [_Gap(first, start, (start,)), *inner, _Gap(end + 1, stop, (end,))]


def _is_outdated(gap: _Gap, status: TrackStatus) -> bool:
    if any(_rewritten(side, status) for side in gap.sides):
        return True
    inside = FrameRanges(((gap.first, gap.stop),))
    return bool(inside & (FrameRanges.of(status.changed) | status.outdated) - status.kept)


def _rewritten(frame: int, status: TrackStatus) -> bool:
    """Return whether a conditioning frame gets a new mask."""
    return frame not in status.kept and (frame in status.changed or frame in status.outdated)


def _stretch(chain: list[_Gap], status: TrackStatus) -> Stretch:
    sides = sorted({side for gap in chain for side in gap.sides})
    rewritten = [side for side in sides if _rewritten(side, status)]
    inside = FrameRanges(tuple((gap.first, gap.stop) for gap in chain))
    written = (inside | FrameRanges.of(rewritten)) - status.kept
    first = min([chain[0].first, *rewritten])
    stop = max([chain[-1].stop, *(side + 1 for side in rewritten)])
    return Stretch(tuple(sides), (first, stop), written)
