"""Edits of prompts by the user: each is a step of the history, and its mask is requested."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from napari_sam2.inference.preview import Preview
from napari_sam2.masks.mask import MaskOrigin
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt, PromptKey
from napari_sam2.session.history.edit_keys import EditDescription, EditedPlace
from napari_sam2.session.history.edit_token import EditToken
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.tracks.locks import locked_error
from napari_sam2.viewer.events import SyncEvents

PromptChange = tuple[PromptKey, tuple[Prompt, ...]]
"""All prompts that one object has on one frame from now on."""
Work = Callable[[], Any]
Done = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class PromptEdit:
    """A change of the prompts of an object on a frame.

    Parameters
    ----------
    key : PromptKey
        Position of the session, object id, frame.
    before, after : tuple of Prompt
        The prompts before and after the change.
    """

    key: PromptKey
    before: tuple[Prompt, ...]
    after: tuple[Prompt, ...]

    @property
    def title(self) -> str:
        """What the user did, e.g. ``"Click on object 5"``."""
        target = f"object {self.key.object_id}"
        new = [prompt for prompt in self.after if prompt not in self.before]
        if len(self.after) < len(self.before) and not new:
            return f"Delete prompts of {target}"
        kinds = {type(prompt) for prompt in new}
        if kinds == {PointPrompt} and len(self.after) > len(self.before):
            return f"Click on {target}"
        if kinds == {BoxPrompt}:
            return f"Draw a box around {target}"
        return f"Draw {target}" if kinds == {MaskPrompt} else f"Change prompts of {target}"


class PromptController:
    """Applies edits of prompts to the sessions.

    Parameters
    ----------
    sessions : SessionGroup
        The sessions on the image, with their history.
    events : SyncEvents
        Receives the masks to predict, changes of objects, and notices.

    Attributes
    ----------
    execute : Callable
        Runs a function that may wait for the model or the disk, and passes its result on. The
        default runs it at once; a widget sets it to submit the function to a thread that keeps
        the order.
    """

    def __init__(self, sessions: SessionGroup, events: SyncEvents) -> None:
        self._sessions = sessions
        self._events = events
        self._reopening: set[int] = set()
        self.execute: Callable[[Work, Done], Any] = execute_now

    def accepted(self, object_id: int) -> bool:
        """Return whether all masks of an object are accepted and no correction is pending."""
        accepted = self._sessions.progress(object_id).accepted
        return accepted and object_id not in self._reopening

    def edit(self, changes: Sequence[PromptChange], title: str = "") -> tuple[PromptEdit, ...]:
        """Replace prompts of objects on frames as one step, and return what changed.

        Prompts on locked frames stay, with a notice.

        Parameters
        ----------
        changes : sequence of (PromptKey, prompts)
            What changes.
        title : str
            What the user did; "" names it after the changes.
        """
        edits = tuple(
            PromptEdit(key, self._prompts(key), prompts)
            for key, prompts in changes
            if not self._refuses(key)
        )
        if not edits:
            return ()
        several = len({edit.key.object_id for edit in edits}) > 1
        title = title or ("Change prompts" if several else edits[-1].title)
        place = EditedPlace() if several else self._place(edits[-1].key)
        history = self._sessions.history
        with history.step(title, place):
            # In one transaction, as each of hundreds would wait for the disk.
            with history.edit(title):
                for edit in edits:
                    self._store(edit)
            for edit in edits:
                self._request_edited(edit)
        self._events.objects.emit()
        return edits

    def _refuses(self, key: PromptKey) -> bool:
        locked = self._sessions[key.position].is_locked(key.object_id, key.frame)
        if locked:
            self._events.notice.emit(str(locked_error(key.object_id, key.frame)))
        return locked

    def _prompts(self, key: PromptKey) -> tuple[Prompt, ...]:
        return self._sessions[key.position].prompts.get(key.object_id, key.frame)

    def _place(self, key: PromptKey) -> EditedPlace:
        index = self._sessions[key.position].stack.index(key.frame)
        return EditedPlace(key.object_id, key.frame, index)

    def _store(self, edit: PromptEdit) -> None:
        fixed, object_id, frame = edit.key
        self._sessions[fixed].prompts.set(object_id, frame, edit.after)
        self._sessions.objects.add(object_id)

    def _request_edited(self, edit: PromptEdit) -> None:
        object_id = edit.key.object_id
        if edit.after and self.accepted(object_id):
            self._events.notice.emit(f"Object {object_id} is a draft again, for your correction.")
        self._request(edit.key)

    def predict(self, key: PromptKey, action: EditToken | None = None) -> Preview:
        """Predict and store the mask of an object on a frame; may be called from any thread.

        An accepted object becomes a draft again first.

        Parameters
        ----------
        key : PromptKey
            The object and the frame.
        action : EditToken or None
            The action of the history that the mask belongs to; None for the present one.

        Raises
        ------
        UserError
            If the object has no prompt there any more.
        """
        session, history = self._sessions[key.position], self._sessions.history
        with history.join(action or history.current):
            if key.object_id in self._reopening:
                self._sessions.reopen(key.position, key.object_id)
                self._reopening.discard(key.object_id)
            return session.preview(key.object_id, key.frame)

    def follow(self, step: EditDescription) -> None:
        """Request the masks that undo or redo has left without a prediction."""
        self._reopening -= step.objects
        for key in step.prompts:
            self._events.prompts_withdrawn.emit(key)
            predictions = self._sessions[key.position].prompts.predictions
            if predictions.get(key.object_id, key.frame).awaited:
                self._request_again(key)

    def request_awaited(self) -> None:
        """Request the masks that were not predicted when a saved session was closed."""
        for _, session in self._sessions:
            for key, state in session.prompts.predictions.items():
                if state.awaited:
                    self._request_again(PromptKey(key.position, key.object_id, key.frame))

    def _request_again(self, key: PromptKey) -> None:
        """Request a mask as a part of the action that set its prompts."""
        history = self._sessions.history
        with history.join(history.owner(key)):
            self._request(key)

    def forget(self, object_id: int) -> None:
        """Drop what is pending for a deleted object."""
        self._reopening.discard(object_id)

    def _request(self, key: PromptKey) -> None:
        """Request the mask of the present prompts; without prompts, delete the predicted mask."""
        fixed, object_id, frame = key
        session = self._sessions[fixed]
        prompts, result = session.prompts.get(object_id, frame), session.result(object_id, frame)
        if prompts and self.accepted(object_id):
            self._reopening.add(object_id)
        positive = any(not isinstance(p, PointPrompt) or p.label for p in prompts)
        corrected = session.prompts.predictions.get(object_id, frame).corrected
        correctable = result is not None and (result.area or corrected is not None)
        if positive or (prompts and correctable):
            self._events.prompts_changed.emit(key)
            return
        self._events.prompts_withdrawn.emit(key)
        _delete_predicted(session, object_id, frame)
        if prompts:
            self._events.notice.emit(
                "A point outside needs a mask to correct: click inside the object first."
            )


def execute_now(work: Work, done: Done = lambda _: None) -> None:
    """Run a function in the calling thread, and pass its result on."""
    done(work())


def _delete_predicted(session: SegmentationSession, object_id: int, frame: int) -> None:
    result = session.result(object_id, frame)
    if result is not None and result.origin is MaskOrigin.PROMPT:
        session.delete_masks(object_id, [frame])
