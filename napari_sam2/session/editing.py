"""A session's objects and stored masks, and what a user does to them without the model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari_sam2.masks.mask import FrameResult, MaskStatus
from napari_sam2.masks.scores import ScoreRow, ScoreTable
from napari_sam2.prompts.resolver import PromptResolver
from napari_sam2.session.events import SessionEvents
from napari_sam2.session.objects import ObjectList

if TYPE_CHECKING:
    from napari_sam2.masks.label_array import LabelArray
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.masks.store import MaskStore
    from napari_sam2.prompts.store import PromptStore


class MaskEditor:
    """The part of a session that holds objects, prompts, masks and scores.

    Parameters
    ----------
    prompts : PromptStore
        What the user asks for.
    storing : SegmentationStore
        Masks and the labels derived from them.
    """

    def __init__(self, prompts: PromptStore, storing: SegmentationStore) -> None:
        self.events = SessionEvents()
        self.scores = ScoreTable()
        self.objects = ObjectList()
        self.prompts = prompts
        self._store = storing
        self._resolver = PromptResolver(prompts, storing)
        for object_id in {*prompts.objects(), *storing.masks.objects()}:
            self.objects.add(object_id)
        for frame, header in storing.headers():
            self.scores.add(ScoreRow.of_header(frame, header))
        prompts.changed.connect(self._resolver.prompts_changed)

    @property
    def masks(self) -> MaskStore:
        """The masks: one record per object and index."""
        return self._store.masks

    @property
    def labels(self) -> LabelArray | None:
        """The label image, if one is kept."""
        return self._store.labels

    def add_object(self, name: str = "") -> int:
        """Add an object and return its id."""
        added = self.objects.add(name=name)
        self.events.objects.emit()
        return added.id

    def rename(self, object_id: int, name: str) -> None:
        """Name an object."""
        self.objects.change(object_id, name=name)
        self.events.objects.emit()

    def hide(self, object_id: int, hidden: bool = True) -> None:
        """Hide an object from viewers, or show it."""
        self.objects.change(object_id, hidden=hidden)
        self.events.objects.emit()

    def accept(
        self, object_id: int, frames: Iterable[int] | None = None, *, cover: bool = False
    ) -> int:
        """Accept an object's masks, so that others do not cover them.

        Parameters
        ----------
        object_id : int
            Of the object.
        frames : iterable of int or None
            On which; None means all.
        cover : bool
            Where masks accepted before overlap with these, take their pixels instead of leaving
            them. Locked ones always keep theirs.

        Returns
        -------
        int
            How many masks were not accepted before.
        """
        return self._set_status(object_id, frames, MaskStatus.ACCEPTED, cover=cover)

    def lock(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Lock an object's masks: nothing overwrites them, and they condition propagation."""
        return self._set_status(object_id, frames, MaskStatus.LOCKED)

    def reopen(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Undo :meth:`accept` and :meth:`lock`."""
        return self._set_status(object_id, frames, MaskStatus.FINAL)

    def clear(self, object_id: int, frames: Iterable[int] | None = None) -> None:
        """Delete an object's masks on some frames, or on all; its prompts stay."""
        for index in self._store.delete(object_id, frames):
            self.events.masks.emit(object_id, index)
        if frames is None:
            self.scores.drop(object_id)
        else:
            for frame in frames:
                self.scores.drop(object_id, frame)

    def delete_object(self, object_id: int) -> None:
        """Delete an object with its prompts and masks; what it covered shows again."""
        self.clear(object_id)
        self._resolver.forget(object_id)
        if object_id in self.objects:
            self.objects.remove(object_id)
        self.events.objects.emit()

    def result(self, object_id: int, frame: int) -> FrameResult | None:
        """Return the stored mask of an object on a frame, or None."""
        return self._store.result(object_id, frame)

    def _set_status(
        self,
        object_id: int,
        frames: Iterable[int] | None,
        status: MaskStatus,
        *,
        cover: bool = False,
    ) -> int:
        changed = self._store.set_status(object_id, frames, status, cover=cover)
        for frame, header in changed:
            self.scores.add(ScoreRow.of_header(frame, header))
            self.events.masks.emit(header.object_id, header.index)
        return sum(header.object_id == object_id for _, header in changed)

    def _adopt_objects(self) -> None:
        known = len(self.objects)
        for object_id in self.prompts.objects():
            self.objects.add(object_id)
        if len(self.objects) != known:
            self.events.objects.emit()
