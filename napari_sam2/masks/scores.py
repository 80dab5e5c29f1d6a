"""Scores of all masks of a session: one row per object and frame, and a summary per object."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
AREA_WEIGHT = 0.5
"""Part of the confidence that a sudden change of the area can take away.

In :mod:`tests.benchmarks.review_study` the area alone ranks frames much worse than the scores do.
"""


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
    status : MaskStatus
        Protection of the mask.
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
    status: MaskStatus = MaskStatus.FINAL
    excluded: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the mask is accepted or locked."""
        return self.status >= MaskStatus.ACCEPTED

    @property
    def locked(self) -> bool:
        """Whether the mask is locked."""
        return self.status is MaskStatus.LOCKED

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
            status=MaskStatus.FINAL if result.final else MaskStatus.DRAFT,
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
            status=info.status,
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


def track_confidence(
    frames: ArrayLike,
    predicted_iou: ArrayLike,
    object_score: ArrayLike,
    area: ArrayLike,
    prompted: ArrayLike,
) -> NDArray[np.float64]:
    """Return the confidence of each mask of one object, in 0..1.

    A mask has the confidence ``predicted_iou * visible * (1 - change / 2)``, where ``visible`` is
    the logistic function of the object score and ``change`` is the difference, in 0..1, between
    its area and the mean area of the masks on the two frames beside it, divided by the median
    area of the object. An empty mask has ``(1 - visible) * (1 - change / 2)``: the confidence that
    the object is absent. ``change`` is 0 for masks from prompts on their own frame, and where no
    frame beside has been computed.

    Parameters
    ----------
    frames : array_like of int
        (n,) the computed frames, increasing.
    predicted_iou : array_like of float
        (n,) the model's estimates of the IoU, in 0..1.
    object_score : array_like of float
        (n,) logits of the object being visible.
    area : array_like of int
        (n,) pixels of each mask; 0 for an empty mask.
    prompted : array_like of bool
        (n,) whether a mask comes from prompts on its own frame.
    """
    areas = np.asarray(area, np.float64)
    score = np.clip(np.asarray(object_score, np.float64), -50, 50)
    visible = 1 / (1 + np.exp(-score))
    estimate = np.clip(np.asarray(predicted_iou, np.float64), 0, 1) * visible
    base = np.where(areas > 0, estimate, 1 - visible)
    change = np.where(np.asarray(prompted, bool), 0, _area_change(np.asarray(frames), areas))
    return np.asarray(base * (1 - AREA_WEIGHT * change))


def _area_change(frames: NDArray[np.integer], areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each area differs from those beside it, in 0..1 of the median area."""
    if not np.any(areas > 0):
        return np.zeros(len(areas))
    total, count = np.zeros(len(areas)), np.zeros(len(areas))
    adjacent = np.diff(frames) == 1
    total[1:] += np.where(adjacent, areas[:-1], 0)
    count[1:] += adjacent
    total[:-1] += np.where(adjacent, areas[1:], 0)
    count[:-1] += adjacent
    expected = np.where(count > 0, total / np.maximum(count, 1), areas)
    return np.minimum(np.abs(areas - expected) / np.median(areas[areas > 0]), 1)


def confidences(rows: Sequence[ScoreRow]) -> NDArray[np.float64]:
    """Return the confidence (n,) of the rows of one object, which are given by increasing frame.

    See :func:`track_confidence`.
    """
    return track_confidence(
        [row.frame for row in rows],
        [row.predicted_iou for row in rows],
        [row.object_score for row in rows],
        [row.area for row in rows],
        [row.origin is MaskOrigin.PROMPT for row in rows],
    )


@dataclass(frozen=True, slots=True)
class ObjectProgress:
    """Summary of the masks of one object.

    Parameters
    ----------
    frames : int
        Number of frames on which the object is visible; of several tables the sum.
    worst : float or None
        The lowest confidence of those, see :func:`confidences`.
    worst_index : tuple of int or None
        Full index of the plane with the lowest confidence.
    accepted : bool
        Whether there are masks and all are accepted.
    tables : int
        Number of tables in which the object is visible, e.g. of time points with volumes.
    """

    frames: int = 0
    worst: float | None = None
    worst_index: PlaneIndex | None = None
    accepted: bool = False
    tables: int = 0

    @classmethod
    def from_rows(cls, rows: Iterable[ScoreRow]) -> ObjectProgress:
        """Return the summary of the rows of one object, by increasing frame."""
        ordered = list(rows)
        visible = [number for number, row in enumerate(ordered) if row.visible]
        if not visible:
            return cls()
        confidence = confidences(ordered)
        worst = min(visible, key=lambda number: confidence[number])
        accepted = all(ordered[number].accepted for number in visible)
        lowest = float(confidence[worst])
        return cls(len(visible), lowest, ordered[worst].index, accepted, tables=1)

    @classmethod
    def combined(cls, parts: Iterable[ObjectProgress]) -> ObjectProgress:
        """Return the summary of an object whose masks are spread over several tables."""
        found = [part for part in parts if part.worst is not None]
        if len(found) < 2:
            return found[0] if found else cls()
        worst = min(found, key=lambda part: part.worst or 0.0)
        frames, tables = sum(part.frames for part in found), sum(part.tables for part in found)
        accepted = all(part.accepted for part in found)
        return cls(frames, worst.worst, worst.worst_index, accepted, tables)


class ScoreTable:
    """The latest row of every object and frame; any thread may read and write it."""

    def __init__(self) -> None:
        self._rows: defaultdict[int, dict[int, ScoreRow]] = defaultdict(dict)
        self._progress: dict[int, ObjectProgress] = {}
        self._versions: Counter[int] = Counter()
        self._lock = Lock()

    def add(self, row: ScoreRow) -> None:
        """Add a row in place of an earlier one of the same object and frame."""
        with self._lock:
            self._rows[row.object_id][row.frame] = row
            self._changed(row.object_id)

    def get(self, object_id: int, frame: int) -> ScoreRow | None:
        """Return the row of an object on a frame, or None."""
        with self._lock:
            return self._rows.get(object_id, {}).get(frame)

    def drop(self, object_id: int, frame: int | None = None) -> None:
        """Remove an object's row on a frame, or all its rows."""
        with self._lock:
            self._changed(object_id)
            if frame is None:
                self._rows.pop(object_id, None)
            else:
                self._rows.get(object_id, {}).pop(frame, None)

    def _changed(self, object_id: int) -> None:
        self._progress.pop(object_id, None)
        self._versions[object_id] += 1

    def version(self, object_id: int) -> int:
        """Return how often the rows of an object have changed."""
        with self._lock:
            return self._versions[object_id]

    def rows(self, object_id: int | None = None) -> list[ScoreRow]:
        """Return the rows of one object, or of all, by object and then frame."""
        with self._lock:
            ids = sorted(self._rows) if object_id is None else [object_id]
            return [row for o in ids for _, row in sorted(self._rows.get(o, {}).items())]

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
