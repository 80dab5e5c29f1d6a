"""The statements of one transaction, which can be repeated in another database."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

Statement = Callable[[sqlite3.Connection], sqlite3.Cursor]
"""Runs a statement on a connection."""
_NOT_WRITTEN = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
)
"""Primary result codes of a file that cannot be written, e.g. as the disk is full."""


class Transaction:
    """Runs statements, and repeats them on another connection if the first one cannot be written.

    The values of all statements are kept until the end of the transaction.

    Parameters
    ----------
    connection : sqlite3.Connection
        Where the statements run.
    leave : Callable
        Receives the error of a statement, and returns the connection to use instead; it raises the
        error if there is none.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        leave: Callable[[sqlite3.OperationalError], sqlite3.Connection],
    ) -> None:
        self._connection = connection
        self._leave = leave
        self._changes: list[Statement] = []

    def begin(self) -> None:
        """Begin the transaction."""
        self._run(partial(_execute, "BEGIN IMMEDIATE", ()))

    def commit(self) -> None:
        """Write all changes."""
        self._run(partial(_execute, "COMMIT", ()))

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run a statement; see :meth:`sqlite3.Connection.execute`."""
        return self._run(partial(_execute, statement, values))

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> sqlite3.Cursor:
        """Run a statement for each row; see :meth:`sqlite3.Connection.executemany`."""
        return self._run(partial(_execute_many, statement, list(rows)))

    def _run(self, statement: Statement) -> sqlite3.Cursor:
        try:
            cursor = statement(self._connection)
        except sqlite3.OperationalError as error:
            self._connection = self._leave(error)
            for change in self._changes:
                change(self._connection)
            cursor = statement(self._connection)
        # Only queries have columns.
        if cursor.description is None:
            self._changes.append(statement)
        return cursor


def _execute(
    statement: str, values: Sequence[Any], connection: sqlite3.Connection
) -> sqlite3.Cursor:
    return connection.execute(statement, values)


def _execute_many(
    statement: str, rows: Sequence[Sequence[Any]], connection: sqlite3.Connection
) -> sqlite3.Cursor:
    return connection.executemany(statement, rows)


def is_not_written(error: sqlite3.Error) -> bool:
    """Return whether a statement failed because the file cannot be written."""
    # The lowest byte of an extended code is the primary one.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_WRITTEN


def as_os_error(error: sqlite3.Error, path: Path | None) -> OSError:
    """Return an error of SQLite as one of the file."""
    full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return OSError(errno.ENOSPC if full else errno.EIO, str(error), str(path))
