"""What is done of each object, kept as results come, so that showing it costs nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from threading import Lock

from napari_sam2.geometry import Index
from napari_sam2.results import FrameResult, MaskStatus


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
    worst_index: Index | None = None
    accepted: bool = False


@dataclass(slots=True)
class _Row:
    iou: float
    accepted: bool = False


class Tally:
    """Progress by object; any thread may add to it."""

    def __init__(self) -> None:
        self._rows: defaultdict[int, dict[Index, _Row]] = defaultdict(dict)
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

    def set_status(self, object_id: int, index: Index, status: MaskStatus | None) -> None:
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

    def _count(self, rows: dict[Index, _Row]) -> ObjectProgress:
        if not rows:
            return ObjectProgress()
        where = min(rows, key=lambda index: rows[index].iou)
        accepted = all(row.accepted for row in rows.values())
        return ObjectProgress(len(rows), rows[where].iou, where, accepted)
