"""The masks of one stack with their drafts, and the label image kept up to date with them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

from napari_sam2.core.edit_log import EditLog, NullEditLog
from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.label_layout import CHUNK
from napari_sam2.masks.mask import FrameResult, MaskStatus
from napari_sam2.masks.store import MaskInfo, MaskKey, MaskRecord, MemoryMaskStore

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.store import MaskStore


class SegmentationStore:
    """Stores masks by object and frame, and updates the label image after each change.

    Parameters
    ----------
    stack : Stack
        The stack whose frames the masks belong to.
    masks : MaskStore
        The masks, of this and perhaps of other stacks.
    labels : LabelArray or None
        The label image derived from the masks.
    drafts : MaskStore or None
        Drafts of the forward sweep, kept until the backward sweep has blended them; in memory by
        default.
    edits : EditLog or None
        Records the masks that are replaced.
    """

    def __init__(
        self,
        stack: Stack,
        masks: MaskStore,
        labels: LabelArray | None = None,
        drafts: MaskStore | None = None,
        edits: EditLog | None = None,
    ) -> None:
        self.masks = masks
        self.labels = labels
        self._drafts: MaskStore = MemoryMaskStore() if drafts is None else drafts
        self._indices = [stack.index(frame) for frame in range(stack.n_frames)]
        self._frames = {index: frame for frame, index in enumerate(self._indices)}
        self._edits: EditLog = NullEditLog() if edits is None else edits
        self._lock = RLock()
        # Labels are drawn after edits. While one of these locks is held, nothing waits for an edit.
        self._drawing = RLock()
        self._locked: dict[int, set[int]] = {}
        self._undrawn: dict[PlaneIndex, list[Window]] = {}
        for info in masks.infos():
            self._add_lock(info)

    def index(self, frame: int) -> PlaneIndex:
        """Return the full index of a frame; IndexError if there is no such frame."""
        if not 0 <= frame < len(self._indices):
            raise IndexError(f"Frame {frame} is outside 0..{len(self._indices) - 1}.")
        return self._indices[frame]

    def put(self, results: Sequence[FrameResult], *, replace: bool = False) -> list[FrameResult]:
        """Store results and return those that were stored.

        Parameters
        ----------
        results : sequence of FrameResult
            Masks of different objects or frames.
        replace : bool
            Whether to replace accepted and locked masks too; by default they stay.
        """
        with self._edits.edit("Store masks"), self._lock:
            found = [(result, self.masks.get(result.object_id, result.index)) for result in results]
            stored = [(new, old) for new, old in found if replace or not _protected(old)]
            records = [(MaskRecord.from_result(new), old) for new, old in stored]
            self._drafts.put(r for r, _ in records if r.status is MaskStatus.DRAFT)
            self._replace(records)
        return [result for result, _ in stored]

    def infos(self) -> list[tuple[int, MaskInfo]]:
        """Return (frame, mask without pixels) for all masks on this stack's frames."""
        frames = self._frames
        return [(frames[i.index], i) for i in self.masks.infos() if i.index in frames]

    @property
    def n_frames(self) -> int:
        """Number of frames of the stack."""
        return len(self._indices)

    def frames(self, object_id: int) -> FrameRanges:
        """Return the frames on which an object has a mask, perhaps an empty one."""
        frames = self._frames
        return FrameRanges.of(frames[i] for i in self.masks.indices(object_id) if i in frames)

    def info(self, object_id: int, frame: int) -> MaskInfo | None:
        """Return an object's mask on a frame without decoding its pixels, or None."""
        return self.masks.get(object_id, self.index(frame))

    def records(self, frame: int) -> tuple[MaskRecord, ...]:
        """Return all stored masks on a frame, by id."""
        return self.masks.at(self.index(frame))

    def draft(self, object_id: int, frame: int) -> FrameResult | None:
        """Return an object's draft of the forward sweep on a frame, or None."""
        record = self._drafts.get(object_id, self.index(frame))
        return None if record is None else record.result(frame)

    def result(self, object_id: int, frame: int) -> FrameResult | None:
        """Return an object's mask on a frame, or None."""
        record = self.masks.get(object_id, self.index(frame))
        return None if record is None else record.result(frame)

    def locked(self) -> dict[int, tuple[int, ...]]:
        """Return the frames with a locked mask, increasing, of each object that has any."""
        with self._lock:
            return {object_id: tuple(sorted(f)) for object_id, f in self._locked.items() if f}

    def is_locked(self, object_id: int, frame: int) -> bool:
        """Return whether an object's mask on a frame is locked."""
        return frame in self._locked.get(object_id, ())

    def set_status(
        self,
        object_id: int,
        frames: Iterable[int] | None,
        status: MaskStatus,
        *,
        of: Container[MaskStatus] = frozenset(MaskStatus),
        cover: bool = False,
    ) -> list[tuple[int, MaskInfo]]:
        """Change the status of an object's masks.

        A mask that becomes accepted or locked loses the pixels that it shares with masks accepted
        or locked before. With ``cover`` it takes them from accepted masks instead.

        Parameters
        ----------
        object_id : int
            The label value.
        frames : iterable of int or None
            Frames; None for all.
        status : MaskStatus
            The new status.
        of : container of MaskStatus
            Only masks of these statuses change.
        cover : bool
            Whether to take shared pixels from accepted masks.

        Returns
        -------
        list of tuple
            (frame, mask without pixels) of all masks that changed, other objects' included.
        """
        with self._edits.edit(f"Change the status of object {object_id}"), self._lock:
            found = [self.masks.get(object_id, i) for i in self._planes(object_id, frames)]
            changes = [
                change
                for record in found
                if record is not None and record.status is not status and record.status in of
                for change in self._with_status(record, status, cover)
            ]
            self._replace(changes)
            # Even if nothing changes: what a full disk prevented before is drawn now.
            self._edits.after(self._draw)
        return [(self._frames[record.index], record.info) for record, _ in changes]

    def _with_status(
        self, record: MaskRecord, status: MaskStatus, cover: bool
    ) -> list[tuple[MaskRecord, MaskRecord]]:
        """Return (new, old) of a mask, and of the masks that it takes pixels from."""
        changed = record.with_status(status)
        if record.status >= MaskStatus.ACCEPTED or status < MaskStatus.ACCEPTED:
            return [(changed, record)]
        touching = self.masks.at(record.index, record.window)
        others = [other for other in touching if other.object_id != record.object_id]
        kept_status = MaskStatus.LOCKED if cover else MaskStatus.ACCEPTED
        changed = changed.without(r for r in others if r.status >= kept_status)
        if not cover:
            return [(changed, record)]
        accepted = [r for r in others if r.status is MaskStatus.ACCEPTED]
        covered = [(other.without([changed]), other) for other in accepted]
        return [(changed, record), *((new, old) for new, old in covered if new is not old)]

    def delete(self, object_id: int, frames: Iterable[int] | None) -> list[PlaneIndex]:
        """Delete an object's masks on some frames, or on all, and return their planes."""
        with self._edits.edit(f"Delete masks of object {object_id}"), self._lock:
            planes = self._planes(object_id, frames)
            for index in planes:
                self._write(MaskKey(object_id, index), None, self.masks.get(object_id, index))
                self._drafts.delete(object_id, index)
        return planes

    def merge(self, source_id: int, target_id: int) -> list[tuple[int, MaskInfo]]:
        """Unite the masks of an object with those of another one, whatever their status.

        Returns
        -------
        list of tuple
            (frame, mask without pixels) of the masks that changed.
        """
        with self._edits.edit(f"Merge object {source_id}"), self._lock:
            changes = []
            for index in self._planes(source_id, None):
                source = self.masks.get(source_id, index)
                old = self.masks.get(target_id, index)
                if source is not None:
                    changes.append((source.merged_into(target_id, old), old))
            self._replace(changes)
        return [(self._frames[record.index], record.info) for record, _ in changes]

    def move(
        self, source_id: int, target_id: int, frames: Iterable[int]
    ) -> list[tuple[int, MaskInfo]]:
        """Give the masks of an object on some frames to another one, which has none there.

        Returns
        -------
        list of tuple
            (frame, mask without pixels) of the masks of the other object.
        """
        with self._edits.edit(f"Move masks of object {source_id}"), self._lock:
            found = [self.masks.get(source_id, i) for i in self._planes(source_id, frames)]
            moved = [replace(old, object_id=target_id) for old in found if old is not None]
            for record in moved:
                old = self.masks.get(source_id, record.index)
                self._write(MaskKey(source_id, record.index), None, old)
                self._write(MaskKey(target_id, record.index), record, None)
                self._drafts.delete(source_id, record.index)
        return [(self._frames[record.index], record.info) for record in moved]

    def exchange(
        self, masks: Mapping[MaskKey, MaskRecord | None]
    ) -> dict[MaskKey, MaskRecord | None]:
        """Set masks, None for no mask, whatever their status, and return those replaced."""
        with self._edits.edit("Set masks"), self._lock:
            before = {key: self.masks.get(*key) for key in masks}
            for key, record in masks.items():
                self._write(key, record, before[key])
        return before

    def has_plane(self, index: PlaneIndex) -> bool:
        """Return whether a plane is a frame of the stack."""
        return index in self._frames

    def frame(self, index: PlaneIndex) -> int:
        """Return the frame of a plane of the stack."""
        return self._frames[index]

    def redraw_frame(self, frame: int) -> None:
        """Draw the labels of a frame again from the masks."""
        index = self.index(frame)
        with self._lock:
            if self.labels is not None:
                self.labels.refresh(index, Window.of(self.labels.geometry.shape), self.masks)

    def _planes(self, object_id: int, frames: Iterable[int] | None) -> list[PlaneIndex]:
        chosen = self._frames if frames is None else {self.index(frame) for frame in frames}
        return [index for index in self.masks.indices(object_id) if index in chosen]

    def _replace(self, changes: Sequence[tuple[MaskRecord, MaskRecord | None]]) -> None:
        """Store (new, old) masks whatever their status."""
        for record, old in changes:
            if old is not None and old.status > record.status:
                self.masks.delete(old.object_id, old.index)
        self.masks.put(record for record, _ in changes)
        for record, old in changes:
            self._note(MaskKey(record.object_id, record.index), record, old)

    def _write(self, key: MaskKey, record: MaskRecord | None, old: MaskRecord | None) -> None:
        if old is not None:
            self.masks.delete(*key)
        if record is not None:
            self.masks.put([record])
        self._note(key, record, old)

    def _note(self, key: MaskKey, record: MaskRecord | None, old: MaskRecord | None) -> None:
        """Record a change of a mask, and remember its locks and what must be drawn."""
        self._edits.record(key, old, record)
        windows = self._undrawn.setdefault(key.plane, [])
        if old is not None:
            windows.append(old.window)
            self._remove_lock(old)
        if record is not None:
            windows.append(record.window)
            self._add_lock(record)
        self._edits.after(self._draw)

    def _add_lock(self, info: MaskInfo) -> None:
        if info.status is MaskStatus.LOCKED and info.index in self._frames:
            self._locked.setdefault(info.object_id, set()).add(self._frames[info.index])

    def _remove_lock(self, info: MaskInfo) -> None:
        if info.status is MaskStatus.LOCKED:
            self._locked.get(info.object_id, set()).discard(self._frames.get(info.index, -1))

    def redraw(self) -> None:
        """Draw all masks, e.g. on an empty label image."""
        infos = self.infos()
        with self._lock:
            for _, info in infos:
                self._undrawn.setdefault(info.index, []).append(info.window)
        self._draw()

    def _draw(self) -> None:
        """Draw what changed; what a full disk prevents is drawn with the next change."""
        with self._drawing:
            with self._lock:
                undrawn, self._undrawn = self._undrawn, {}
            try:
                while undrawn:
                    index = next(iter(undrawn))
                    self._refresh(index, undrawn[index])
                    del undrawn[index]
            finally:
                with self._lock:
                    for index, windows in undrawn.items():
                        self._undrawn.setdefault(index, []).extend(windows)

    def _refresh(self, index: PlaneIndex, windows: Iterable[Window]) -> None:
        """Draw the labels of a plane again, each chunk once however many masks touch it."""
        if self.labels is None:
            return
        for window in _by_chunk(windows):
            self.labels.refresh(index, window, self.masks)


def _protected(old: MaskInfo | None) -> bool:
    return old is not None and old.status >= MaskStatus.ACCEPTED


def _by_chunk(windows: Iterable[Window]) -> list[Window]:
    """Return the bounds of the windows within each chunk that they touch."""
    parts: dict[tuple[int, int], Window] = {}
    for window in windows:
        for y in range(window.y0 // CHUNK, -(-window.y1 // CHUNK)):
            for x in range(window.x0 // CHUNK, -(-window.x1 // CHUNK)):
                chunk = Window(y * CHUNK, x * CHUNK, (y + 1) * CHUNK, (x + 1) * CHUNK)
                part = window.intersect(chunk)
                if not part.empty:
                    parts[y, x] = part.union(parts.get((y, x), part))
    return list(parts.values())
