"""The history and the values of a session in an SQLite file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from napari_sam2.masks.database import Database
from napari_sam2.masks.store import MaskKey
from napari_sam2.prompts.prediction_states import UNPROMPTED
from napari_sam2.session.history.edit_keys import EditedPlace, EditKey, EditValue
from napari_sam2.session.history.step_storage import StepHeader
from napari_sam2.session.storage.edit_codec import (
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)


class SqliteStepStorage:
    """Steps in a database; see :class:`napari_sam2.session.history.step_storage.StepStorage`.

    A step and the masks that it changes are written in one transaction.

    Parameters
    ----------
    database : Database
        The file of the masks.
    edited : Callable
        Called after the first transaction that recorded an edit.
    """

    def __init__(self, database: Database, edited: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._call_edited: Callable[[], None] | None = edited
        self._edited = False
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the changes of a block together, and write them at its end."""
        self._depth += 1
        try:
            with self._database.transaction():
                yield
        finally:
            self._depth -= 1
        if self._edited and not self._depth and self._call_edited is not None:
            call, self._call_edited = self._call_edited, None
            call()

    def save(self, header: StepHeader) -> None:
        """Add a step, or replace its header."""
        place = header.place
        index = None if place.index is None else list(place.index)
        text = json.dumps(
            {
                "title": header.title,
                "object": place.object_id,
                "frame": place.frame,
                "plane": index,
                "undone": header.undone,
                "action": header.action,
            }
        )
        self._edited = True
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO steps VALUES (?, ?)", (header.number, text))

    def headers(self) -> tuple[StepHeader, ...]:
        """Return all steps, by number."""
        rows = self._database.rows("SELECT number, header FROM steps ORDER BY number")
        return tuple(_header(number, json.loads(text)) for number, text in rows)

    def drop(self, number: int) -> None:
        """Delete a step with its values."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM steps WHERE number = ?", (number,))
            connection.execute("DELETE FROM edits WHERE step = ?", (number,))

    def put(self, number: int, key: EditKey, value: EditValue) -> None:
        """Store the value that a step holds for a key."""
        row = (number, encode_key(key), encode_value(value))
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO edits VALUES (?, ?, ?)", row)

    def get(self, number: int, key: EditKey) -> EditValue:
        """Return the value that a step holds for a key; KeyError if there is none."""
        query = "SELECT value FROM edits WHERE step = ? AND key = ?"
        rows = self._database.rows(query, (number, encode_key(key)))
        if not rows:
            raise KeyError(key)
        return decode_value(key, rows[0][0])

    def keys(self, number: int) -> tuple[EditKey, ...]:
        """Return the keys of a step."""
        rows = self._database.rows("SELECT key FROM edits WHERE step = ? ORDER BY rowid", (number,))
        return tuple(decode_key(text) for (text,) in rows)

    def last(self, key: EditKey, first: int) -> int | None:
        """Return the last step that is not undone, from ``first`` on, with a value for a key."""
        query = (
            "SELECT step, header FROM edits JOIN steps ON number = step "
            "WHERE key = ? AND step >= ? ORDER BY step DESC"
        )
        for number, header in self._database.rows(query, (encode_key(key), first)):
            if not json.loads(header)["undone"]:
                return int(number)
        return None

    def write(self, key: EditKey, value: EditValue) -> None:
        """Save the present value of a key; masks are saved by their own store."""
        if isinstance(key, MaskKey):
            return
        text = encode_key(key)
        with self._database.transaction() as connection:
            if value is None or value == () or value == UNPROMPTED:
                connection.execute("DELETE FROM state WHERE key = ?", (text,))
            else:
                row = (text, encode_value(value))
                connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", row)

    def values(self) -> dict[EditKey, EditValue]:
        """Return the present values of all keys, without masks."""
        rows = self._database.rows("SELECT key, value FROM state")
        return {(key := decode_key(text)): decode_value(key, value) for text, value in rows}

    def edited_keys(self) -> frozenset[EditKey]:
        """Return all keys that steps hold values for."""
        return frozenset(
            decode_key(text) for (text,) in self._database.rows("SELECT DISTINCT key FROM edits")
        )


def _header(number: int, value: dict[str, object]) -> StepHeader:
    index, object_id, frame = value["plane"], value["object"], value["frame"]
    place = EditedPlace(
        object_id if isinstance(object_id, int) else None,
        frame if isinstance(frame, int) else None,
        tuple(index) if isinstance(index, list) else None,
    )
    title, undone = str(value["title"]), bool(value["undone"])
    action = value.get("action", 0)
    return StepHeader(number, title, place, undone, action if isinstance(action, int) else 0)
