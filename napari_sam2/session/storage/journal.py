"""The journal of a run in an SQLite file, written after each plane's masks and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.database import Database, plane_index, plane_key
from napari_sam2.masks.mask import MaskOrigin


@dataclass(frozen=True, slots=True)
class Done:
    """A plane that is complete for an object: its mask, scores and label chunks are written.

    Parameters
    ----------
    object_id : int
        The label value.
    origin : MaskOrigin
        How the mask was made.
    index : tuple of int
        The plane's full index.
    """

    object_id: int
    origin: MaskOrigin
    index: PlaneIndex


class SqliteJournal:
    """A journal on disk; see :class:`napari_sam2.tracking.resume_state.Journal`.

    Parameters
    ----------
    database : Database
        The file of the masks, so that the order of writes survives a crash.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, object_ids: Iterable[int], origin: MaskOrigin, index: PlaneIndex) -> None:
        """Record that a plane is complete for some objects."""
        plane = plane_key(index)
        rows = [(object_id, origin.value, plane) for object_id in object_ids]
        with self._database.transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO journal VALUES (?, ?, ?)", rows)

    def done(self) -> frozenset[Done]:
        """Return all complete planes."""
        rows = self._database.rows("SELECT object_id, direction, plane FROM journal")
        return frozenset(Done(row[0], MaskOrigin(row[1]), plane_index(row[2])) for row in rows)

    def forget(self, *object_ids: int) -> None:
        """Delete the entries of some objects, without any of all, and the checkpoint."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM checkpoint")
            if object_ids:
                rows = [(object_id,) for object_id in object_ids]
                connection.executemany("DELETE FROM journal WHERE object_id = ?", rows)
            else:
                connection.execute("DELETE FROM journal")

    def checkpoint(self, data: bytes) -> None:
        """Store the state of the run in place of the one before."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?)", (data,))

    def last_checkpoint(self) -> bytes | None:
        """Return the state that was stored last, or None."""
        rows = self._database.rows("SELECT data FROM checkpoint")
        return rows[0][0] if rows else None
