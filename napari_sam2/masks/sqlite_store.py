"""A mask store in an SQLite file, read and written one plane at a time."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan
from typing import Any

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.database import Database, MaskTable, plane_index, plane_key
from napari_sam2.masks.mask import MaskOrigin, MaskStatus, parse_view
from napari_sam2.masks.store import MaskInfo, MaskRecord

_FIELDS = (
    "object_id, plane, y0, x0, y1, x1, area, predicted_iou, object_score, direction, status, view, "
    "excluded_by"
)
_PUT = f"""
INSERT INTO {{table}} ({_FIELDS}, payload, lost)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (object_id, plane) DO UPDATE SET
    y0 = excluded.y0, x0 = excluded.x0, y1 = excluded.y1, x1 = excluded.x1,
    area = excluded.area, predicted_iou = excluded.predicted_iou,
    object_score = excluded.object_score, direction = excluded.direction,
    status = excluded.status, view = excluded.view, excluded_by = excluded.excluded_by,
    payload = excluded.payload, lost = excluded.lost
"""
_UNLESS_PROTECTED = "WHERE excluded.status >= {table}.status"


class SqliteMaskStore:
    """Masks in an SQLite database; see :class:`napari_sam2.masks.store.MaskStore`.

    Only the database's small page cache is held in memory.

    Parameters
    ----------
    database : Database
        The file, which also holds the journal of the run.
    table : MaskTable
        The table of the masks.
    """

    def __init__(self, database: Database, table: MaskTable = MaskTable.MASKS) -> None:
        self._database = database
        self._table = table.value

    def put(self, records: Iterable[MaskRecord]) -> tuple[MaskRecord, ...]:
        """Store records that no mask of a higher status blocks; return those stored."""
        statement = (_PUT + _UNLESS_PROTECTED).format(table=self._table)
        offered = list(records)
        with self._database.transaction() as connection:
            return tuple([r for r in offered if connection.execute(statement, _values(r)).rowcount])

    def restore(self, records: Iterable[MaskRecord]) -> None:
        """Store records in place of any others, whatever their status."""
        statement = _PUT.format(table=self._table)
        rows = [_values(record) for record in records]
        with self._database.transaction() as connection:
            connection.executemany(statement, rows)

    def get(self, object_id: int, index: PlaneIndex) -> MaskRecord | None:
        """Return one mask."""
        found = self._select("object_id = ? AND plane = ?", (object_id, plane_key(index)))
        return found[0] if found else None

    def at(self, index: PlaneIndex, window: Window | None = None) -> tuple[MaskRecord, ...]:
        """Return the masks of a plane, by increasing id; with a window, those that touch it."""
        where: str = "plane = ?"
        values: tuple[Any, ...] = (plane_key(index),)
        if window is not None:
            # The intersection is from the larger start to the smaller end.
            where += " AND max(y0, ?) < min(y1, ?) AND max(x0, ?) < min(x1, ?)"
            values += (window.y0, window.y1, window.x0, window.x1)
        return self._select(f"{where} ORDER BY object_id", values)

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects, increasing."""
        rows = self._database.rows(
            f"SELECT DISTINCT object_id FROM {self._table} ORDER BY object_id"
        )
        return tuple(row[0] for row in rows)

    def indices(self, object_id: int) -> tuple[PlaneIndex, ...]:
        """Return the planes on which an object has a mask, increasing."""
        rows = self._database.rows(
            f"SELECT plane FROM {self._table} WHERE object_id = ?", (object_id,)
        )
        return tuple(sorted(plane_index(row[0]) for row in rows))

    def infos(self, object_id: int | None = None) -> tuple[MaskInfo, ...]:
        """Return the masks of an object, or of all, without pixels; by increasing id and index."""
        query = f"SELECT {_FIELDS} FROM {self._table}"
        if object_id is None:
            rows = self._database.rows(query)
        else:
            rows = self._database.rows(f"{query} WHERE object_id = ?", (object_id,))
        return tuple(sorted(map(_info, rows), key=lambda info: (info.object_id, info.index)))

    def delete(self, object_id: int, index: PlaneIndex | None = None) -> tuple[MaskInfo, ...]:
        """Remove an object's mask on one plane, or all of them, and return what was removed."""
        where: str = "object_id = ?"
        values: tuple[int | str, ...] = (object_id,)
        if index is not None:
            where, values = where + " AND plane = ?", (object_id, plane_key(index))
        with self._database.transaction() as connection:
            rows = connection.execute(f"SELECT {_FIELDS} FROM {self._table} WHERE {where}", values)
            removed = sorted(map(_info, rows.fetchall()), key=lambda info: info.index)
            connection.execute(f"DELETE FROM {self._table} WHERE {where}", values)
        if index is None:
            self._database.shrink()
        return tuple(removed)

    def _select(self, where: str, values: tuple[Any, ...]) -> tuple[MaskRecord, ...]:
        query = f"SELECT {_FIELDS}, payload, lost FROM {self._table} WHERE {where}"
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
        record.origin.value,
        int(record.status),
        record.view_text,
        record.excluded.value if record.excluded else "",
        record.payload,
        record.lost_payload,
    )


def _fields(row: tuple[Any, ...]) -> dict[str, Any]:
    object_id, plane, y0, x0, y1, x1, area, iou, score, origin, status, text, sweep = row[:13]
    view, refined, ended = parse_view(text)
    return {
        "object_id": object_id,
        "index": plane_index(plane),
        "window": Window(y0, x0, y1, x1),
        "area": area,
        # SQLite stores NaN as NULL.
        "predicted_iou": nan if iou is None else iou,
        "object_score": nan if score is None else score,
        "origin": MaskOrigin(origin),
        "status": MaskStatus(status),
        "view": view,
        "refined": refined,
        "ended": ended,
        "excluded": MaskOrigin(sweep) if sweep else None,
    }


def _info(row: tuple[Any, ...]) -> MaskInfo:
    return MaskInfo(**_fields(row))


def _record(row: tuple[Any, ...]) -> MaskRecord:
    return MaskRecord(**_fields(row), payload=row[13], lost_payload=row[14])
