"""Edits of parent links, and divisions of objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_sam2.core.errors import UserError
from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.core.geometry import Window
from napari_sam2.core.lineage import FrameSpan, overlap_text
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.masks.scores import ScoreRow
from napari_sam2.session.actions.actions import MasksMoved
from napari_sam2.session.lineage.parts import split_parts
from napari_sam2.tracking.division.detection import detect_divisions

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.masks.store import MaskInfo
    from napari_sam2.prompts.store import PromptStore
    from napari_sam2.session.editing import MaskEditor
    from napari_sam2.session.events import SessionEvents
    from napari_sam2.session.history.edit_history import EditHistory
    from napari_sam2.session.objects import ObjectList
    from napari_sam2.session.tracks.object_tracks import ObjectTracks
    from napari_sam2.tracking.division.division import Division, DivisionRules
    from napari_sam2.tracking.resume_state import Journal


class LineageEditor:
    """Sets parents of objects and divides objects; each method is one step of the history.

    Parameters
    ----------
    stack : Stack
        The stack of the session.
    store : SegmentationStore
        The masks.
    prompts : PromptStore
        The user's prompts.
    events : SessionEvents
        Signals of the session.
    journal : Journal
        Records complete planes; it forgets objects whose masks move.
    objects : ObjectList
        The objects.
    history : EditHistory
        Records all edits.
    tracks : ObjectTracks
        What was tracked of the objects, and where they are absent.
    editor : MaskEditor
        Ends and begins objects.
    """

    def __init__(
        self,
        stack: Stack,
        store: SegmentationStore,
        prompts: PromptStore,
        events: SessionEvents,
        journal: Journal,
        objects: ObjectList,
        history: EditHistory,
        tracks: ObjectTracks,
        editor: MaskEditor,
    ) -> None:
        self._stack = stack
        self._store = store
        self._prompts = prompts
        self._events = events
        self._journal = journal
        self._objects = objects
        self._history = history
        self._tracks = tracks
        self._editor = editor

    def set_parent(self, object_id: int, parent_id: int | None) -> None:
        """Set or remove the parent of an object; see the session's method."""
        self.check_parent(object_id, parent_id)
        begins = f"Set object {parent_id} as the parent of object {object_id}"
        title = f"Remove the parent of object {object_id}" if parent_id is None else begins
        with self._history.step(title):
            self._objects.set_parent(object_id, parent_id)
        self._events.objects.emit()

    def check_parent(self, object_id: int, parent_id: int | None) -> None:
        """Raise UserError if :meth:`set_parent` would do so."""
        self._editor.add_prompted_objects()
        self._check_links([object_id], parent_id)
        if parent_id is not None:
            self._check_end(parent_id, [object_id])

    def divide(self, object_id: int, frame: int, daughters: tuple[int, ...]) -> tuple[int, ...]:
        """End an object before a frame and link its daughters; see the session's method."""
        self._store.index(frame)
        daughters = tuple(dict.fromkeys(daughters))
        self._editor.add_prompted_objects()
        self._check_links(daughters, object_id)
        later = FrameRanges(((frame, self._store.n_frames),))
        moved = later & (
            self._store.frames(object_id) | FrameRanges.of(self._prompts.frames(object_id))
        )
        self._check_division(object_id, frame, daughters, moved)
        with self._history.step(f"Divide object {object_id} on frame {frame}"):
            continued = self._has_pixels(moved, object_id)
            new = (self._split(object_id, frame, moved),) if continued else ()
            self._editor.set_extent(object_id, stop=frame)
            for daughter in (*new, *daughters):
                self._objects.set_parent(daughter, object_id)
        self._events.objects.emit()
        return (*new, *daughters)

    def find_divisions(self, rules: DivisionRules | None = None) -> tuple[Division, ...]:
        """Return divisions that are not linked yet; see the session's method."""
        self._check_time_series()
        window = Window.of(self._stack.shape)
        frames = range(self._store.n_frames)
        planes = (compose_labels(self._store.records(frame), window) for frame in frames)
        parents = self._objects.lineage.parents
        return tuple(
            division
            for division in detect_divisions(planes, rules)
            if not division.daughters
            or any(parents.get(daughter) != division.parent for daughter in division.daughters)
        )

    def accept_division(self, division: Division) -> tuple[int, ...]:
        """Divide an object as it was found; see the session's method."""
        parent, frame = division.parent, division.frame
        if division.daughters:
            return self.divide(parent, frame, division.daughters)
        prompted = FrameRanges.of(f for f in self._prompts.frames(parent) if f >= frame)
        if prompted:
            raise UserError(
                f"Object {parent} falls into parts on frame {frame} and has prompts on "
                f"{prompted.text}. Remove them first, or divide it by hand."
            )
        with self._history.step(f"Divide object {parent} on frame {frame}"):
            (first,) = self.divide(parent, frame, ())
            second = self._objects.add().id
            self._objects.set_parent(second, parent)
            label_class = self._objects[parent].label_class
            self._objects.change(second, label_class=label_class)
            self._tracks.set_absent(second, FrameRanges(((0, frame),)))
            later = [
                self._store.masks.get(first, self._store.index(at))
                for at in range(frame, self._store.n_frames)
            ]
            records = [record for record in later if record is not None]
            self._editor.import_masks(split_parts(records, second))
        return first, second

    def _has_pixels(self, frames: FrameRanges, object_id: int) -> bool:
        infos = (self._store.info(object_id, frame) for frame in frames)
        prompted = any(self._prompts.get(object_id, frame) for frame in frames)
        return prompted or any(info is not None and info.area for info in infos)

    def _split(self, object_id: int, frame: int, frames: FrameRanges) -> int:
        """Make a new object of an object's masks and prompts on some frames; return its id."""
        new_id = self._objects.add().id
        for at in frames:
            prompts = self._prompts.get(object_id, at)
            self._prompts.set(new_id, at, [replace(p, object_id=new_id) for p in prompts])
        self.move_masks(object_id, new_id, frames)
        for at in frames:
            self._prompts.set(object_id, at, [])
        self._tracks.split(object_id, new_id, frame)
        for daughter in self._objects.lineage.daughters(object_id):
            self._objects.set_parent(daughter, new_id)
        label_class = self._objects[object_id].label_class
        self._objects.change(new_id, label_class=label_class)
        return new_id

    def move_masks(self, source_id: int, target_id: int, frames: FrameRanges) -> None:
        """Give an object's masks and predictions on some frames to an object without any there."""
        states = self._prompts.predictions
        with self._history.edit(f"Move masks of object {source_id}"):
            for at in frames:
                state = states.get(source_id, at)
                states.exchange(target_id, at, state)
                states.exchange(source_id, at, type(state)())
                self._editor.scores.drop(source_id, at)
            moved = self._store.move(source_id, target_id, frames)
            for at, info in moved:
                self._editor.scores.add(ScoreRow.from_info(at, info))
            self._history.log(MasksMoved(self._prompts.position, source_id, target_id, frames))
        for object_id in (source_id, target_id):
            self._journal.forget(object_id)
            for _, info in moved:
                self._events.masks.emit(object_id, info.index)

    def _check_links(self, daughters: Iterable[int], parent_id: int | None) -> None:
        """Raise UserError unless these links are possible, whatever the frames."""
        lineage = self._objects.lineage
        for object_id in (*daughters, *([] if parent_id is None else [parent_id])):
            self._objects.check(object_id)
        for daughter in daughters:
            lineage = lineage.with_parent(daughter, parent_id)
        if parent_id is None:
            return
        self._check_time_series()

    def _check_time_series(self) -> None:
        """Raise UserError unless objects of this session can have parents."""
        if self._stack.along.upper() not in self._stack.layout.index_axes:
            raise UserError("This session has one frame. Objects have parents in time series only.")
        if self._stack.along != "t":
            raise UserError(
                f"Objects have parents along t only; this session is along {self._stack.along}. "
                f"Along {self._stack.along} a branch belongs to the same object: merge it instead."
            )

    def _check_end(self, parent_id: int, daughters: Iterable[int]) -> None:
        """Raise UserError if a parent has a mask on or after the first frame of a daughter."""
        parent = self._span(parent_id)
        for daughter in daughters:
            span = self._span(daughter)
            if parent is not None and span is not None and parent.last >= span.first:
                raise UserError(
                    f"{overlap_text(daughter, span, parent_id, parent)} End object {parent_id} on "
                    f"an earlier frame, or divide it on frame {span.first}."
                )

    def _check_division(
        self, object_id: int, frame: int, daughters: tuple[int, ...], moved: FrameRanges
    ) -> None:
        locked = moved & FrameRanges.of(self._store.locked().get(object_id, ()))
        if locked:
            raise UserError(f"Object {object_id} is locked on {locked.text}. Unlock it first.")
        if not daughters and not self._has_pixels(moved, object_id):
            raise UserError(
                f"Object {object_id} has no mask from frame {frame} on, and no daughter is given. "
                "Choose an earlier frame, or give the daughters."
            )
        for daughter in (*daughters, *self._objects.lineage.daughters(object_id)):
            span = self._span(daughter)
            if span is not None and span.first < frame:
                raise UserError(
                    f"Object {daughter} begins on frame {span.first}, before the division on frame "
                    f"{frame}. Divide object {object_id} on frame {span.first} or earlier."
                )
        span = self._span(object_id)
        if span is None or span.first >= frame:
            raise UserError(
                f"Object {object_id} has no mask before frame {frame}, so it cannot divide there. "
                "Choose a later frame."
            )
        here = {self._store.index(at) for at in moved}
        if any(info.area and info.index not in here for info in self._infos_from(object_id, frame)):
            raise UserError(
                f"Object {object_id} has masks on other planes from frame {frame} on. End it there "
                "first."
            )

    def _infos_from(self, object_id: int, frame: int) -> list[MaskInfo]:
        """Return an object's masks from a frame on, at all positions of the image."""
        infos = self._store.masks.infos(object_id)
        return [info for info in infos if info.index[self._axis] >= frame]

    @property
    def _axis(self) -> int:
        """Position of the propagated axis in the index of a plane."""
        return self._stack.layout.index_axes.index(self._stack.along.upper())

    def _span(self, object_id: int) -> FrameSpan | None:
        """Return the frames of an object at all positions of the image; None without pixels."""
        infos = self._infos_from(object_id, 0)
        frames = [info.index[self._axis] for info in infos if info.area]
        return FrameSpan(min(frames), max(frames)) if frames else None
