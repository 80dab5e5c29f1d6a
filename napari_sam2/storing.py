"""Keep results: masks by their status, the label image after them, drafts apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

from napari_sam2.geometry import Index, Window
from napari_sam2.masks import MaskRecord, MemoryMaskStore
from napari_sam2.records import record_of, result_of_record
from napari_sam2.results import FrameResult, MaskStatus

if TYPE_CHECKING:
    from napari_sam2.labels import LabelArray
    from napari_sam2.masks import MaskStore
    from napari_sam2.stack import Stack


class Storing:
    """Puts masks where they belong, and the label image right after them.

    Parameters
    ----------
    stack : Stack
        Tells the index of a frame.
    masks : MaskStore
        The truth.
    labels : LabelArray or None
        Derived from it.
    drafts : MaskStore or None
        Forward drafts, kept until the backward pass has blended them.
    """

    def __init__(
        self,
        stack: Stack,
        masks: MaskStore,
        labels: LabelArray | None = None,
        drafts: MaskStore | None = None,
    ) -> None:
        self.masks = masks
        self.labels = labels
        self._drafts: MaskStore = MemoryMaskStore() if drafts is None else drafts
        self._stack = stack
        self._lock = RLock()

    def put(self, result: FrameResult, *, reopen: bool = False) -> bool:
        """Keep a result unless the user has accepted another mask there.

        Parameters
        ----------
        result : FrameResult
            The mask.
        reopen : bool
            The user asked for this very mask, so it replaces an accepted one too.

        Returns
        -------
        bool
            Whether it was kept.
        """
        status = MaskStatus.FINAL if result.final else MaskStatus.DRAFT
        with self._lock:
            old = self.masks.get(result.object_id, result.index)
            if old is not None and old.status >= MaskStatus.ACCEPTED and not reopen:
                return False
            record = record_of(result, status)
            if not result.final:
                self._drafts.put([record])
            self._replace(old, record)
        return True

    def draft(self, object_id: int, frame: int) -> FrameResult | None:
        """Return the draft of the forward sweep, or None."""
        record = self._drafts.get(object_id, self._stack.index(frame))
        return None if record is None else result_of_record(record, frame)

    def result(self, object_id: int, frame: int) -> FrameResult | None:
        """Return the mask of an object on a frame, or None."""
        record = self.masks.get(object_id, self._stack.index(frame))
        return None if record is None else result_of_record(record, frame)

    def locked(self) -> dict[int, tuple[int, ...]]:
        """Return the locked frames of each object that has any."""
        found = {o: self._frames_at(o, MaskStatus.LOCKED) for o in self.masks.objects()}
        return {object_id: frames for object_id, frames in found.items() if frames}

    def set_status(
        self, object_id: int, frames: Iterable[int] | None, status: MaskStatus
    ) -> list[Index]:
        """Change the status of an object's masks and return where."""
        with self._lock:
            changed = []
            for record in self._records(object_id, frames):
                if record.status is not status:
                    self._replace(record, replace(record, status=status))
                    changed.append(record.index)
        return changed

    def delete(self, object_id: int, frames: Iterable[int] | None) -> list[Index]:
        """Delete an object's masks and return where; what they covered shows again."""
        with self._lock:
            records = self._records(object_id, frames)
            for record in records:
                self.masks.delete(object_id, record.index)
                self._drafts.delete(object_id, record.index)
                self._refresh(record.index, _window(record))
        return [record.index for record in records]

    def _records(self, object_id: int, frames: Iterable[int] | None) -> list[MaskRecord]:
        here = (
            {self._stack.index(f) for f in range(self._stack.n_frames)}
            if frames is None
            else {self._stack.index(f) for f in frames}
        )
        found = [self.masks.get(object_id, i) for i in self.masks.indices(object_id) if i in here]
        return [record for record in found if record is not None]

    def _frames_at(self, object_id: int, status: MaskStatus) -> tuple[int, ...]:
        places = {self._stack.index(f): f for f in range(self._stack.n_frames)}
        found = (self.masks.get(object_id, i) for i in self.masks.indices(object_id))
        return tuple(
            sorted(places[r.index] for r in found if r and r.status is status and r.index in places)
        )

    def _replace(self, old: MaskRecord | None, new: MaskRecord) -> None:
        if old is not None:
            self.masks.delete(old.object_id, old.index)
        self.masks.put([new])
        window = _window(new) if old is None else _around(_window(old), _window(new))
        self._refresh(new.index, window)

    def _refresh(self, index: Index, window: Window) -> None:
        if self.labels is not None and not window.empty:
            self.labels.refresh(index, window, self.masks)


def _window(record: MaskRecord) -> Window:
    height, width = record.logits.shape
    return Window(0, 0, height, width).shift(*record.offset)


def _around(first: Window, second: Window) -> Window:
    if first.empty or second.empty:
        return second if first.empty else first
    return first.union(second)
