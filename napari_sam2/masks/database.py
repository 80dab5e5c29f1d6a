"""The SQLite file of a run or a session: masks, drafts, journal, and the values of a session."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from threading import RLock
from typing import Any

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex

SCHEMA_VERSION = 3


class MaskTable(Enum):
    """Tables of masks: results, and drafts of the forward sweep."""

    MASKS = "masks"
    DRAFTS = "drafts"


_MASKS = """
CREATE TABLE {table} (
    object_id INTEGER NOT NULL, plane TEXT NOT NULL,
    y0 INTEGER NOT NULL, x0 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    area INTEGER NOT NULL, predicted_iou REAL, object_score REAL,
    direction TEXT NOT NULL, status INTEGER NOT NULL, view TEXT NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (object_id, plane)
);
CREATE INDEX {table}_of_plane ON {table} (plane);
"""
_LATER_COLUMNS = {
    "excluded_by": "TEXT NOT NULL DEFAULT ''",
    "lost": "BLOB NOT NULL DEFAULT x''",
}
"""Columns of masks that the first files do not have; their defaults are right for those."""
_OTHERS = """
CREATE TABLE version (number INTEGER NOT NULL);
CREATE TABLE journal (
    object_id INTEGER NOT NULL, direction TEXT NOT NULL, plane TEXT NOT NULL,
    PRIMARY KEY (object_id, direction, plane)
) WITHOUT ROWID;
CREATE TABLE checkpoint (number INTEGER PRIMARY KEY CHECK (number = 1), data BLOB NOT NULL);
"""
# Since version 2: prompts, predictions and objects; steps of the history and their values.
_SESSION = """
CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE steps (number INTEGER PRIMARY KEY, header TEXT NOT NULL);
CREATE TABLE edits (step INTEGER NOT NULL, key TEXT NOT NULL, value BLOB, UNIQUE (key, step));
CREATE INDEX edits_of_step ON edits (step);
"""
# Since version 3: the actions of a session, and the masks that the user has looked at.
_ACTIONS = """
CREATE TABLE actions (
    number INTEGER PRIMARY KEY, step INTEGER NOT NULL, kind TEXT NOT NULL, value BLOB NOT NULL
);
CREATE TABLE reviewed (
    position TEXT NOT NULL, object_id INTEGER NOT NULL, frame INTEGER NOT NULL, mask TEXT NOT NULL,
    PRIMARY KEY (position, object_id, frame)
) WITHOUT ROWID;
"""
_EARLIER_EDITS = """
INSERT INTO actions (step, kind, value) SELECT 0, 'earlier', '{}' WHERE EXISTS (
    SELECT 1 FROM steps UNION ALL SELECT 1 FROM state UNION ALL SELECT 1 FROM masks
)
"""
_UPGRADES = {1: _SESSION, 2: _ACTIONS + _EARLIER_EDITS}
"""What makes a file of each earlier version one of the next."""
_TABLES = (
    _OTHERS + _SESSION + _ACTIONS + "".join(_MASKS.format(table=table.value) for table in MaskTable)
)

# A rollback journal and an exclusive connection also work on network drives, where write-ahead
# logging does not, as it needs shared memory.
_SETTINGS = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = TRUNCATE;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -8000;
"""


def _connect(path: Path | None) -> sqlite3.Connection:
    name = ":memory:" if path is None else str(path)
    return sqlite3.connect(name, timeout=2.0, isolation_level=None, check_same_thread=False)


def _set_up(connection: sqlite3.Connection) -> None:
    for statement in filter(str.strip, _SETTINGS.split(";")):
        connection.execute(statement).fetchall()


def plane_key(index: PlaneIndex) -> str:
    """Return a plane index as text, e.g. ``"3,12"``; the empty index as ``""``."""
    return ",".join(map(str, index))


def plane_index(key: str) -> PlaneIndex:
    """Return the plane index from the text of :func:`plane_key`."""
    return tuple(int(part) for part in key.split(",")) if key else ()


