"""Storing and editing of the masks of a session; no model is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import FrameResult, MaskOrigin, MaskStatus
from napari_sam2.masks.scores import ScoreRow, ScoreTable
from napari_sam2.session.events import SessionEvents
from napari_sam2.session.objects import ObjectList

if TYPE_CHECKING:
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.prompts.store import PromptStore
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
    """

    def __init__(
        self,
        store: SegmentationStore,
        prompts: PromptStore,
        events: SessionEvents,
        journal: Journal,
        objects: ObjectList,
    ) -> None:
        self.scores = ScoreTable()
        self.objects = objects
        self._events = events
        self._prompts = prompts
        self._store = store
        self._journal = journal
        for object_id in {*prompts.objects(), *store.masks.objects()}:
            objects.add(object_id)
        for frame, info in store.infos():
            self.scores.add(ScoreRow.from_info(frame, info))

    def store(self, results: Sequence[FrameResult], *, replace: bool = False) -> None:
        """Store masks; with ``replace`` also in place of accepted ones."""
        for result in self._store.put(results, replace=replace):
            self.scores.add(ScoreRow.from_result(result))
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
        self.objects.change(object_id, name=name)
        self._events.objects.emit()

    def hide(self, object_id: int, hidden: bool) -> None:
        """Hide or show an object."""
        self.objects.change(object_id, hidden=hidden)
        self._events.objects.emit()

    def remove(self, object_id: int) -> None:
        """Delete an object and its masks."""
        self.clear(object_id, None)
        if object_id in self.objects:
            self.objects.remove(object_id)
        self._events.objects.emit()

    def clear(self, object_id: int, frames: Iterable[int] | None) -> None:
        """Delete an object's masks on some frames, or on all."""
        chosen = None if frames is None else list(frames)
        for index in self._store.delete(object_id, chosen):
            self._events.masks.emit(object_id, index)
        for frame in [None] if chosen is None else chosen:
            self.scores.drop(object_id, frame)

    def set_status(
        self,
        object_id: int,
        frames: Iterable[int] | None,
        status: MaskStatus,
        *,
        cover: bool = False,
    ) -> int:
        """Change the status of an object's masks and return how many of them changed.

        See :meth:`napari_sam2.masks.segmentation_store.SegmentationStore.set_status`.
        """
        changed = self._store.set_status(object_id, frames, status, cover=cover)
        for frame, info in changed:
            self.scores.add(ScoreRow.from_info(frame, info))
            self._events.masks.emit(info.object_id, info.index)
        return sum(info.object_id == object_id for _, info in changed)
