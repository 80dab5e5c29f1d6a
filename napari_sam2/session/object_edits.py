"""Edits of the objects of a session and of their masks; no model is run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.masks.store import MaskKey, MaskRecord
from napari_sam2.session.actions.actions import ValueSet
from napari_sam2.session.tracks.imported_masks import masks_of_labels

if TYPE_CHECKING:
    from napari_sam2.masks.mask import FrameResult
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.prompts.types import Prompt
    from napari_sam2.session.editing import MaskEditor
    from napari_sam2.session.lineage.lineage_editor import LineageEditor
    from napari_sam2.session.tracks.object_tracks import ObjectTracks
    from napari_sam2.tracking.division.division import Division, DivisionRules


class ObjectEdits:
    """The part of a session that edits objects; each method is one step of its history.

    Parameters
    ----------
    editor : MaskEditor
        Edits the masks.
    store : SegmentationStore
        The masks.
    tracks : ObjectTracks
        What was tracked of the objects, and where they are absent.
    lineage : LineageEditor
        Edits parents and divisions.
    """

    def __init__(
        self,
        editor: MaskEditor,
        store: SegmentationStore,
        tracks: ObjectTracks,
        lineage: LineageEditor,
    ) -> None:
        self._editor = editor
        self._store = store
        self._tracks = tracks
        self._lineage = lineage

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

    def import_labels(self, frame: int, labels: NDArray[np.integer]) -> tuple[int, ...]:
        """Store the labels of a frame as accepted masks; objects that are missing are added.

        Masks that the objects have there are replaced. Objects without a label keep theirs.

        Parameters
        ----------
        frame : int
            Position along the propagated axis.
        labels : NDArray[np.integer]
            (H, W), ids of objects; 0 is the background.

        Returns
        -------
        tuple of int
            The objects with a label, increasing.

        Raises
        ------
        UserError
            If a mask that would be replaced is locked; nothing is changed then.
        """
        records = masks_of_labels(labels, self._store.index(frame))
        for record in records:
            self._editor.check_unlocked(record.object_id, frame)
        self._editor.import_masks(records)
        return tuple(record.object_id for record in records)

    def set_parent(self, object_id: int, parent_id: int | None) -> None:
        """Set the object that divided into an object and others; None for none.

        Raises
        ------
        UserError
            If either does not exist, the object would be its own ancestor, the parent still has
            a mask when the object begins, or the session is not along t.
        """
        self._lineage.set_parent(object_id, parent_id)

    def check_parent(self, object_id: int, parent_id: int | None) -> None:
        """Raise UserError if :meth:`set_parent` would do so."""
        self._lineage.check_parent(object_id, parent_id)

    def divide(self, object_id: int, frame: int, daughters: Iterable[int] = ()) -> tuple[int, ...]:
        """Let an object divide: it ends before a frame, and its daughters have it as parent.

        If the object has masks or prompts from the frame on, they become a new daughter.

        Parameters
        ----------
        object_id : int
            The label value of the parent.
        frame : int
            The first frame after the division.
        daughters : iterable of int
            Other objects that become daughters; they begin on the frame or later.

        Returns
        -------
        tuple of int
            All daughters, the new one first.

        Raises
        ------
        UserError
            If there is no daughter, a link is not possible, see :meth:`set_parent`, or a mask of
            the object is locked from the frame on. Nothing is changed then.
        IndexError
            If there is no such frame.
        """
        return self._lineage.divide(object_id, frame, tuple(daughters))

    def find_divisions(self, rules: DivisionRules | None = None) -> tuple[Division, ...]:
        """Return divisions in the masks that are not linked yet; see :func:`detect_divisions`.

        Parameters
        ----------
        rules : DivisionRules or None
            What counts as a division; None for the defaults.

        Raises
        ------
        UserError
            If the session is not along t.
        """
        return self._lineage.find_divisions(rules)

    def accept_division(self, division: Division) -> tuple[int, ...]:
        """Let an object divide as it was found; return all daughters.

        If its mask falls into parts, the largest two become daughters, and each other pixel
        belongs to the one that was nearer on the frame before.

        Raises
        ------
        UserError
            As :meth:`divide`; also if a mask falls into parts and the object has prompts from
            then on. Nothing is changed then.
        """
        return self._lineage.accept_division(division)

    def accept(
        self, object_id: int, frames: Iterable[int] | None = None, *, cover: bool = False
    ) -> int:
        """Accept an object's masks, so that propagation and other objects do not change them.

        The number of masks that were not accepted before is returned; locked ones stay locked.

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
        return self._editor.accept(object_id, frames, cover=cover)

    def reopen(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Undo :meth:`accept`; return the number of masks that changed. Locked ones stay locked."""
        return self._editor.reopen(object_id, frames)

    def lock(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Lock an object's masks: nothing replaces them, and propagation starts from them.

        The number of masks that were not locked before is returned; frames without a mask are
        left out. UserError if there is no mask at all.
        """
        return self._editor.lock(object_id, frames)

    def unlock(self, object_id: int, frames: Iterable[int] | None = None) -> int:
        """Undo :meth:`lock`; return the number of masks that changed."""
        return self._editor.unlock(object_id, frames)

    def locked(self, object_id: int) -> tuple[int, ...]:
        """Return the frames on which an object's mask is locked, increasing."""
        return self._store.locked().get(object_id, ())

    @property
    def has_locks(self) -> bool:
        """Whether any mask is locked."""
        return bool(self._store.locked())

    def is_locked(self, object_id: int, frame: int) -> bool:
        """Return whether an object's mask on a frame is locked."""
        return self._store.is_locked(object_id, frame)

    def end_object(self, object_id: int, frame: int) -> None:
        """Delete an object's masks after a frame; from now on it gets none there.

        An earlier end is replaced. UserError if there are prompts or locked masks after the frame,
        IndexError if there is no such frame.
        """
        self._store.index(frame)
        self._editor.set_extent(object_id, stop=frame + 1)

    def begin_object(self, object_id: int, frame: int) -> None:
        """Delete an object's masks before a frame; from now on it gets none there.

        An earlier begin is replaced. UserError if there are prompts or locked masks before the
        frame, IndexError if there is no such frame.
        """
        self._store.index(frame)
        self._editor.set_extent(object_id, first=frame)

    def clear(self, object_id: int, frames: Iterable[int]) -> None:
        """Delete an object's masks on some frames; from now on it gets none there.

        A prompt that is added there later brings the object back on its frame. UserError if there
        are prompts or locked masks on the frames.
        """
        self._editor.clear(object_id, FrameRanges.of(frames))

    def clear_extent(self, object_id: int) -> None:
        """Undo :meth:`end_object`, :meth:`begin_object` and :meth:`clear`; masks do not return."""
        self._editor.clear_extent(object_id)

    def absent(self, object_id: int) -> FrameRanges:
        """Return the frames on which an object gets no mask, by the user's decision."""
        return self._tracks.absent(object_id)

    def delete_masks(self, object_id: int, frames: Iterable[int] | None = None) -> None:
        """Delete an object's masks on some frames, or on all; propagation can make them again."""
        self._editor.delete(object_id, frames)

    def starts(self, object_id: int) -> dict[int, str]:
        """Return the frames from which runs track an object, each with a digest of its prompts."""
        return self._tracks.starts(object_id)

    def trimmed(self, object_id: int) -> tuple[int, ...]:
        """Return the frames whose prompts are points outside that correct a mask, increasing."""
        return self._tracks.trimmed(object_id)

    def store_tracked(self, results: Sequence[FrameResult]) -> None:
        """Store masks of a run through several sessions.

        Accepted and locked masks stay, and frames without the object get none.
        """
        for result in results:
            object_id, frame = result.object_id, result.frame
            old = self._store.info(object_id, frame)
            protected = old is not None and old.status >= MaskStatus.ACCEPTED
            if not protected and not self._tracks.is_absent(object_id, frame):
                record = MaskRecord.from_result(result)
                self._editor.store([result], ValueSet(MaskKey(object_id, result.index), record))

    def delete_tracked(self, object_id: int) -> None:
        """Delete an object's masks that runs have made; accepted and locked masks stay."""
        kept = self._tracks.starts(object_id)
        infos = {f: self._store.info(object_id, f) for f in self._store.frames(object_id)}
        frames = [
            frame
            for frame, info in infos.items()
            if info is not None and info.status < MaskStatus.ACCEPTED and frame not in kept
        ]
        if frames:
            self._editor.delete(object_id, frames)

    def redraw_frame(self, object_id: int, frame: int) -> None:
        """Draw the labels of a frame again from the masks, e.g. after they were painted over."""
        self._editor.redraw_frame(object_id, frame)

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
            If both are the same object, one does not exist, or a locked mask would change.
        """
        return self._editor.merge(source_id, target_id)

    def check_mergeable(self, source_id: int, target_id: int) -> None:
        """Raise UserError if :meth:`merge` would do so."""
        self._editor.check_mergeable(source_id, target_id)

    def redraw(self) -> None:
        """Draw the labels of all masks again."""
        self._store.redraw()

    def result(self, object_id: int, frame: int) -> FrameResult | None:
        """Return the stored mask of an object on a frame, or None."""
        return self._store.result(object_id, frame)