class Database:
    """An exclusive connection to the file, shared by all threads of this process.

    Parameters
    ----------
    path : Path or None
        The file; created with its tables if it does not exist. None keeps everything in memory
        until :meth:`move_to`.

    Raises
    ------
    UserError
        If the file is in use by another process, is no such database, or has a newer version.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = RLock()
        self._depth = 0
        try:
            self._connection = _connect(path)
            self._prepare()
        except sqlite3.Error as error:
            raise UserError(self._cannot_open(error)) from error

    @property
    def in_memory(self) -> bool:
        """Whether there is no file yet."""
        return self.path is None

    def move_to(self, path: Path) -> None:
        """Write what is in memory to a new file, and use this file from now on.

        Raises
        ------
        OSError
            If the file cannot be written; everything stays in memory.
        """
        with self._lock:
            try:
                target = _connect(path)
                try:
                    _set_up(target)
                    self._connection.backup(target)
                    target.execute("BEGIN EXCLUSIVE")
                    target.execute("COMMIT")
                except BaseException:
                    target.close()
                    raise
            except sqlite3.Error as error:
                raise OSError(errno.EIO, str(error), str(path)) from error
            self._connection.close()
            self._connection, self.path = target, path

    def _prepare(self) -> None:
        try:
            _set_up(self._connection)
            self._connection.execute("BEGIN EXCLUSIVE")
            self._check_version()
            self._add_columns()
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.close()
            raise

    def _check_version(self) -> None:
        tables = self._connection.execute("SELECT name FROM sqlite_master").fetchall()
        if not tables:
            self._execute_all(_TABLES)
            self._connection.execute("INSERT INTO version VALUES (?)", (SCHEMA_VERSION,))
        found = self._connection.execute("SELECT number FROM version").fetchone()
        number = found[0] if found else None
        while number in _UPGRADES:
            self._execute_all(_UPGRADES[number])
            number += 1
            self._connection.execute("UPDATE version SET number = ?", (number,))
        if number != SCHEMA_VERSION:
            raise UserError(
                f"{self.path} has schema version {'none' if number is None else number}; this "
                f"napari-sam2 reads versions 1 to {SCHEMA_VERSION}. Update napari-sam2."
            )

    def _add_columns(self) -> None:
        """Add the columns of masks that a file of an earlier napari-sam2 lacks."""
        for table in MaskTable:
            rows = self._connection.execute(f"PRAGMA table_info({table.value})").fetchall()
            for name in _LATER_COLUMNS.keys() - {row[1] for row in rows}:
                self._connection.execute(
                    f"ALTER TABLE {table.value} ADD COLUMN {name} {_LATER_COLUMNS[name]}"
                )

    def _execute_all(self, statements: str) -> None:
        for statement in filter(str.strip, statements.split(";")):
            self._connection.execute(statement)

    def _cannot_open(self, error: sqlite3.Error) -> str:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return f"{self.path} is in use by another run. End that run or choose another output."
        return f"{self.path} cannot be used as a mask store: {error}."

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the statements of the block in one transaction; other threads wait.

        A transaction inside another one is a part of it.

        Raises
        ------
        OSError
            If the disk is full or the file cannot be written; earlier transactions stay.
        """
        with self._lock:
            try:
                if not self._depth:
                    self._connection.execute("BEGIN IMMEDIATE")
                self._depth += 1
                try:
                    yield self._connection
                finally:
                    self._depth -= 1
                if not self._depth:
                    self._connection.execute("COMMIT")
            except BaseException as error:
                if not self._depth and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise self._as_os_error(error) from error
                raise

    def _as_os_error(self, error: sqlite3.OperationalError) -> OSError:
        full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
        return OSError(errno.ENOSPC if full else errno.EIO, str(error), str(self.path))

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def shrink(self) -> None:
        """Return the space of deleted rows to the disk; without it, new rows use this space."""
        with self._lock:
            if self._depth:
                return
            # Unlike execute, executescript runs the statement to its end.
            self._connection.executescript("PRAGMA incremental_vacuum")

    def close(self) -> None:
        """Close the file, so that other processes can use it; all data is already written."""
        with self._lock:
            self._connection.close()

    def __del__(self) -> None:
        """Close the file of a session that was not closed."""
        if "_connection" in vars(self):
            self._connection.close()
