"""Edits of prompts by the user, with undo and redo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.inference.preview import Preview
from napari_sam2.masks.mask import FrameResult, MaskOrigin
from napari_sam2.prompts.history import EditHistory, PromptEdit
from napari_sam2.prompts.types import PointPrompt, Prompt, PromptKey
from napari_sam2.session.editing import locked_error
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.viewer.events import SyncEvents

PromptChange = tuple[PromptKey, tuple[Prompt, ...]]
"""All prompts that one object has on one frame from now on."""
Work = Callable[[], Any]


class PromptController:
    """Applies edits of prompts to the sessions and keeps them for undo.

    Parameters
    ----------
    sessions : SessionGroup
        The sessions on the image.
    events : SyncEvents
        Receives the masks to predict, changes of objects, and notices.

    Attributes
    ----------
    execute : Callable
        Runs a function that may wait for the model or the disk. The default runs it at once; a
        widget sets it to submit the function to a thread that keeps the order.
    """

    def __init__(self, sessions: SessionGroup, events: SyncEvents) -> None:
        self._sessions = sessions
        self._events = events
        self._history = EditHistory()
        self._reopening: set[int] = set()
        self.execute: Callable[[Work], Any] = execute_now

    def accepted(self, object_id: int) -> bool:
        """Return whether all masks of an object are accepted and no correction is pending."""
        accepted = self._sessions.progress(object_id).accepted
        return accepted and object_id not in self._reopening

    def edit(self, changes: Sequence[PromptChange]) -> tuple[PromptEdit, ...]:
        """Replace prompts of objects on frames, as one step of undo; return what changed.

        Prompts on locked frames stay, with a notice.
        """
        step = tuple(
            self._apply(key, prompts) for key, prompts in changes if not self._refuses(key)
        )
        if step:
            self._history.add(step)
            self._events.objects.emit()
        return step

    def _refuses(self, key: PromptKey) -> bool:
        locked = self._sessions[key.position].is_locked(key.object_id, key.frame)
        if locked:
            self._events.notice.emit(str(locked_error(key.object_id, key.frame)))
        return locked

    def _apply(self, key: PromptKey, prompts: tuple[Prompt, ...]) -> PromptEdit:
        fixed, object_id, frame = key
        session = self._sessions[fixed]
        before, mask = session.prompts.get(object_id, frame), session.result(object_id, frame)
        session.prompts.set(object_id, frame, prompts)
        self._sessions.objects.add(object_id)
        if prompts and self.accepted(object_id):
            self._reopening.add(object_id)
            self._events.notice.emit(f"Object {object_id} is a draft again, for your correction.")
        self._request(key)
        return PromptEdit(key, before, prompts, mask)

    def add_refinement(
        self, key: PromptKey, before: FrameResult | None, after: FrameResult
    ) -> None:
        """Add the refinement of one mask to the history, as one step of undo."""
        prompts = self._sessions[key.position].prompts.get(key.object_id, key.frame)
        self._history.add((PromptEdit(key, prompts, prompts, before, after),))

    def predict(self, key: PromptKey) -> Preview:
        """Predict and store the mask of an object on a frame; may be called from any thread.

        An accepted object becomes a draft again first.

        Raises
        ------
        UserError
            If the object has no prompt there any more.
        """
        session = self._sessions[key.position]
        if key.object_id in self._reopening:
            session.reopen(key.object_id)
            self._reopening.discard(key.object_id)
        return session.preview(key.object_id, key.frame)

    def undo(self) -> tuple[PlaneIndex, ...] | None:
        """Undo the last step; return the planes that changed, or None if there is no step."""
        step = self._history.undo()
        return self._replay([(e.key, e.before, e.mask) for e in reversed(step)]) if step else None

    def redo(self) -> tuple[PlaneIndex, ...] | None:
        """Redo the step that was undone last; see :meth:`undo`."""
        step = self._history.redo()
        return self._replay([(e.key, e.after, e.refined) for e in step]) if step else None

    def forget(self, object_id: int) -> None:
        """Remove a deleted object from the history."""
        self._history.forget(object_id)
        self._reopening.discard(object_id)

    def _replay(
        self, edits: Sequence[tuple[PromptKey, tuple[Prompt, ...], FrameResult | None]]
    ) -> tuple[PlaneIndex, ...]:
        changed: list[PlaneIndex] = []
        for key, prompts, mask in edits:
            session = self._sessions[key.position]
            session.prompts.set(key.object_id, key.frame, prompts)
            if mask is not None:
                self.execute(partial(session.restore, mask))
                self._events.prompts_withdrawn.emit(key)
            else:
                self._request(key)
            changed.append(session.stack.index(key.frame))
        self._events.objects.emit()
        return tuple(changed)

    def _request(self, key: PromptKey) -> None:
        """Request the mask of the present prompts; without prompts, delete the predicted mask."""
        fixed, object_id, frame = key
        session = self._sessions[fixed]
        prompts, result = session.prompts.get(object_id, frame), session.result(object_id, frame)
        positive = any(not isinstance(p, PointPrompt) or p.label for p in prompts)
        if positive or (prompts and result is not None):
            self._events.prompts_changed.emit(key)
            return
        self._events.prompts_withdrawn.emit(key)
        self.execute(partial(_delete_predicted, session, object_id, frame))
        if prompts:
            self._events.notice.emit(
                "A point outside needs a mask to correct: click inside the object first."
            )


def execute_now(work: Work) -> None:
    """Run a function in the calling thread."""
    work()


def _delete_predicted(session: SegmentationSession, object_id: int, frame: int) -> None:
    result = session.result(object_id, frame)
    if result is not None and result.origin is MaskOrigin.PROMPT:
        session.delete_masks(object_id, [frame])
