"""The log of actions in the database of a session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from napari_sam2.masks.database import Database
from napari_sam2.session.actions.actions import Action, EarlierEdits, InputUsed, RunAdvanced
from napari_sam2.session.actions.codec import decode_action, encode_action, kind_of


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """An action of the log.

    Parameters
    ----------
    step : int
        Actions of one step have the same number; 0 for an action that is no step.
    action : Action
        The action.
    """

    step: int
    action: Action


class SqliteActionLog:
    """A log in a database; see :class:`napari_sam2.session.actions.actions.ActionLog`.

    An action is written in one transaction with what it changes.

    Parameters
    ----------
    database : Database
        The file of the masks.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: InputUsed | None = None
        self._used: InputUsed | None = None
        self._last = (0, 0)
        for (data,) in database.rows(
            "SELECT value FROM actions WHERE kind = 'input' ORDER BY number DESC LIMIT 1"
        ):
            found = decode_action("input", data)
            self._written = found if isinstance(found, InputUsed) else None
        ((number,),) = database.rows("SELECT COALESCE(MAX(MAX(number), MAX(step)), 0) FROM actions")
        self._number = int(number)

    def next_number(self) -> int:
        """Return a number that no step and no run has."""
        self._number += 1
        return self._number

    def use(self, used: InputUsed) -> None:
        """Record what computations use, with the next action if it has changed."""
        self._used = used

    def append(self, step: int, action: Action) -> None:
        """Record an action of a step of the history; 0 for an action that is no step."""
        with self._database.transaction():
            if self._used is not None and self._used != self._written:
                self._insert(0, self._used)
                self._written = self._used
            run = action.run if isinstance(action, RunAdvanced) else 0
            if not run or self._last[0] != run or not self._update(self._last[1], action):
                self._last = (run, self._insert(step, action))

    def _insert(self, step: int, action: Action) -> int:
        row = (step, kind_of(action), encode_action(action))
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO actions (step, kind, value) VALUES (?, ?, ?)", row
            )
        return int(cursor.lastrowid or 0)

    def _update(self, number: int, action: Action) -> bool:
        row = (encode_action(action), number)
        with self._database.transaction() as connection:
            cursor = connection.execute("UPDATE actions SET value = ? WHERE number = ?", row)
        return cursor.rowcount == 1

    @property
    def complete(self) -> bool:
        """Whether the log begins with the first edit of the session."""
        rows = self._database.rows("SELECT kind FROM actions ORDER BY number LIMIT 1")
        return bool(rows) and rows[0][0] != kind_of(EarlierEdits())

    def inputs(self) -> tuple[InputUsed, ...]:
        """Return all that computations have used, in order."""
        rows = self._database.rows("SELECT value FROM actions WHERE kind = 'input' ORDER BY number")
        found = (decode_action("input", data) for (data,) in rows)
        return tuple(item for item in found if isinstance(item, InputUsed))

    def __len__(self) -> int:
        ((count,),) = self._database.rows("SELECT COUNT(*) FROM actions")
        return int(count)

    def __iter__(self) -> Iterator[LoggedAction]:
        numbers = [n for (n,) in self._database.rows("SELECT number FROM actions ORDER BY number")]
        for number in numbers:
            ((step, kind, data),) = self._database.rows(
                "SELECT step, kind, value FROM actions WHERE number = ?", (number,)
            )
            yield LoggedAction(int(step), decode_action(kind, data))
