"""The SQLite file of a run or a session: masks, drafts, journal, and the values of a session."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from threading import RLock
from typing import Any

from psygnal import Signal

from napari_sam2.core.errors import FileInUseError, UserError
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.core.sqlite_transaction import Transaction, as_os_error, is_not_written

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

    Attributes
    ----------
    left_file : psygnal.Signal
        Emitted with an OSError after a transaction that could not be written to the file, in the
        thread of the transaction. The content was copied to memory, where this and all later
        transactions are; the file keeps the earlier ones, and stays in use by this process.
        Without a listener the database stays in its file, and such a transaction raises the error.

    Raises
    ------
    FileInUseError
        If the file is in use by another process, or twice in this one.
    UserError
        If the file is no such database, or has a newer version.
    """

    left_file = Signal(OSError)

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = RLock()
        self._transaction: Transaction | None = None
        self._file: sqlite3.Connection | None = None
        self._reason: OSError | None = None
        try:
            self._connection = _connect(path)
            self._prepare()
        except sqlite3.Error as error:
            raise self._cannot_open(error) from error

    @property
    def outdated_file(self) -> bool:
        """Whether the file lacks the latest transactions; see :attr:`left_file`."""
        return self._file is not None

    def move_to(self, path: Path) -> None:
        """Write everything to a new file, and use this file from now on.

        Raises
        ------
        OSError
            If the file cannot be written; everything stays where it is.
        """
        with self._lock:
            target = self._new_file(path)
            self._close()
            self._connection, self._file, self.path = target, None, path

    def _new_file(self, path: Path) -> sqlite3.Connection:
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
            raise as_os_error(error, path) from error
        return target

    def return_to_file(self) -> None:
        """Write the latest transactions to the file that was left, and use it again.

        Raises
        ------
        OSError
            If the file cannot be written; it keeps the earlier transactions, and the latest ones
            stay in memory.
        """
        with self._lock:
            if self._file is None:
                return
            try:
                self._connection.backup(self._file)
            except sqlite3.Error as error:
                raise as_os_error(error, self.path) from error
            self._connection.close()
            self._connection, self._file = self._file, None

    def _leave_file(self, error: sqlite3.OperationalError) -> sqlite3.Connection:
        """Return a copy in memory of all complete transactions, or raise the error."""
        file = self._connection
        in_memory = self.path is None or self._file is not None
        if in_memory or not len(self.left_file) or not is_not_written(error):
            raise error
        memory = _connect(None)
        try:
            if file.in_transaction:
                file.execute("ROLLBACK")
            _set_up(memory)
            file.backup(memory)
        except (sqlite3.Error, MemoryError):
            memory.close()
            raise error from None
        self._file, self._connection = file, memory
        self._reason = as_os_error(error, self.path)
        return memory

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

    def _cannot_open(self, error: sqlite3.Error) -> UserError:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            return FileInUseError(
                f"{self.path} is in use by another run. End that run or choose another output."
            )
        return UserError(f"{self.path} cannot be used as a mask store: {error}.")

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Run the statements of the block in one transaction; other threads wait.

        A transaction inside another one is a part of it.

        Raises
        ------
        OSError
            If the disk is full or the file cannot be written, and :attr:`left_file` has no
            listener; earlier transactions stay.
        """
        with self._lock:
            if self._transaction is not None:
                yield self._transaction
                return
            try:
                with self._outermost() as transaction:
                    yield transaction
            finally:
                reason, self._reason = self._reason, None
                if reason is not None:
                    self.left_file.emit(reason)

    @contextmanager
    def _outermost(self) -> Iterator[Transaction]:
        self._transaction = transaction = Transaction(self._connection, self._leave_file)
        try:
            transaction.begin()
            yield transaction
            transaction.commit()
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise as_os_error(error, self.path) from error
            raise
        finally:
            self._transaction = None

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def shrink(self) -> None:
        """Return the space of deleted rows to the disk; without it, new rows use this space."""
        with self._lock:
            if self._transaction is not None:
                return
            # On a full disk the space stays free for new rows.
            with suppress(sqlite3.OperationalError):
                # Unlike execute, executescript runs the statement to its end.
                self._connection.executescript("PRAGMA incremental_vacuum")

    def close(self) -> None:
        """Close the file, so that other processes can use it; all data is already written."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        for connection in (self._connection, self._file):
            if connection is not None:
                connection.close()

    def __del__(self) -> None:
        """Close the file of a session that was not closed."""
        if "_connection" in vars(self):
            self._close()
