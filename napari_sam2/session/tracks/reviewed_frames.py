"""Which masks of a session the user has looked at."""

from __future__ import annotations

import json
from collections.abc import Collection

from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.database import Database
from napari_sam2.masks.scores import ScoreRow


class ReviewedFrames:
    """The masks that the user has looked at.

    A mask is recognized by its scores, area, origin and view, so that a frame counts as not
    reviewed once its mask has changed, and as reviewed again once the change is undone. Accepting
    or locking a mask changes nothing.

    Parameters
    ----------
    database : Database or None
        The file of a session, where they are kept; None for memory.

    Attributes
    ----------
    version : int
        Number of changes.
    """

    def __init__(self, database: Database | None = None) -> None:
        self.version = 0
        self._database = Database(None) if database is None else database
        self._seen: dict[tuple[str, int], dict[int, str]] = {}
        rows = self._database.rows("SELECT position, object_id, frame, mask FROM reviewed")
        for position, object_id, frame, mask in rows:
            self._seen.setdefault((position, object_id), {})[frame] = mask

    def add(self, position: FixedPosition, row: ScoreRow) -> None:
        """Add the mask of a row, on a position along the axes that are not propagated.

        Raises
        ------
        OSError
            If the file cannot be written; the mask counts as reviewed until it is closed.
        """
        place, mask = json.dumps(position), _identity(row)
        self._seen.setdefault((place, row.object_id), {})[row.frame] = mask
        self.version += 1
        values = (place, row.object_id, row.frame, mask)
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO reviewed VALUES (?, ?, ?, ?)", values)

    def frames(self, position: FixedPosition, rows: Collection[ScoreRow]) -> list[int]:
        """Return the frames of those rows that are reviewed."""
        return [row.frame for row in rows if self.includes(position, row)]

    def includes(self, position: FixedPosition, row: ScoreRow) -> bool:
        """Return whether the mask of a row is reviewed."""
        seen = self._seen.get((json.dumps(position), row.object_id), {})
        return seen.get(row.frame) == _identity(row)


def _identity(row: ScoreRow) -> str:
    """Return what tells the masks of an object on a frame apart; the status does not matter."""
    scores = (float(row.predicted_iou), float(row.object_score))
    return json.dumps([*scores, int(row.area), row.origin.value, row.view])
