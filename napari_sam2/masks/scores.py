"""One row per object and frame: how sure the model was."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import FrameResult, MaskStatus

if TYPE_CHECKING:
    from napari_sam2.masks.store import MaskInfo


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What is known about one object's mask on one frame.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    object_id : int
        The label value.
    predicted_iou : float
        The model's own estimate in 0..1.
    object_score : float
        Logit of the object being visible; at most 0 means absent.
    area : int
        Pixels inside the mask.
    direction : str
        Which pass made it: prompt, forward, backward or blend.
    view : str
        Which window of the plane the model saw.
    """

    frame: int
    object_id: int
    predicted_iou: float
    object_score: float
    area: int
    direction: str
    view: str

    @classmethod
    def of(cls, result: FrameResult) -> ScoreRow:
        """Return the row of one result."""
        return cls(
            frame=result.frame,
            object_id=result.object_id,
            predicted_iou=round(result.predicted_iou, 6),
            object_score=round(result.object_score, 6),
            area=result.area,
            direction=result.direction.value,
            view=result.view,
        )

    @classmethod
    def of_header(cls, frame: int, header: MaskInfo) -> ScoreRow:
        """Return the row of a stored mask."""
        return cls(
            frame=frame,
            object_id=header.object_id,
            predicted_iou=round(header.predicted_iou, 6),
            object_score=round(header.object_score, 6),
            area=header.area,
            direction=header.direction.value,
            view=header.view,
        )


class ScoreTable:
    """The latest row of every object and frame, ordered by object and frame."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], ScoreRow] = {}
        self._lock = Lock()

    def add(self, row: ScoreRow) -> None:
        """Record a row in place of an earlier one of the same object and frame."""
        with self._lock:
            self._rows[row.object_id, row.frame] = row

    def get(self, object_id: int, frame: int) -> ScoreRow | None:
        """Return one row, or None."""
        return self._rows.get((object_id, frame))

    def drop(self, object_id: int, frame: int | None = None) -> None:
        """Forget an object's rows, or one of them."""
        with self._lock:
            for key in [k for k in self._rows if k[0] == object_id and frame in (None, k[1])]:
                del self._rows[key]

    def rows(self) -> list[ScoreRow]:
        """Return all rows, by object and then frame."""
        with self._lock:
            return [self._rows[key] for key in sorted(self._rows)]

    def worst(self, object_id: int) -> ScoreRow | None:
        """Return the row with the lowest predicted IoU among those that show the object."""
        rows = [r for r in self.rows() if r.object_id == object_id and r.object_score > 0]
        return min(rows, key=lambda row: row.predicted_iou, default=None)

    def write_csv(self, path: Path) -> None:
        """Write all rows with a header line."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([field.name for field in fields(ScoreRow)])
            writer.writerows(astuple(row) for row in self.rows())

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ScoreRow]:
        return iter(self.rows())


@dataclass(frozen=True, slots=True)
class ObjectProgress:
    """How far an object is.

    Parameters
    ----------
    frames : int
        Planes with a mask that is not empty.
    worst : float or None
        The lowest predicted IoU of those.
    worst_index : tuple of int or None
        Where it is.
    accepted : bool
        Whether all its masks are accepted.
    """

    frames: int = 0
    worst: float | None = None
    worst_index: PlaneIndex | None = None
    accepted: bool = False


@dataclass(slots=True)
class _Row:
    iou: float
    accepted: bool = False


class Tally:
    """Progress by object; any thread may add to it."""

    def __init__(self) -> None:
        self._rows: defaultdict[int, dict[PlaneIndex, _Row]] = defaultdict(dict)
        self._known: dict[int, ObjectProgress] = {}
        self._lock = Lock()

    def add(self, result: FrameResult) -> None:
        """Take note of a result."""
        with self._lock:
            self._known.pop(result.object_id, None)
            if result.object_score > 0:
                self._rows[result.object_id][result.index] = _Row(result.predicted_iou)
            else:
                self._rows[result.object_id].pop(result.index, None)

    def set_status(self, object_id: int, index: PlaneIndex, status: MaskStatus | None) -> None:
        """Take note of a mask that was accepted or opened again; None for one that is gone."""
        with self._lock:
            self._known.pop(object_id, None)
            row = self._rows[object_id].get(index)
            if status is None:
                self._rows[object_id].pop(index, None)
            elif row is not None:
                row.accepted = status >= MaskStatus.ACCEPTED

    def of(self, object_id: int) -> ObjectProgress:
        """Return how far an object is."""
        with self._lock:
            if object_id not in self._known:
                self._known[object_id] = self._count(self._rows.get(object_id, {}))
            return self._known[object_id]

    def _count(self, rows: dict[PlaneIndex, _Row]) -> ObjectProgress:
        if not rows:
            return ObjectProgress()
        where = min(rows, key=lambda index: rows[index].iou)
        accepted = all(row.accepted for row in rows.values())
        return ObjectProgress(len(rows), rows[where].iou, where, accepted)
