"""What a run has done, written after each plane's masks and labels are safe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import RLock
from typing import Protocol

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.database import Database, plane_index, plane_key
from napari_sam2.masks.mask import MaskOrigin


@dataclass(frozen=True, slots=True)
class Done:
    """One object's plane that is complete: its mask, scores and label chunks are written.

    Parameters
    ----------
    object_id : int
        The label value.
    direction : MaskOrigin
        Which pass did it.
    index : tuple of int
        The plane's full index.
    """

    object_id: int
    direction: MaskOrigin
    index: PlaneIndex


class Journal(Protocol):
    """What is done, and from where to go on. All methods may be called from any thread.

    A journal is a :class:`napari_sam2.tracking.propagation.RunRecorder`.
    """

    def mark(self, object_ids: Iterable[int], direction: MaskOrigin, index: PlaneIndex) -> None:
        """Say that a plane is complete for these objects; to be called after its last write."""

    def done(self) -> frozenset[Done]:
        """Return all that is complete."""

    def forget(self, object_id: int | None = None) -> None:
        """Drop what was said about an object, or everything, and the checkpoint."""

    def checkpoint(self, data: bytes) -> None:
        """Keep the state of a run in place of the one before."""

    def last_checkpoint(self) -> bytes | None:
        """Return the state that was kept last, or None."""


class MemoryJournal:
    """A journal that ends with the process; see :class:`Journal`."""

    def __init__(self) -> None:
        self._done: set[Done] = set()
        self._checkpoint: bytes | None = None
        self._lock = RLock()

    def mark(self, object_ids: Iterable[int], direction: MaskOrigin, index: PlaneIndex) -> None:
        """Say that a plane is complete for these objects."""
        with self._lock:
            self._done.update(Done(object_id, direction, index) for object_id in object_ids)

    def done(self) -> frozenset[Done]:
        """Return all that is complete."""
        with self._lock:
            return frozenset(self._done)

    def forget(self, object_id: int | None = None) -> None:
        """Drop what was said about an object, or everything, and the checkpoint."""
        with self._lock:
            self._done = {d for d in self._done if object_id not in (None, d.object_id)}
            self._checkpoint = None

    def checkpoint(self, data: bytes) -> None:
        """Keep the state of a run in place of the one before."""
        with self._lock:
            self._checkpoint = data

    def last_checkpoint(self) -> bytes | None:
        """Return the state that was kept last, or None."""
        with self._lock:
            return self._checkpoint


class SqliteJournal:
    """A journal on disk; see :class:`Journal`.

    Parameters
    ----------
    database : Database
        That of the masks, so that the order of writes outlives a crash.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, object_ids: Iterable[int], direction: MaskOrigin, index: PlaneIndex) -> None:
        """Say that a plane is complete for these objects."""
        plane = plane_key(index)
        rows = [(object_id, direction.value, plane) for object_id in object_ids]
        with self._database.transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO journal VALUES (?, ?, ?)", rows)

    def done(self) -> frozenset[Done]:
        """Return all that is complete."""
        rows = self._database.rows("SELECT object_id, direction, plane FROM journal")
        return frozenset(Done(row[0], MaskOrigin(row[1]), plane_index(row[2])) for row in rows)

    def forget(self, object_id: int | None = None) -> None:
        """Drop what was said about an object, or everything, and the checkpoint."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM checkpoint")
            if object_id is None:
                connection.execute("DELETE FROM journal")
            else:
                connection.execute("DELETE FROM journal WHERE object_id = ?", (object_id,))

    def checkpoint(self, data: bytes) -> None:
        """Keep the state of a run in place of the one before."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?)", (data,))

    def last_checkpoint(self) -> bytes | None:
        """Return the state that was kept last, or None."""
        rows = self._database.rows("SELECT data FROM checkpoint")
        return rows[0][0] if rows else None
