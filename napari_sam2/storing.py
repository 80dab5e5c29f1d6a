"""Keep results: masks by their status, the label image after them, drafts apart."""

from __future__ import annotations

from collections.abc import Iterable
from threading import RLock
from typing import TYPE_CHECKING

from napari_sam2.geometry import Index, Window
from napari_sam2.masks import MaskHeader, MaskRecord, MemoryMaskStore
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
        self._frames = {stack.index(frame): frame for frame in range(stack.n_frames)}
        self._lock = RLock()
        self._locked: dict[int, set[int]] = {}
        for header in masks.headers():
            self._note(header)

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
            record = MaskRecord.of_result(result, status)
            if not result.final:
                self._drafts.put([record])
            self._replace(old, record)
        return True

    def draft(self, object_id: int, frame: int) -> FrameResult | None:
        """Return the draft of the forward sweep, or None."""
        record = self._drafts.get(object_id, self._stack.index(frame))
        return None if record is None else _result(record, frame)

    def result(self, object_id: int, frame: int) -> FrameResult | None:
        """Return the mask of an object on a frame, or None."""
        record = self.masks.get(object_id, self._stack.index(frame))
        return None if record is None else _result(record, frame)

    def locked(self) -> dict[int, tuple[int, ...]]:
        """Return the locked frames of each object that has any."""
        with self._lock:
            return {object_id: tuple(sorted(f)) for object_id, f in self._locked.items() if f}

    def set_status(
        self, object_id: int, frames: Iterable[int] | None, status: MaskStatus
    ) -> list[Index]:
        """Change the status of an object's masks and return where."""
        changed = []
        with self._lock:
            for index in self._indices(object_id, frames):
                record = self.masks.get(object_id, index)
                if record is not None and record.status is not status:
                    self._replace(record, record.with_status(status))
                    changed.append(index)
        return changed

    def delete(self, object_id: int, frames: Iterable[int] | None) -> list[Index]:
        """Delete an object's masks and return where; what they covered shows again."""
        removed: list[MaskHeader] = []
        with self._lock:
            for index in self._indices(object_id, frames):
                removed += self.masks.delete(object_id, index)
                self._drafts.delete(object_id, index)
            for header in removed:
                self._forget(header)
                self._refresh(header.index, header.window)
        return [header.index for header in removed]

    def _indices(self, object_id: int, frames: Iterable[int] | None) -> list[Index]:
        wanted = self._frames if frames is None else {self._stack.index(f) for f in frames}
        return [index for index in self.masks.indices(object_id) if index in wanted]

    def _replace(self, old: MaskRecord | None, new: MaskRecord) -> None:
        if old is not None:
            self.masks.delete(old.object_id, old.index)
            self._forget(old)
        self.masks.put([new])
        self._note(new)
        self._refresh(new.index, new.window if old is None else _around(old.window, new.window))

    def _note(self, header: MaskHeader) -> None:
        if header.status is MaskStatus.LOCKED and header.index in self._frames:
            self._locked.setdefault(header.object_id, set()).add(self._frames[header.index])

    def _forget(self, header: MaskHeader) -> None:
        self._locked.get(header.object_id, set()).discard(self._frames.get(header.index, -1))

    def _refresh(self, index: Index, window: Window) -> None:
        if self.labels is not None and not window.empty:
            self.labels.refresh(index, window, self.masks)


def _result(record: MaskRecord, frame: int) -> FrameResult:
    return FrameResult(
        object_id=record.object_id,
        frame=frame,
        index=record.index,
        window=record.window,
        logits=record.logits,
        predicted_iou=record.predicted_iou,
        object_score=record.object_score,
        direction=record.direction,
        final=record.status is not MaskStatus.DRAFT,
        view=record.view,
    )


def _around(first: Window, second: Window) -> Window:
    if first.empty or second.empty:
        return second if first.empty else first
    return first.union(second)
