"""Undo and redo of all edits of some sessions, in the order in which they were made."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock, local
from typing import Any, cast

from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.store import MaskKey
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.actions.actions import (
    Action,
    ActionLog,
    InputUsed,
    NullActionLog,
    RunStarted,
    StepRedone,
    StepUndone,
    ValueSet,
)
from napari_sam2.session.history.edit_keys import EditDescription, EditedPlace, EditKey
from napari_sam2.session.history.edit_token import EditToken
from napari_sam2.session.history.session_state import SessionState
from napari_sam2.session.history.step_storage import MemoryStepStorage, StepHeader, StepStorage
from napari_sam2.session.objects import ObjectKey
from napari_sam2.tracking.plan import Plan

MAX_STEPS = 200
"""How many steps can be undone."""
_CHUNK = 256
"""How many values are exchanged at a time."""


class EditHistory:
    """The steps of some sessions.

    A step holds, for each value that it changed, the other value: the one before, or after it was
    undone the one after. Undo and redo exchange them with the present values.

    Parameters
    ----------
    storage : StepStorage or None
        Keeps the values of the steps; None for memory.
    limit : int
        Largest number of steps; earlier ones are dropped. With 0 nothing is recorded.
    actions : ActionLog or None
        Records all actions; None records none.
    """

    def __init__(
        self,
        storage: StepStorage | None = None,
        limit: int = MAX_STEPS,
        actions: ActionLog | None = None,
    ) -> None:
        self._storage: StepStorage = storage or MemoryStepStorage()
        self._limit = limit
        self._actions: ActionLog = NullActionLog() if actions is None else actions
        self._moving = False
        self._lock = RLock()
        self._thread = local()
        self._targets: dict[FixedPosition, SessionState] = {}
        self._tokens: dict[int, EditToken] = {}
        self._done: list[int] = []
        self._undone: list[int] = []
        for header in self._storage.headers():
            token = EditToken(header.title, header.place, header.action, [header.number])
            self._tokens[header.number] = token
            (self._undone if header.undone else self._done).append(header.number)
        # The one that is redone first is at the end.
        self._undone.reverse()

    def connect(self, position: FixedPosition, state: SessionState) -> None:
        """Record and exchange the values of the session at a position."""
        self._targets[position] = state

    @property
    def undo_title(self) -> str | None:
        """Title of the step that :meth:`undo` would undo, or None."""
        with self._lock:
            return self._title(self._done[-1]) if self._done else None

    @property
    def redo_title(self) -> str | None:
        """Title of the step that :meth:`redo` would redo, or None."""
        with self._lock:
            return self._title(self._undone[-1]) if self._undone else None

    @property
    def undo_size(self) -> int:
        """How many values :meth:`undo` would exchange."""
        with self._lock:
            return len(self._storage.keys(self._done[-1])) if self._done else 0

    @property
    def redo_size(self) -> int:
        """How many values :meth:`redo` would exchange."""
        with self._lock:
            return len(self._storage.keys(self._undone[-1])) if self._undone else 0

    def __len__(self) -> int:
        with self._lock:
            return len(self._done)

    @property
    def current(self) -> EditToken | None:
        """The action of the step that this thread is in, for :meth:`join` in another thread."""
        return getattr(self._thread, "token", None)

    @contextmanager
    def step(self, title: str, place: EditedPlace | None = None) -> Iterator[EditToken]:
        """Record everything that this thread changes in the block as one step.

        A step inside another one joins it.

        Parameters
        ----------
        title : str
            What the step does, e.g. ``"Accept object 3"``.
        place : EditedPlace or None
            Where; None for no place.
        """
        token = self.action(title, place)
        with self.keep_open(token), self.join(token):
            yield token

    def action(self, title: str, place: EditedPlace | None = None) -> EditToken:
        """Return a new action for :meth:`join`, or the one that this thread is in."""
        return self.current or EditToken(title, place or EditedPlace())

    @contextmanager
    def join(self, token: EditToken | None) -> Iterator[None]:
        """Record what this thread changes in the block as a part of an earlier action.

        With None, changes are steps of their own.
        """
        before = self.current
        self._thread.token = token
        try:
            yield
        finally:
            self._thread.token = before

    @contextmanager
    def keep_open(self, token: EditToken) -> Iterator[None]:
        """Refuse to undo an action in the block, as it is still running."""
        with self._lock:
            token.open += 1
        try:
            yield
        finally:
            with self._lock:
                token.open -= 1

    @contextmanager
    def unrecorded(self) -> Iterator[None]:
        """Do not record what this thread changes in the block."""
        before, self._thread.paused = self._paused, True
        try:
            yield
        finally:
            self._thread.paused = before

    @contextmanager
    def edit(self, title: str) -> Iterator[None]:
        """Make changes together; see :meth:`napari_sam2.core.edit_log.EditLog.edit`."""
        with self._then_after(), self._lock, self.step(title), self._storage.transaction():
            yield

    def after(self, work: Callable[[], object]) -> None:
        """Call a function later; see :meth:`napari_sam2.core.edit_log.EditLog.after`."""
        pending: list[Callable[[], object]] | None = getattr(self._thread, "pending", None)
        if pending is None:
            work()
        elif work not in pending:
            pending.append(work)

    @contextmanager
    def _then_after(self) -> Iterator[None]:
        """Do the work of :meth:`after` at the end of the outermost block."""
        if getattr(self._thread, "pending", None) is not None:
            yield
            return
        pending = self._thread.pending = []
        try:
            yield
        finally:
            self._thread.pending = None
        for work in pending:
            work()

    def record(self, key: Hashable, before: Any, after: Any) -> None:
        """Record a change; see :meth:`napari_sam2.core.edit_log.EditLog.record`."""
        edited, token = cast(EditKey, key), self.current
        with self._lock:
            self._storage.write(edited, after)
            if isinstance(edited, PromptKey | ObjectKey) and not self._moving:
                self.log(ValueSet(edited, after))
            if self._paused or token is None or not self._limit:
                return
            number = token.steps[-1] if token.steps else None
            last = None
            if number in self._done:
                last = self._storage.last(edited, number)
                if last == number:
                    return
            if number not in self._done or last is not None:
                number = self._push(token)
            self._storage.put(number, edited, before)

    def log(self, action: Action) -> None:
        """Record an action that changes masks; call it inside :meth:`edit`."""
        with self._lock:
            self._actions.append(self._action_number(), action)

    def use(self, used: InputUsed) -> None:
        """Record what computations use from now on."""
        with self._lock:
            self._actions.use(used)

    def start_run(self, position: FixedPosition, plan: Plan) -> int:
        """Record the start of a run, and return its number."""
        with self._lock:
            run = self._actions.next_number()
            self.log(RunStarted(position, run, plan))
        return run

    def _action_number(self) -> int:
        """Return the number of this thread's action in the log, 0 if it is no step."""
        token = self.current
        if self._paused or token is None:
            return 0
        token.action = token.action or self._actions.next_number()
        return token.action

    def owner(self, key: EditKey) -> EditToken | None:
        """Return the action that last changed a value, or None."""
        with self._lock:
            number = self._storage.last(key, 0)
            return None if number is None else self._tokens[number]

    def undo(self) -> EditDescription | None:
        """Undo the last step and return its description, or None if there is none.

        Raises
        ------
        UserError
            If the step is still running.
        """
        return self._move(self._done, self._undone, undone=True)

    def redo(self) -> EditDescription | None:
        """Redo the step that was undone last; see :meth:`undo`."""
        return self._move(self._undone, self._done, undone=False)

    @property
    def _paused(self) -> bool:
        return getattr(self._thread, "paused", False)

    def _title(self, number: int) -> str:
        token = self._tokens[number]
        return token.title if number == token.steps[0] else f"{token.title}, continued"

    def _header(self, number: int) -> StepHeader:
        token = self._tokens[number]
        return StepHeader(number, self._title(number), token.place, action=token.action)

    def _push(self, token: EditToken) -> int:
        for number in self._undone:
            self._forget(number)
        self._undone.clear()
        number = max(self._done, default=0) + 1
        token.action = token.action or self._actions.next_number()
        self._tokens[number] = token
        self._done.append(number)
        token.steps.append(number)
        self._storage.save(self._header(number))
        while len(self._done) > self._limit and not self._tokens[self._done[0]].open:
            self._forget(self._done.pop(0))
        return number

    def _forget(self, number: int) -> None:
        self._storage.drop(number)
        del self._tokens[number]

    def _move(
        self, source: list[int], target: list[int], *, undone: bool
    ) -> EditDescription | None:
        with self._then_after(), self._lock:
            if not source:
                return None
            number = source[-1]
            token = self._tokens[number]
            if token.open:
                raise UserError(
                    f"{token.title!r} is still running. Stop it or wait until it has ended, then "
                    "undo it."
                )
            keys = self._storage.keys(number)
            with self._storage.transaction(), self.unrecorded():
                self._exchange(number, keys)
                self._storage.save(replace(self._header(number), undone=undone))
                self.log(
                    StepUndone(self._title(number)) if undone else StepRedone(self._title(number))
                )
            target.append(source.pop())
        for state in list(self._targets.values()):
            state.announce()
        return self._describe(number, keys)

    def _exchange(self, number: int, keys: tuple[EditKey, ...]) -> None:
        self._moving = True
        try:
            for start in range(0, len(keys), _CHUNK):
                self._exchange_part(number, keys[start : start + _CHUNK])
        finally:
            self._moving = False

    def _exchange_part(self, number: int, keys: tuple[EditKey, ...]) -> None:
        values = {key: self._storage.get(number, key) for key in keys}
        for state in list(self._targets.values()):
            mine = {key: value for key, value in values.items() if state.owns(key)}
            for key, before in state.exchange(mine).items():
                self._storage.put(number, key, before)
                values.pop(key, None)

    def _describe(self, number: int, keys: tuple[EditKey, ...]) -> EditDescription:
        planes = frozenset(key.plane for key in keys if isinstance(key, MaskKey))
        prompts = tuple(key for key in keys if isinstance(key, PromptKey))
        objects = frozenset(key.object_id for key in keys)
        touched = planes | {self._targets[key.position].plane(key.frame) for key in prompts}
        place = self._tokens[number].place
        if place.object_id is None and len(objects) == 1:
            place = replace(place, object_id=min(objects))
        if place.index is None and len(touched) == 1:
            (index,) = touched
            frames = [s.frame(index) for s in self._targets.values() if s.has_plane(index)]
            place = replace(place, index=index, frame=frames[0])
        return EditDescription(self._title(number), place, planes, prompts, objects)
