"""Repeats the log of a saved session in empty sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_sam2.masks.store import MaskKey
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.actions.action_table import LoggedAction
from napari_sam2.session.actions.actions import (
    EarlierEdits,
    InputUsed,
    RunAdvanced,
    RunStarted,
    SessionAction,
    StatusChanged,
    StepRedone,
    StepUndone,
    ValueSet,
)
from napari_sam2.session.history.edit_token import EditToken
from napari_sam2.session.storage.run_description import ModelIdentity

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor
    from napari_sam2.masks.store import MaskStore
    from napari_sam2.session.session_group import SessionGroup


class ActionReplayer:
    """Repeats actions in their order, so that the sessions get the masks of those of the log.

    Parameters
    ----------
    sessions : SessionGroup
        Empty sessions on the image of the log.
    load : Callable
        Returns the model of an identity.
    locked : MaskStore or None
        The masks of the session. Those that are locked replace the computed ones when these are
        locked, as they differ where the image or the model has changed.

    Attributes
    ----------
    advanced : psygnal.Signal
        Emitted with the number of actions done, after each of them and each frame of a run.
    """

    advanced = Signal(int)

    def __init__(
        self,
        sessions: SessionGroup,
        load: Callable[[ModelIdentity], Predictor],
        locked: MaskStore | None = None,
    ) -> None:
        self._sessions = sessions
        self._load = load
        self._played = 0
        self._locked = locked
        self._steps: dict[int, EditToken] = {}
        self._runs: dict[int, Iterator[int]] = {}

    def play(self, logged: LoggedAction) -> None:
        """Repeat one action; call it with all actions of a log in their order."""
        action, history = logged.action, self._sessions.history
        match action:
            case StepUndone():
                history.undo()
            case StepRedone():
                history.redo()
            case InputUsed():
                self._use(action)
            case EarlierEdits():
                raise ValueError("The log does not begin with the first edit.")
            case ValueSet():
                with self._step(logged.step):
                    self._set(action)
            case _:
                with self._step(logged.step):
                    self._play(action)
        self._played += 1
        self.advanced.emit(self._played)

    @contextmanager
    def _step(self, number: int) -> Iterator[None]:
        """Record what the block changes as a part of a step of the log."""
        history = self._sessions.history
        if not number:
            with history.unrecorded():
                yield
            return
        token = self._steps.setdefault(number, EditToken(f"Step {number}"))
        with history.join(token):
            yield

    def _use(self, used: InputUsed) -> None:
        sessions = self._sessions
        if sessions.intensity != used.intensity:
            sessions.set_intensity(used.intensity)
        predictor = self._load(used.model)
        if sessions.predictor is not predictor:
            sessions.set_predictor(predictor)

    def _set(self, action: ValueSet) -> None:
        key = action.key
        if isinstance(key, PromptKey):
            prompts = self._sessions[key.position].prompts
            prompts.set(key.object_id, key.frame, action.value)
        elif isinstance(key, MaskKey):
            position = self._sessions.grid.position(key.plane)
            self._sessions[position].actions.set_mask(action.value)
        else:
            self._sessions.objects.exchange(key.object_id, action.value)

    def _play(self, action: SessionAction) -> None:
        session = self._sessions[action.position]
        if isinstance(action, RunStarted):
            self._runs[action.run] = session.actions.start(action)
        elif isinstance(action, RunAdvanced):
            for done in self._runs[action.run]:
                self.advanced.emit(self._played)
                if done >= action.done:
                    break
        else:
            if isinstance(action, StatusChanged) and self._locked is not None:
                session.actions.take_locked(action, self._locked)
            session.actions.play(action)
