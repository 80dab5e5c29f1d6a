"""Storing and editing of the masks of a session; no model is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import FrameResult, MaskOrigin, MaskStatus
from napari_sam2.masks.scores import ScoreRow, ScoreTable
from napari_sam2.masks.store import MaskKey
from napari_sam2.session.actions.actions import (
    Action,
    MasksDeleted,
    MasksMerged,
    StatusChanged,
    ValueSet,
)
from napari_sam2.session.events import SessionEvents
from napari_sam2.session.history.session_state import SessionState
from napari_sam2.session.lineage.links import merge_links
from napari_sam2.session.objects import ObjectList
from napari_sam2.session.prompt_transfer import move_prompts
from napari_sam2.session.tracks.locks import locked_error
from napari_sam2.tracking.exclusion import return_pixels

if TYPE_CHECKING:
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.masks.store import MaskRecord, MaskStore
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.prompts.types import Prompt
    from napari_sam2.session.history.edit_history import EditHistory
    from napari_sam2.session.tracks.object_tracks import ObjectTracks
    from napari_sam2.tracking.resume_state import Journal


class MaskEditor:
    """Stores masks and changes their status, and keeps scores, objects and journal up to date.

    Parameters
    ----------
    store : SegmentationStore
        The masks and the label image.
    prompts : PromptStore
        The user's prompts.
    events : SessionEvents
        Signals of the session.
    journal : Journal
        Records complete planes.
    objects : ObjectList
        Objects; those with prompts or masks are added.
    history : EditHistory
        Records all edits.
    tracks : ObjectTracks
        What was tracked of them, and where they are absent.

    Attributes
    ----------
    scores : ScoreTable
        Scores of all masks.
    """

    def __init__(
        self,
        store: SegmentationStore,
        prompts: PromptStore,
        events: SessionEvents,
        journal: Journal,
        objects: ObjectList,
        history: EditHistory,
        tracks: ObjectTracks,
    ) -> None:
        self.scores = ScoreTable()
        self.objects = objects
        self._events = events
        self._prompts = prompts
        self._store = store
        self._journal = journal
        self._tracks = tracks
        self._history = history
        state = SessionState(store, prompts, objects, self.scores, events, journal)
        history.connect(prompts.position, state)
        if not len(history):
            # Objects of a file of prompts; a session that is opened again has its own list.
            with history.unrecorded():
                for object_id in {*prompts.objects(), *store.masks.objects()}:
                    objects.add(object_id)
        for frame, info in store.infos():
            self.scores.add(ScoreRow.from_info(frame, info))

    def store(
        self, results: Sequence[FrameResult], action: Action, *, replace: bool = False
    ) -> None:
        """Store the masks of an action; with ``replace`` also in place of accepted ones.

        Without ``replace``, masks on frames without the object are not stored.
        """
        kept = [r for r in results if replace or not self._tracks.is_absent(r.object_id, r.frame)]
        with self._history.edit("Store masks"):
            for result in self._store.put(kept, replace=replace):
                self.scores.add(ScoreRow.from_result(result))
                if result.origin is MaskOrigin.PROMPT:
                    self._prompts.predictions.stored(result.object_id, result.frame)
            self._history.log(action)
        written: defaultdict[tuple[MaskOrigin, PlaneIndex], list[int]] = defaultdict(list)
        for result in results:
            written[result.origin, result.index].append(result.object_id)
        for (origin, index), object_ids in written.items():
            self._journal.mark(object_ids, origin, index)
        for result in results:
            self._events.result.emit(result)

    def add_object(self, name: str) -> int:
        """Add an object with the next free id and return its id."""
        added = self.objects.add(name=name)
        self._events.objects.emit()
        return added.id

    def add_prompted_objects(self) -> None:
        """Add the objects that have prompts and are not listed."""
        new = [object_id for object_id in self._prompts.objects() if object_id not in self.objects]
        for object_id in new:
            self.objects.add(object_id)
        if new:
            self._events.objects.emit()

    def rename(self, object_id: int, name: str) -> None:
        """Set the name of an object."""
        with self._history.step(f"Rename object {object_id}"):
            self.objects.change(object_id, name=name)
        self._events.objects.emit()

    def hide(self, object_id: int, hidden: bool) -> None:
        """Hide or show an object."""
        with self._history.step(f"{'Hide' if hidden else 'Show'} object {object_id}"):
            self.objects.change(object_id, hidden=hidden)
        self._events.objects.emit()

    def set_class(self, object_id: int, name: str) -> None:
        """Set the class of an object."""
        with self._history.step(f"Set the class of object {object_id}"):
            self.objects.change(object_id, label_class=name)
        self._events.objects.emit()

    def remove(self, object_id: int) -> None:
        """Delete an object with its prompts and masks."""
        with self._history.step(f"Delete object {object_id}"):
            self._prompts.clear(object_id)
            self.delete(object_id, None)
            if object_id in self.objects:
                for daughter in self.objects.lineage.daughters(object_id):
                    self.objects.set_parent(daughter, None)
                self.objects.remove(object_id)
        self._events.objects.emit()

    def merge(self, source_id: int, target_id: int) -> tuple[Prompt, ...]:
        """Merge an object into another one; return the prompts that were dropped."""
        with self._history.step(f"Merge object {source_id} into object {target_id}"):
            self.check_mergeable(source_id, target_id)
            with self._history.edit("Merge"):
                dropped = move_prompts(self._prompts, source_id, target_id)
                self.merge_masks(source_id, target_id)
                merge_links(self.objects, source_id, target_id)
            self.remove(source_id)
        return dropped

    def check_mergeable(self, source_id: int, target_id: int) -> None:
        """Raise an error if an object cannot be merged into another one."""
        if source_id == target_id:
            raise UserError(f"Object {source_id} cannot be merged with itself. Choose another one.")
        self.add_prompted_objects()
        for object_id, other_id in ((source_id, target_id), (target_id, source_id)):
            self.objects.check(object_id)
            locked = FrameRanges.of(self._store.locked().get(object_id, ()))
            changed = locked & self._store.frames(other_id)
            if changed:
                raise UserError(
                    f"Object {object_id} is locked on {changed.text}, where object {other_id} has "
                    "a mask, too. Unlock it there to merge them."
                )

    def merge_masks(self, source_id: int, target_id: int) -> None:
        """Unite the masks of an object with those of another one; its own masks stay."""
        with self._history.edit("Merge masks"):
            merged = self._store.merge(source_id, target_id)
            for frame, info in merged:
                self.scores.add(ScoreRow.from_info(frame, info))
                self._prompts.predictions.stored(target_id, frame)
            self._history.log(MasksMerged(self._prompts.position, source_id, target_id))
        for _, info in merged:
            self._events.masks.emit(target_id, info.index)

    def delete(self, object_id: int, frames: Iterable[int] | None) -> None:
        """Delete an object's masks on some frames, or on all, whatever their status.

        Pixels that other objects had lost to it become theirs again.
        """
        chosen = None if frames is None else list(frames)
        with self._history.edit(f"Delete masks of object {object_id}"):
            deleted = self._store.delete(object_id, chosen)
            for frame in [None] if chosen is None else chosen:
                self.scores.drop(object_id, frame)
            returned = self._return_pixels(deleted)
            where = None if chosen is None else FrameRanges.of(chosen)
            self._history.log(MasksDeleted(self._prompts.position, object_id, where))
        for index in deleted:
            self._events.masks.emit(object_id, index)
        for result in returned:
            self._events.masks.emit(result.object_id, result.index)

    def _return_pixels(self, planes: Iterable[PlaneIndex]) -> list[FrameResult]:
        """Give pixels of deleted masks back to the masks that had lost them."""
        returned: list[FrameResult] = []
        for frame in map(self._store.frame, planes):
            returned += return_pixels(self._store.records(frame), frame)
        for result in self._store.put(returned):
            self.scores.add(ScoreRow.from_result(result))
        return returned

    def clear(self, object_id: int, frames: FrameRanges) -> None:
        """Delete an object's masks on some frames, where it gets none from now on."""
        inside = frames & FrameRanges(((0, self._store.n_frames),))
        with self._history.step(f"Clear {inside.text} of object {object_id}"):
            self._set_absent(object_id, self._tracks.absent(object_id) | inside, inside)

    def set_extent(
        self, object_id: int, *, first: int | None = None, stop: int | None = None
    ) -> None:
        """Set an object's first frame or the frame after its last one; delete masks outside."""
        absent, n_frames = self._tracks.absent(object_id), self._store.n_frames
        outside = FrameRanges(((0, first or 0), (n_frames if stop is None else stop, n_frames)))
        before = [
            (a, b)
            for a, b in absent.ranges
            if not ((first is not None and a == 0) or (stop is not None and b == n_frames))
        ]
        begins = f"Begin object {object_id} on frame {first}"
        title = begins if stop is None else f"End object {object_id} on frame {stop - 1}"
        with self._history.step(title):
            self._set_absent(object_id, FrameRanges(tuple(before)) | outside, outside)

    def clear_extent(self, object_id: int) -> None:
        """Let an object have masks on all frames again."""
        with self._history.step(f"Clear the extent of object {object_id}"):
            self._tracks.set_absent(object_id, FrameRanges())

    def _set_absent(self, object_id: int, absent: FrameRanges, deleted: FrameRanges) -> None:
        self.add_prompted_objects()
        self.objects.check(object_id)
        self._tracks.check_removable(object_id, deleted)
        self._tracks.set_absent(object_id, absent)
        self.delete(object_id, deleted & self._store.frames(object_id))

    def redraw_frame(self, object_id: int, frame: int) -> None:
        """Draw the labels of a frame again, and report the object's mask there as changed."""
        self._store.redraw_frame(frame)
        self._events.masks.emit(object_id, self._store.index(frame))

    def check_unlocked(self, object_id: int, frame: int) -> None:
        """Raise an error if an object's mask on a frame is locked."""
        if self._store.is_locked(object_id, frame):
            raise locked_error(object_id, frame)

    def accept(self, object_id: int, frames: Iterable[int] | None, *, cover: bool) -> int:
        """Accept an object's masks that are not locked; return how many changed."""
        open_masks = frozenset({MaskStatus.DRAFT, MaskStatus.FINAL})
        change = self._change(object_id, frames, MaskStatus.ACCEPTED, open_masks, cover=cover)
        return self.set_status(change, f"Accept object {object_id}")

    def reopen(self, object_id: int, frames: Iterable[int] | None) -> int:
        """Make an object's accepted masks drafts again; return how many changed."""
        accepted = frozenset({MaskStatus.ACCEPTED})
        change = self._change(object_id, frames, MaskStatus.FINAL, accepted)
        return self.set_status(change, f"Reopen object {object_id}")

    def lock(self, object_id: int, frames: Iterable[int] | None) -> int:
        """Lock an object's masks; return how many changed. UserError if there are none."""
        masked = self._store.frames(object_id)
        chosen = masked if frames is None else FrameRanges.of(frames)
        found = chosen & masked
        if not found:
            where = f" on {chosen.text}" if chosen else ""
            raise UserError(
                f"Object {object_id} has no mask{where} to lock. Click it or propagate it first."
            )
        unlocked = frozenset(MaskStatus) - {MaskStatus.LOCKED}
        change = self._change(object_id, found, MaskStatus.LOCKED, unlocked)
        return self.set_status(change, f"Lock object {object_id}")

    def unlock(self, object_id: int, frames: Iterable[int] | None) -> int:
        """Unlock an object's masks; return how many changed."""
        locked = frozenset({MaskStatus.LOCKED})
        masked = self._store.frames(object_id)
        found = masked if frames is None else FrameRanges.of(frames) & masked
        change = self._change(object_id, found, MaskStatus.FINAL, locked)
        return self.set_status(change, f"Unlock object {object_id}")

    def _change(
        self,
        object_id: int,
        frames: Iterable[int] | None,
        status: MaskStatus,
        of: frozenset[MaskStatus],
        *,
        cover: bool = False,
    ) -> StatusChanged:
        chosen = None if frames is None else FrameRanges.of(frames)
        return StatusChanged(self._prompts.position, object_id, chosen, status, of, cover)

    def set_status(self, change: StatusChanged, title: str) -> int:
        """Change the status of an object's masks as one step; return how many changed."""
        object_id = change.object_id
        with self._history.edit(title):
            changed = self._store.set_status(
                object_id, change.frames, change.status, of=change.of, cover=change.cover
            )
            for frame, info in changed:
                self.scores.add(ScoreRow.from_info(frame, info))
            self._history.log(change)
        for _, info in changed:
            self._events.masks.emit(info.object_id, info.index)
        return sum(info.object_id == object_id for _, info in changed)

    def take_locked(self, object_id: int, frames: Iterable[int] | None, masks: MaskStore) -> None:
        """Replace an object's masks by those of a store that are locked there."""
        chosen = self._store.frames(object_id) if frames is None else frames
        found = [masks.get(object_id, self._store.index(frame)) for frame in chosen]
        locked = [r for r in found if r is not None and r.status is MaskStatus.LOCKED]
        with self._history.edit(f"Lock object {object_id}"):
            self._set_masks([record.with_status(MaskStatus.FINAL) for record in locked])

    def import_masks(self, records: Sequence[MaskRecord]) -> None:
        """Store masks that other programs have made, in place of earlier ones."""
        with self._history.step("Import masks"):
            self._set_masks(records)
            for record in records:
                self.objects.add(record.object_id)
                self._history.log(ValueSet(MaskKey(record.object_id, record.index), record))
        for record in records:
            self._events.masks.emit(record.object_id, record.index)
        self._events.objects.emit()

    def _set_masks(self, records: Sequence[MaskRecord]) -> None:
        self._store.exchange({MaskKey(r.object_id, r.index): r for r in records})
        for record in records:
            self.scores.add(ScoreRow.from_info(self._store.frame(record.index), record.info))
