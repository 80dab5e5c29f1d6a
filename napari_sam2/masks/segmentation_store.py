"""Keep results: masks by their status, the label image after them, drafts apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import RLock
from typing import TYPE_CHECKING

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.compositing import subtract_masks
from napari_sam2.masks.label_layout import CHUNK
from napari_sam2.masks.mask import FrameResult, MaskStatus
from napari_sam2.masks.store import MaskInfo, MaskRecord, MemoryMaskStore

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.store import MaskStore


class SegmentationStore:
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
        self._undrawn: dict[PlaneIndex, list[Window]] = {}
        for header in masks.headers():
            self._note(header)

    def put(self, results: Sequence[FrameResult], *, reopen: bool = False) -> list[FrameResult]:
        """Keep results of one frame unless the user has accepted other masks there.

        Parameters
        ----------
        results : sequence of FrameResult
            Masks of different objects.
        reopen : bool
            The user asked for these very masks, so they replace accepted ones too.

        Returns
        -------
        list of FrameResult
            Those that were kept.
        """
        with self._lock:
            kept = [result for result in results if reopen or not self.settled(result)]
            records = [MaskRecord.of_result(result) for result in kept]
            self._drafts.put(r for r in records if r.status is MaskStatus.DRAFT)
            self._replace(records)
        return kept

    def settled(self, result: FrameResult) -> bool:
        """Whether the user has accepted or locked what is stored in a result's place."""
        old = self.masks.get(result.object_id, result.index)
        return old is not None and old.status >= MaskStatus.ACCEPTED

    def headers(self) -> list[tuple[int, MaskInfo]]:
        """Return (frame, what is known of the mask) for all masks on this stack's frames."""
        known = self.masks.headers()
        return [(self._frames[h.index], h) for h in known if h.index in self._frames]

    def header(self, object_id: int, frame: int) -> MaskInfo | None:
        """Return what is known of an object's mask on a frame, or None; its pixels stay packed."""
        return self.masks.get(object_id, self._stack.index(frame))

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
        self,
        object_id: int,
        frames: Iterable[int] | None,
        status: MaskStatus,
        *,
        cover: bool = False,
    ) -> list[tuple[int, MaskInfo]]:
        """Change the status of an object's masks; return (frame, header) of all that changed.

        Masks that are settled by it leave the pixels of those settled before; with ``cover`` they
        take them, locked ones excepted.
        """
        with self._lock:
            found = [self.masks.get(object_id, i) for i in self._indices(object_id, frames)]
            changed = [r for r in found if r and r.status is not status]
            claimed = [self._claimed(record, status, cover) for record in changed]
            records = [record for each in claimed for record in each]
            self._replace(records)
        return [(self._frames[record.index], record.header) for record in records]

    def _claimed(self, record: MaskRecord, status: MaskStatus, cover: bool) -> list[MaskRecord]:
        """Return a mask with its new status, and the masks that it takes pixels from."""
        changed = record.with_status(status)
        if record.status >= MaskStatus.ACCEPTED or status < MaskStatus.ACCEPTED:
            return [changed]
        others = [r for r in self.masks.at(record.index) if r.object_id != record.object_id]
        firm = MaskStatus.LOCKED if cover else MaskStatus.ACCEPTED
        mine = subtract_masks(changed, [r for r in others if r.status >= firm])
        if not cover:
            return [mine]
        theirs = [r for r in others if r.status is MaskStatus.ACCEPTED]
        covered = [(r, subtract_masks(r, [mine])) for r in theirs]
        return [mine, *(after for before, after in covered if after is not before)]

    def delete(self, object_id: int, frames: Iterable[int] | None) -> list[PlaneIndex]:
        """Delete an object's masks and return where; what they covered shows again."""
        removed: list[MaskInfo] = []
        with self._lock:
            for index in self._indices(object_id, frames):
                removed += self.masks.delete(object_id, index)
                self._drafts.delete(object_id, index)
            for header in removed:
                self._forget(header)
                self._undrawn.setdefault(header.index, []).append(header.window)
            self._draw()
        return [header.index for header in removed]

    def _indices(self, object_id: int, frames: Iterable[int] | None) -> list[PlaneIndex]:
        wanted = self._frames if frames is None else {self._stack.index(f) for f in frames}
        return [index for index in self.masks.indices(object_id) if index in wanted]

    def _replace(self, records: Sequence[MaskRecord]) -> None:
        """Put records whatever their status, and draw anew what they and the old ones cover."""
        for record in records:
            old = self.masks.get(record.object_id, record.index)
            windows = self._undrawn.setdefault(record.index, [])
            windows.append(record.window)
            if old is not None:
                windows.append(old.window)
                self._forget(old)
                if old.status > record.status:
                    self.masks.delete(old.object_id, old.index)
            self._note(record)
        self.masks.put(records)
        self._draw()

    def _note(self, header: MaskInfo) -> None:
        if header.status is MaskStatus.LOCKED and header.index in self._frames:
            self._locked.setdefault(header.object_id, set()).add(self._frames[header.index])

    def _forget(self, header: MaskInfo) -> None:
        self._locked.get(header.object_id, set()).discard(self._frames.get(header.index, -1))

    def _draw(self) -> None:
        """Draw what changed; what a full disk prevents is drawn with the next change."""
        for index in list(self._undrawn):
            windows = self._undrawn.pop(index)
            try:
                self._refresh(index, windows)
            except OSError:
                self._undrawn[index] = windows
                raise

    def _refresh(self, index: PlaneIndex, windows: Iterable[Window]) -> None:
        """Draw labels anew, each chunk once however many masks touch it."""
        if self.labels is None:
            return
        for window in _by_chunk(windows):
            self.labels.refresh(index, window, self.masks)


def _by_chunk(windows: Iterable[Window]) -> list[Window]:
    """Return for every chunk the part of it that the windows cover."""
    parts: dict[tuple[int, int], Window] = {}
    for window in windows:
        for y in range(window.y0 // CHUNK, -(-window.y1 // CHUNK)):
            for x in range(window.x0 // CHUNK, -(-window.x1 // CHUNK)):
                chunk = Window(y * CHUNK, x * CHUNK, (y + 1) * CHUNK, (x + 1) * CHUNK)
                part = window.intersect(chunk)
                if not part.empty:
                    parts[y, x] = part.union(parts.get((y, x), part))
    return list(parts.values())


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
