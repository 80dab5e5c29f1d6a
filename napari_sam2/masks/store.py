"""The truth about a segmentation: one compressed mask with its score per object and plane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from threading import RLock
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.codec import CERTAIN_LOGIT, compress, decompress, dequantise, quantise
from napari_sam2.masks.mask import FrameResult, MaskOrigin, MaskStatus


@dataclass(frozen=True, slots=True)
class MaskInfo:
    """All that is known about a mask but its pixels.

    Parameters
    ----------
    object_id : int
        The label value, at least 1.
    index : tuple of int
        The plane's full index.
    window : Window
        Where the crop lies on the plane; pixels outside are background. Perhaps empty.
    area : int
        Pixels inside the mask.
    predicted_iou : float
        The model's own estimate in 0..1.
    object_score : float
        Logit of the object being visible; at most 0 means absent.
    direction : MaskOrigin
        Which pass made it.
    status : MaskStatus
        How firmly it stands.
    view : str
        Which window of the plane the model saw.
    """

    object_id: int
    index: PlaneIndex
    window: Window
    area: int
    predicted_iou: float
    object_score: float
    direction: MaskOrigin
    status: MaskStatus
    view: str = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRecord(MaskInfo):
    """An object's mask on one plane: a small immutable value that can be kept and put back.

    Make one with :meth:`of_result` or :meth:`of_mask`.

    Parameters
    ----------
    payload : bytes
        The crop's logits, as :mod:`napari_sam2.masks.codec` writes them.
    """

    payload: bytes

    @classmethod
    def of_result(cls, result: FrameResult, status: MaskStatus | None = None) -> MaskRecord:
        """Return the record of what propagation gave: final or draft unless told."""
        steps = quantise(result.logits)
        if status is None:
            status = MaskStatus.FINAL if result.final else MaskStatus.DRAFT
        return cls(
            object_id=result.object_id,
            index=result.index,
            window=result.window,
            area=int(np.count_nonzero(steps > 0)),
            predicted_iou=float(result.predicted_iou),
            object_score=float(result.object_score),
            direction=result.direction,
            status=status,
            view=result.view,
            payload=compress(steps),
        )

    @classmethod
    def of_mask(
        cls,
        object_id: int,
        index: PlaneIndex,
        mask: ArrayLike,
        offset: tuple[int, int] = (0, 0),
        status: MaskStatus = MaskStatus.ACCEPTED,
    ) -> MaskRecord:
        """Return the record of a user's own mask crop (h, w) at ``offset``, kept to the pixel."""
        inside = np.asarray(mask) != 0
        steps = np.where(inside, np.int8(CERTAIN_LOGIT), np.int8(-CERTAIN_LOGIT))
        area = int(np.count_nonzero(inside))
        return cls(
            object_id=object_id,
            index=index,
            window=Window.of((inside.shape[0], inside.shape[1])).shift(*offset),
            area=area,
            predicted_iou=1.0,
            object_score=float(CERTAIN_LOGIT if area else -CERTAIN_LOGIT),
            direction=MaskOrigin.PROMPT,
            status=status,
            payload=compress(steps),
        )

    @property
    def offset(self) -> tuple[int, int]:
        """Row and column of the crop's corner on the plane."""
        return self.window.offset

    @property
    def steps(self) -> NDArray[np.int8]:
        """The crop's quantised logits (h, w), read-only; positive inside the mask."""
        return decompress(self.payload, self.window.shape)

    @property
    def logits(self) -> NDArray[np.float32]:
        """The crop's logits (h, w); exact in sign, else within a rounding step."""
        return dequantise(self.steps)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The crop's pixels (h, w), true inside."""
        return self.steps > 0

    @property
    def header(self) -> MaskInfo:
        """The record without its pixels."""
        return MaskInfo(**{f.name: getattr(self, f.name) for f in fields(MaskInfo)})

    def with_status(self, status: MaskStatus) -> MaskRecord:
        """Return the same mask, standing more or less firmly."""
        return replace(self, status=status)


