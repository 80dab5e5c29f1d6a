"""Scores of all masks of a session: one row per object and frame, and a summary per object."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import FrameResult, MaskOrigin, MaskStatus, format_view

if TYPE_CHECKING:
    from napari_sam2.masks.store import MaskInfo

CSV_COLUMNS = (
    "frame",
    "object_id",
    "predicted_iou",
    "object_score",
    "area",
    "direction",
    "view",
)
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """Scores of one object's mask on one frame.

    Parameters
    ----------
    frame : int
        Position along the propagated axis.
    object_id : int
        The label value.
    predicted_iou : float
        The model's estimate of the mask's IoU, in 0..1.
    object_score : float
        Logit of the object being visible; at most 0 means absent.
    area : int
        Number of pixels of the mask that belong to the object.
    origin : MaskOrigin
        How the mask was made.
    view : str
        The view that the model was shown, see :func:`napari_sam2.masks.mask.format_view`.
    index : tuple of int
        The plane's full index.
    accepted : bool
        Whether the mask is accepted or locked.
    excluded : bool
        Whether the object lost its pixels to other objects.
    """

    frame: int
    object_id: int
    predicted_iou: float
    object_score: float
    area: int
    origin: MaskOrigin
    view: str
    index: PlaneIndex
    accepted: bool = False
    excluded: bool = False

    @classmethod
    def from_result(cls, result: FrameResult) -> ScoreRow:
        """Return the row of a result that was just stored."""
        return cls(
            frame=result.frame,
            object_id=result.object_id,
            predicted_iou=round(result.predicted_iou, _DIGITS),
            object_score=round(result.object_score, _DIGITS),
            area=result.area,
            origin=result.origin,
            view=format_view(
                result.view,
                refined=result.refined,
                ended=result.ended,
                excluded=result.excluded is not None,
            ),
            index=result.index,
            excluded=result.excluded is not None,
        )

    @classmethod
    def from_info(cls, frame: int, info: MaskInfo) -> ScoreRow:
        """Return the row of a stored mask."""
        return cls(
            frame=frame,
            object_id=info.object_id,
            predicted_iou=round(info.predicted_iou, _DIGITS),
            object_score=round(info.object_score, _DIGITS),
            area=info.area,
            origin=info.origin,
            view=format_view(
                info.view,
                refined=info.refined,
                ended=info.ended,
                excluded=info.excluded is not None,
            ),
            index=info.index,
            accepted=info.status >= MaskStatus.ACCEPTED,
            excluded=info.excluded is not None,
        )

    @property
    def visible(self) -> bool:
        """Whether the model found the object and other objects left it its pixels."""
        return self.object_score > 0 and not self.excluded

    def csv_values(self) -> tuple[int | float | str, ...]:
        """Return the values of :data:`CSV_COLUMNS`."""
        scores = (self.predicted_iou, self.object_score, self.area)
        return (self.frame, self.object_id, *scores, self.origin.value, self.view)


@dataclass(frozen=True, slots=True)
class ObjectProgress:
    """Summary of the masks of one object.

    Parameters
    ----------
    frames : int
        Number of frames on which the object is visible.
    worst : float or None
        The lowest predicted IoU of those.
    worst_index : tuple of int or None
        Full index of the plane with the lowest predicted IoU.
    accepted : bool
        Whether there are masks and all are accepted.
    """

    frames: int = 0
    worst: float | None = None
    worst_index: PlaneIndex | None = None
    accepted: bool = False

    @classmethod
    def from_rows(cls, rows: Iterable[ScoreRow]) -> ObjectProgress:
        """Return the summary of the rows of one object."""
        visible = [row for row in rows if row.visible]
        if not visible:
            return cls()
        worst = min(visible, key=lambda row: row.predicted_iou)
        accepted = all(row.accepted for row in visible)
        return cls(len(visible), worst.predicted_iou, worst.index, accepted)

    @classmethod
    def combined(cls, parts: Iterable[ObjectProgress]) -> ObjectProgress:
        """Return the summary of an object whose masks are spread over several tables."""
        found = [part for part in parts if part.worst is not None]
        if len(found) < 2:
            return found[0] if found else cls()
        worst = min(found, key=lambda part: part.worst or 0.0)
        frames = sum(part.frames for part in found)
        return cls(frames, worst.worst, worst.worst_index, all(part.accepted for part in found))


class ScoreTable:
    """The latest row of every object and frame; any thread may read and write it."""

    def __init__(self) -> None:
        self._rows: defaultdict[int, dict[int, ScoreRow]] = defaultdict(dict)
        self._progress: dict[int, ObjectProgress] = {}
        self._lock = Lock()

    def add(self, row: ScoreRow) -> None:
        """Add a row in place of an earlier one of the same object and frame."""
        with self._lock:
            self._rows[row.object_id][row.frame] = row
            self._progress.pop(row.object_id, None)

    def get(self, object_id: int, frame: int) -> ScoreRow | None:
        """Return the row of an object on a frame, or None."""
        with self._lock:
            return self._rows.get(object_id, {}).get(frame)

    def drop(self, object_id: int, frame: int | None = None) -> None:
        """Remove an object's row on a frame, or all its rows."""
        with self._lock:
            self._progress.pop(object_id, None)
            if frame is None:
                self._rows.pop(object_id, None)
            else:
                self._rows.get(object_id, {}).pop(frame, None)

    def rows(self, object_id: int | None = None) -> list[ScoreRow]:
        """Return the rows of one object, or of all, by object and then frame."""
        with self._lock:
            ids = sorted(self._rows) if object_id is None else [object_id]
            return [row for o in ids for _, row in sorted(self._rows.get(o, {}).items())]

    def worst(self, object_id: int) -> ScoreRow | None:
        """Return the row with the lowest predicted IoU among those where the object is visible."""
        visible = [row for row in self.rows(object_id) if row.visible]
        return min(visible, key=lambda row: row.predicted_iou, default=None)

    def progress(self, object_id: int) -> ObjectProgress:
        """Return the summary of an object's rows; it is computed once after each change."""
        with self._lock:
            known = self._progress.get(object_id)
            if known is None:
                rows = self._rows.get(object_id, {})
                known = ObjectProgress.from_rows(row for _, row in sorted(rows.items()))
                self._progress[object_id] = known
            return known

    def write_csv(self, path: Path) -> None:
        """Write all rows with a header line."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(CSV_COLUMNS)
            writer.writerows(row.csv_values() for row in self.rows())

    def __len__(self) -> int:
        with self._lock:
            return sum(len(rows) for rows in self._rows.values())

    def __iter__(self) -> Iterator[ScoreRow]:
        return iter(self.rows())
