"""Neighboring objects exclude each other: on each frame a pixel belongs to one object."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_sam2.masks.mask import FrameResult, MaskOrigin, MaskStatus
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.masks.store import MaskRecord
from napari_sam2.tracking.ownership import Contender, Ownership, Precedence, settle
from napari_sam2.tracking.plan import Plan, Sweep


@dataclass(frozen=True, slots=True)
class ExcludedFrame:
    """The results of a frame after its objects have competed for pixels.

    Parameters
    ----------
    results : tuple of FrameResult
        The given results, with the pixels that they lost.
    excluded : frozenset of int
        Objects of ``results`` that lost so many that they have none.
    revised : tuple of FrameResult
        Results of earlier sweeps that changed, by frame.
    """

    results: tuple[FrameResult, ...]
    excluded: frozenset[int]
    revised: tuple[FrameResult, ...]


@dataclass(frozen=True)
class Exclusion:
    """Decides which object has each pixel, on each frame of a run.

    The objects of the run compete by :func:`napari_sam2.tracking.ownership.settle`; a mask that
    comes from prompts takes precedence over tracked ones. Accepted and locked masks keep their
    pixels, and those that the run does not compute keep them from tracked masks; on a prompted
    frame the logits decide between them and the prompted mask, as before the run. In the second
    sweep the results of the first one compete too, and change where they lose; if the tracks of
    the second one end where objects begin in time, results of the first one keep their pixels.

    Parameters
    ----------
    plan : Plan
        The run.
    store : SegmentationStore
        The stored masks.
    ends : bool
        Whether a track ends where its object is excluded in any sweep, as along axes of space.
        Otherwise the object is lost on that frame only.
    """

    plan: Plan
    store: SegmentationStore
    ends: bool

    def apply(self, number: int, frame: int, results: Sequence[FrameResult]) -> ExcludedFrame:
        """Return the results of a frame after the competition.

        Parameters
        ----------
        number : int
            Number of the sweep in the plan.
        frame : int
            The frame.
        results : sequence of FrameResult
            The new results of the frame; the model's masks.
        """
        direction = self.plan.sweeps[number].direction
        stored = self.store.records(frame)
        earlier = self._earlier(number, frame, stored, {result.object_id for result in results})
        protected = {record.object_id for record in stored if _protected(record)}
        shown = [result for result in results if result.object_id not in protected]
        fixed = self._fixed(frame, stored)
        begins = self.plan.sweeps[number].ends and not self.ends
        if begins:
            earlier, fixed = [], [*fixed, *map(_fixed, earlier)]
        ownership = settle([*self._competing(frame, [*shown, *earlier]), *fixed])
        changed = [
            _revised(record, frame, ownership, direction)
            for record in earlier
            if not _up_to_date(record, ownership)
        ]
        if self.ends:
            ended = ownership.excluded & {record.object_id for record in earlier}
            changed += self._after_end(number, frame, ended)
        owned = tuple(_owned(result, ownership, direction) for result in results)
        excluded = frozenset(result.object_id for result in owned if result.excluded is not None)
        if begins:
            owned = tuple(_absent(r, direction) if r.excluded else r for r in owned)
        return ExcludedFrame(owned, excluded, tuple(changed))

    def _competing(self, frame: int, masks: Sequence[FrameResult | MaskRecord]) -> list[Contender]:
        return [
            Contender(m.object_id, m.crop, self._precedence(m.object_id, frame), m.object_score)
            for m in masks
        ]

    def _precedence(self, object_id: int, frame: int) -> Precedence:
        prompted = any(frame in s.conditioning.get(object_id, ()) for s in self.plan.sweeps)
        return Precedence.PROMPTED if prompted else Precedence.TRACKED

    def _earlier(
        self, number: int, frame: int, stored: Sequence[MaskRecord], new: set[int]
    ) -> list[MaskRecord]:
        """Return the stored results of earlier sweeps that compete.

        What an earlier sweep excluded does not compete again. What this sweep excluded does, as
        the frame may be computed a second time after an interruption.
        """
        computed = _computed(self.plan.sweeps[:number], frame) - new
        allowed = (None, self.plan.sweeps[number].direction)
        return [
            record
            for record in stored
            if record.object_id in computed and not _protected(record)
            if record.excluded in allowed
        ]

    def _fixed(self, frame: int, stored: Sequence[MaskRecord]) -> list[Contender]:
        """Return the stored masks that the run does not change."""
        running = _computed(self.plan.sweeps, frame)
        return [
            _fixed(record)
            for record in stored
            if record.excluded is None and (_protected(record) or record.object_id not in running)
        ]

    def _after_end(self, number: int, frame: int, ended: Iterable[int]) -> Iterator[FrameResult]:
        """Yield what changes on later frames if tracks of the first sweep end on this one."""
        direction, alive = self.plan.sweeps[number].direction, set(ended)
        last = max(max(s.frames[0], s.frames[-1]) for s in self.plan.sweeps[: number + 1])
        for later in range(frame + 1, last + 1):
            found = [record for record in self.store.records(later) if record.object_id in alive]
            alive = {record.object_id for record in found if _continues(record)}
            if not alive:
                return
            dropped = {r.object_id for r in found if r.area and r.object_id in alive}
            if dropped:
                yield from self._drop(later, dropped, direction)

    def _drop(self, frame: int, dropped: set[int], direction: MaskOrigin) -> Iterator[FrameResult]:
        """Yield the results of a frame that change if some objects have no pixel there."""
        stored, running = self.store.records(frame), _computed(self.plan.sweeps, frame)
        computed = [r for r in stored if r.object_id in running and _continues(r)]
        kept = [record for record in computed if record.object_id not in dropped]
        ownership = settle([*self._competing(frame, kept), *self._fixed(frame, stored)])
        ownership = replace(ownership, excluded=ownership.excluded | dropped)
        for record in computed:
            if not _up_to_date(record, ownership):
                yield _revised(record, frame, ownership, direction)


def share_pixels(
    store: SegmentationStore, result: FrameResult, rivals: Collection[int]
) -> list[FrameResult]:
    """Return a new mask of an object that has one, and the masks of rivals that change with it.

    Nothing is excluded: the object was not before, and its new mask is much like the old one.

    Parameters
    ----------
    store : SegmentationStore
        The stored masks.
    result : FrameResult
        The new mask.
    rivals : collection of int
        Objects whose pixels it competes for; all others keep theirs.
    """
    frame, object_id = result.frame, result.object_id
    stored = [r for r in store.records(frame) if r.object_id != object_id and r.excluded is None]
    free = [r for r in stored if r.object_id in rivals and not _protected(r)]
    fixed = [_fixed(record) for record in stored if record not in free]
    masks: list[FrameResult | MaskRecord] = [result, *free]
    ownership = settle([*map(_by_origin, masks), *fixed], exclude=False)
    changed = [r for r in free if not _up_to_date(r, ownership)]
    return [
        _owned(result, ownership, result.origin),
        *(_revised(record, frame, ownership, record.origin) for record in changed),
    ]


def return_pixels(records: Sequence[MaskRecord], frame: int) -> list[FrameResult]:
    """Return the masks of a frame that get pixels back after another mask there was deleted.

    These are masks that had lost pixels, or all of them, to the deleted one. They compete with
    each other for these pixels; all other masks keep theirs.

    Parameters
    ----------
    records : sequence of MaskRecord
        The masks that are left on the frame.
    frame : int
        The frame.
    """
    losers = [r for r in records if not _protected(r) and _lost_pixels(r)]
    kept = [r for r in records if r.excluded is None and (_protected(r) or not _lost_pixels(r))]
    ownership = settle([*map(_by_origin, losers), *map(_fixed, kept)]) if losers else None
    return [
        _revised(record, frame, ownership, record.excluded or record.origin)
        for record in losers
        if ownership is not None and not _up_to_date(record, ownership)
    ]


def _absent(result: FrameResult, direction: MaskOrigin) -> FrameResult:
    return FrameResult.after_end(result.object_id, result.frame, result.index, direction)


def _lost_pixels(record: MaskRecord) -> bool:
    return record.excluded is not None or record.lost is not None


def _by_origin(mask: FrameResult | MaskRecord) -> Contender:
    prompted = mask.origin is MaskOrigin.PROMPT
    precedence = Precedence.PROMPTED if prompted else Precedence.TRACKED
    return Contender(mask.object_id, mask.crop, precedence, mask.object_score)


def _fixed(record: MaskRecord) -> Contender:
    precedence = Precedence.PROTECTED if _protected(record) else Precedence.PROMPTED
    return Contender(record.object_id, record.own_crop, precedence, fixed=True)


def _computed(sweeps: Sequence[Sweep], frame: int) -> set[int]:
    """Return the objects of which some sweeps give a mask on a frame."""
    passing = [sweep for sweep in sweeps if frame in sweep.frames]
    return {task.object_id for sweep in passing for task in sweep.tasks(frame) if task.shown}


def _protected(record: MaskRecord) -> bool:
    return record.status >= MaskStatus.ACCEPTED


def _continues(record: MaskRecord) -> bool:
    return not (record.ended or record.excluded or _protected(record))


def _owned(result: FrameResult, ownership: Ownership, direction: MaskOrigin) -> FrameResult:
    """Return a result with the pixels that it lost; the same one if it lost none."""
    excluded = direction if result.object_id in ownership.excluded else None
    lost = None if excluded else ownership.lost.get(result.object_id)
    if lost is None and excluded is None:
        return result
    return replace(result, lost=lost, excluded=excluded)


def _up_to_date(record: MaskRecord, ownership: Ownership) -> bool:
    if record.object_id in ownership.excluded:
        return record.excluded is not None
    lost, now = record.lost, ownership.lost.get(record.object_id)
    if record.excluded is not None or lost is None or now is None:
        return record.excluded is None and lost is now
    return np.array_equal(lost, now)


def _revised(
    record: MaskRecord, frame: int, ownership: Ownership, direction: MaskOrigin
) -> FrameResult:
    bare = replace(record.result(frame), lost=None, excluded=None)
    return _owned(bare, ownership, direction)