class MaskStore(Protocol):
    """Masks by object and plane. All methods may be called from any thread."""

    def put(self, records: Iterable[MaskRecord]) -> tuple[MaskRecord, ...]:
        """Store records, all at once, and return those that were stored.

        One of a lower status than what is there is left out: locked stands above accepted, above
        final, above draft. To go below, delete first.
        """

    def get(self, object_id: int, index: PlaneIndex) -> MaskRecord | None:
        """Return one mask."""

    def at(self, index: PlaneIndex) -> tuple[MaskRecord, ...]:
        """Return all masks of a plane, by rising id."""

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects, rising."""

    def indices(self, object_id: int) -> tuple[PlaneIndex, ...]:
        """Return the planes on which an object has a mask, rising."""

    def headers(self, object_id: int | None = None) -> tuple[MaskInfo, ...]:
        """Return what is known of an object's masks, or of all, without their pixels.

        By rising id, then index.
        """

    def delete(self, object_id: int, index: PlaneIndex | None = None) -> tuple[MaskInfo, ...]:
        """Remove an object's mask on one plane, or all of them, and tell what was removed."""


class MemoryMaskStore:
    """Masks in memory, compressed; see :class:`MaskStore`."""

    def __init__(self) -> None:
        self._planes: dict[PlaneIndex, dict[int, MaskRecord]] = {}
        self._lock = RLock()

    def put(self, records: Iterable[MaskRecord]) -> tuple[MaskRecord, ...]:
        """Store records unless what is there stands more firmly; return those stored."""
        offered = list(records)
        with self._lock:
            return tuple([record for record in offered if self._put(record)])

    def restore(self, records: Iterable[MaskRecord]) -> None:
        """Store records whatever is there."""
        with self._lock:
            for record in records:
                self._planes.setdefault(record.index, {})[record.object_id] = record

    def _put(self, record: MaskRecord) -> bool:
        old = self.get(record.object_id, record.index)
        if old is not None and old.status > record.status:
            return False
        self.restore([record])
        return True

    def get(self, object_id: int, index: PlaneIndex) -> MaskRecord | None:
        """Return one mask."""
        with self._lock:
            return self._planes.get(index, {}).get(object_id)

    def at(self, index: PlaneIndex) -> tuple[MaskRecord, ...]:
        """Return all masks of a plane, by rising id."""
        with self._lock:
            return tuple(record for _, record in sorted(self._planes.get(index, {}).items()))

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects, rising."""
        with self._lock:
            return tuple(sorted({key for plane in self._planes.values() for key in plane}))

    def indices(self, object_id: int) -> tuple[PlaneIndex, ...]:
        """Return the planes on which an object has a mask, rising."""
        with self._lock:
            return tuple(sorted(index for index, p in self._planes.items() if object_id in p))

    def headers(self, object_id: int | None = None) -> tuple[MaskInfo, ...]:
        """Return what is known of an object's masks, or of all, by rising id, then index."""
        with self._lock:
            records = [record for plane in self._planes.values() for record in plane.values()]
        chosen = [record.header for record in records if object_id in (None, record.object_id)]
        return tuple(sorted(chosen, key=lambda header: (header.object_id, header.index)))

    def delete(self, object_id: int, index: PlaneIndex | None = None) -> tuple[MaskInfo, ...]:
        """Remove an object's mask on one plane, or all of them, and tell what was removed."""
        with self._lock:
            indices = self.indices(object_id) if index is None else (index,)
            removed = [self._delete(object_id, plane) for plane in indices]
        return tuple(record.header for record in removed if record is not None)

    def _delete(self, object_id: int, index: PlaneIndex) -> MaskRecord | None:
        plane = self._planes.get(index, {})
        record = plane.pop(object_id, None)
        if not plane:
            self._planes.pop(index, None)
        return record
