"""Masks on disk: compressed rows of one SQLite file, read and written a plane at a time."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan
from typing import Any

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.database import Database, MaskTable, plane_index, plane_key
from napari_sam2.masks.mask import MaskOrigin, MaskStatus
from napari_sam2.masks.store import MaskInfo, MaskRecord

_FIELDS = (
    "object_id, plane, y0, x0, y1, x1, area, predicted_iou, object_score, direction, status, view"
)
_PUT = f"""
INSERT INTO {{table}} ({_FIELDS}, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (object_id, plane) DO UPDATE SET
    y0 = excluded.y0, x0 = excluded.x0, y1 = excluded.y1, x1 = excluded.x1,
    area = excluded.area, predicted_iou = excluded.predicted_iou,
    object_score = excluded.object_score, direction = excluded.direction,
    status = excluded.status, view = excluded.view, payload = excluded.payload
"""
_UNLESS_FIRMER = "WHERE excluded.status >= {table}.status"


class SqliteMaskStore:
    """Masks in a database; see :class:`napari_sam2.masks.store.MaskStore`.

    Nothing but the database's small page cache is held in memory.

    Parameters
    ----------
    database : Database
        Where the masks lie, together with the journal of the same run.
    table : MaskTable
        Which of its masks these are.
    """

    def __init__(self, database: Database, table: MaskTable = MaskTable.MASKS) -> None:
        self._database = database
        self._table = table.value

    def put(self, records: Iterable[MaskRecord]) -> tuple[MaskRecord, ...]:
        """Store records unless what is there stands more firmly; return those stored."""
        statement = (_PUT + _UNLESS_FIRMER).format(table=self._table)
        offered = list(records)
        with self._database.transaction() as connection:
            return tuple([r for r in offered if connection.execute(statement, _values(r)).rowcount])

    def restore(self, records: Iterable[MaskRecord]) -> None:
        """Store records whatever is there."""
        statement = _PUT.format(table=self._table)
        rows = [_values(record) for record in records]
        with self._database.transaction() as connection:
            connection.executemany(statement, rows)

    def get(self, object_id: int, index: PlaneIndex) -> MaskRecord | None:
        """Return one mask."""
        found = self._select("object_id = ? AND plane = ?", (object_id, plane_key(index)))
        return found[0] if found else None

    def at(self, index: PlaneIndex) -> tuple[MaskRecord, ...]:
        """Return all masks of a plane, by rising id."""
        return self._select("plane = ? ORDER BY object_id", (plane_key(index),))

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects, rising."""
        rows = self._database.rows(
            f"SELECT DISTINCT object_id FROM {self._table} ORDER BY object_id"
        )
        return tuple(row[0] for row in rows)

    def indices(self, object_id: int) -> tuple[PlaneIndex, ...]:
        """Return the planes on which an object has a mask, rising."""
        rows = self._database.rows(
            f"SELECT plane FROM {self._table} WHERE object_id = ?", (object_id,)
        )
        return tuple(sorted(plane_index(row[0]) for row in rows))

    def headers(self, object_id: int | None = None) -> tuple[MaskInfo, ...]:
        """Return what is known of an object's masks, or of all, by rising id, then index."""
        query = f"SELECT {_FIELDS} FROM {self._table}"
        if object_id is None:
            rows = self._database.rows(query)
        else:
            rows = self._database.rows(f"{query} WHERE object_id = ?", (object_id,))
        return tuple(sorted(map(_header, rows), key=lambda h: (h.object_id, h.index)))

    def delete(self, object_id: int, index: PlaneIndex | None = None) -> tuple[MaskInfo, ...]:
        """Remove an object's mask on one plane, or all of them, and tell what was removed."""
        where: str = "object_id = ?"
        values: tuple[int | str, ...] = (object_id,)
        if index is not None:
            where, values = where + " AND plane = ?", (object_id, plane_key(index))
        with self._database.transaction() as connection:
            rows = connection.execute(f"SELECT {_FIELDS} FROM {self._table} WHERE {where}", values)
            removed = sorted(map(_header, rows.fetchall()), key=lambda header: header.index)
            connection.execute(f"DELETE FROM {self._table} WHERE {where}", values)
        if index is None:
            self._database.shrink()
        return tuple(removed)

    def _select(self, where: str, values: tuple[Any, ...]) -> tuple[MaskRecord, ...]:
        query = f"SELECT {_FIELDS}, payload FROM {self._table} WHERE {where}"
        return tuple(_record(row) for row in self._database.rows(query, values))


def _values(record: MaskRecord) -> tuple[Any, ...]:
    window = record.window
    return (
        record.object_id,
        plane_key(record.index),
        window.y0,
        window.x0,
        window.y1,
        window.x1,
        record.area,
        record.predicted_iou,
        record.object_score,
        record.direction.value,
        int(record.status),
        record.view,
        record.payload,
    )


def _fields(row: tuple[Any, ...]) -> dict[str, Any]:
    object_id, plane, y0, x0, y1, x1, area, iou, score, direction, status, view = row[:12]
    return {
        "object_id": object_id,
        "index": plane_index(plane),
        "window": Window(y0, x0, y1, x1),
        "area": area,
        # SQLite keeps NaN as NULL.
        "predicted_iou": nan if iou is None else iou,
        "object_score": nan if score is None else score,
        "direction": MaskOrigin(direction),
        "status": MaskStatus(status),
        "view": view,
    }


def _header(row: tuple[Any, ...]) -> MaskInfo:
    return MaskInfo(**_fields(row))


def _record(row: tuple[Any, ...]) -> MaskRecord:
    return MaskRecord(**_fields(row), payload=row[12])
