"""Edits of the objects of a session; no model is run."""

from __future__ import annotations

from collections.abc import Iterable

from napari_sam2.masks.mask import FrameResult, MaskStatus
from napari_sam2.masks.segmentation_store import SegmentationStore
from napari_sam2.prompts.types import Prompt
from napari_sam2.session.editing import MaskEditor


class ObjectEdits:
    """The part of a session that edits objects; each method is one step of its history.

    Parameters
    ----------
    editor : MaskEditor
        Edits the masks.
    store : SegmentationStore
        The masks.
    """

    def __init__(self, editor: MaskEditor, store: SegmentationStore) -> None:
        self._editor = editor
        self._store = store

    def add_object(self, name: str = "") -> int:
        """Add an object and return its id."""
        return self._editor.add_object(name)

    def rename(self, object_id: int, name: str) -> None:
        """Set the name of an object."""
        self._editor.rename(object_id, name)

    def set_class(self, object_id: int, name: str) -> None:
        """Set the class of an object, e.g. ``"nucleus"``; "" for none."""
        self._editor.set_class(object_id, name)

    def hide(self, object_id: int, hidden: bool = True) -> None:
        """Hide an object in viewers, or show it."""
        self._editor.hide(object_id, hidden)

    def accept(
        self, object_id: int, frames: Iterable[int] | None = None, *, cover: bool = False
    ) -> int:
        """Accept an object's masks, so that propagation and other objects do not change them.

        The number of masks that were not accepted before is returned.

        Parameters
        ----------
        object_id : int
            The label value.
        frames : iterable of int or None
            Frames; None for all.
        cover : bool
            Whether to take pixels from masks that were accepted before where they overlap. By
            default those keep their pixels. Locked masks always keep them.
        """
        return self._editor.set_status(object_id, frames, MaskStatus.ACCEPTED, cover=cover)

    def lock(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Lock an object's masks: nothing replaces them, and propagation starts from them."""
        return self._editor.set_status(object_id, frames, MaskStatus.LOCKED)

    def reopen(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Undo :meth:`accept` and :meth:`lock`; return the number of masks that changed."""
        return self._editor.set_status(object_id, frames, MaskStatus.FINAL)

    def clear(self, object_id: int, frames: Iterable[int] | None = None) -> None:
        """Delete an object's masks on some frames, or on all; its prompts stay."""
        self._editor.clear(object_id, frames)

    def delete_object(self, object_id: int) -> None:
        """Delete an object with its prompts and masks; masks below it become visible."""
        self._editor.remove(object_id)

    def merge(self, source_id: int, target_id: int) -> tuple[Prompt, ...]:
        """Merge an object into another one, and delete it.

        Where both have masks, each pixel gets the higher logit of both. Prompts are moved to the
        other object, except where they cannot be combined with prompts that it has.

        Parameters
        ----------
        source_id, target_id : int
            The label values of the object that is deleted, and of the one that stays.

        Returns
        -------
        tuple of Prompt
            The prompts that could not be moved and were dropped.

        Raises
        ------
        UserError
            If both are the same object, or one does not exist.
        """
        return self._editor.merge(source_id, target_id)

    def redraw(self) -> None:
        """Draw the labels of all masks again."""
        self._store.redraw()

    def result(self, object_id: int, frame: int) -> FrameResult | None:
        """Return the stored mask of an object on a frame, or None."""
        return self._store.result(object_id, frame)
