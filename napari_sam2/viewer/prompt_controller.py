"""Changes of prompts by the user: kept for undo, and answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.inference.preview import Preview
from napari_sam2.masks.mask import FrameResult, MaskOrigin
from napari_sam2.prompts.history import EditHistory, PromptEdit
from napari_sam2.prompts.types import PointPrompt, Prompt, PromptKey
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.viewer.events import SyncEvents

Change = tuple[PromptKey, tuple[Prompt, ...]]
Work = Callable[[], Any]


class PromptController:
    """Applies what the user says to the sessions, and takes it back.

    Parameters
    ----------
    sessions : SessionGroup
        The sessions.
    events : SyncEvents
        Told what is to be computed.

    Attributes
    ----------
    aside : Callable
        Does what may have to wait for the model or the disk: at once, unless a widget has a thread
        for it, which then keeps the order.
    """

    def __init__(self, sessions: SessionGroup, events: SyncEvents) -> None:
        self._lanes = sessions
        self._events = events
        self._steps = EditHistory()
        self._opening: set[int] = set()
        self.aside: Callable[[Work], Any] = at_once

    def accepted(self, object_id: int) -> bool:
        """Whether all masks of an object are accepted, and no correction has come since."""
        return self._lanes.progress(object_id).accepted and object_id not in self._opening

    def edit(self, changes: Sequence[Change]) -> None:
        """Say other things about objects on frames; one step of undo."""
        step = []
        for key, new in changes:
            fixed, object_id, frame = key
            session = self._lanes[fixed]
            before, mask = session.prompts.get(object_id, frame), session.result(object_id, frame)
            session.prompts.set(object_id, frame, new)
            step.append(PromptEdit(key, before, new, mask))
            self._lanes.objects.add(object_id)
            if new and self.accepted(object_id):
                self._opening.add(object_id)
                self._events.notice.emit(f"Object {object_id} is open again for your correction.")
            self._ask(key)
        if step:
            self._steps.add(tuple(step))
            self._events.objects.emit()

    def sharpened(self, key: PromptKey, before: FrameResult | None, after: FrameResult) -> None:
        """Take note of a second look at a mask; one step of undo."""
        fixed, object_id, frame = key
        said = self._lanes[fixed].prompts.get(object_id, frame)
        self._steps.add((PromptEdit(key, said, said, before, after),))

    def answer(self, key: PromptKey) -> Preview:
        """Compute the mask of an object on a frame; any thread may call.

        Raises
        ------
        UserError
            If nothing is said there any more.
        """
        fixed, object_id, frame = key
        session = self._lanes[fixed]
        if object_id in self._opening:
            session.reopen(object_id)
            self._opening.discard(object_id)
        return session.preview(object_id, frame)

    def undo(self) -> tuple[PlaneIndex, ...] | None:
        """Take the last step back; return the planes that changed, None if there was no step."""
        step = self._steps.undo()
        return self._replay([(e.key, e.before, e.mask) for e in reversed(step)]) if step else None

    def redo(self) -> tuple[PlaneIndex, ...] | None:
        """Make the step again that was taken back last; see :meth:`undo`."""
        step = self._steps.redo()
        return self._replay([(e.key, e.after, e.refined) for e in step]) if step else None

    def forget(self, object_id: int) -> None:
        """Drop the steps of an object that was deleted."""
        self._steps.forget(object_id)
        self._opening.discard(object_id)

    def _replay(
        self, edits: Sequence[tuple[PromptKey, tuple[Prompt, ...], FrameResult | None]]
    ) -> tuple[PlaneIndex, ...]:
        changed: list[PlaneIndex] = []
        for key, prompts, mask in edits:
            fixed, object_id, frame = key
            session = self._lanes[fixed]
            session.prompts.set(object_id, frame, prompts)
            if mask is not None:
                self.aside(partial(session.restore, mask))
                self._events.withdrawn.emit(key)
            else:
                self._ask(key)
            changed.append(session.stack.index(frame))
        self._events.objects.emit()
        return tuple(changed)

    def _ask(self, key: PromptKey) -> None:
        """Ask for the mask of what is said now; where nothing is said, drop what was answered."""
        fixed, object_id, frame = key
        session = self._lanes[fixed]
        prompts, result = session.prompts.get(object_id, frame), session.result(object_id, frame)
        inside = any(not isinstance(p, PointPrompt) or p.label for p in prompts)
        if inside or (prompts and result is not None):
            self._events.asked.emit(key)
            return
        self._events.withdrawn.emit(key)
        self.aside(partial(_drop_answer, session, object_id, frame))
        if prompts:
            self._events.notice.emit("Click inside the object first: points outside trim it.")


def at_once(work: Work) -> None:
    """Do it here and now."""
    work()


def _drop_answer(session: SegmentationSession, object_id: int, frame: int) -> None:
    result = session.result(object_id, frame)
    if result is not None and result.origin is MaskOrigin.PROMPT:
        session.clear(object_id, [frame])
