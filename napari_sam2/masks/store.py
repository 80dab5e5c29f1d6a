"""Mask records, one compressed mask with its scores per object and plane, and their stores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from threading import RLock
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.codec import (
    CERTAIN_STEP,
    compress,
    compress_bits,
    decompress,
    decompress_bits,
    dequantize,
    quantize,
)
from napari_sam2.masks.mask import (
    FrameResult,
    MaskCrop,
    MaskOrigin,
    MaskStatus,
    format_view,
)


class MaskKey(NamedTuple):
    """Identifies the mask of one object on one plane.

    Parameters
    ----------
    object_id : int
        The label value, at least 1.
    plane : tuple of int
        The plane's full index.
    """

    object_id: int
    plane: PlaneIndex


@dataclass(frozen=True, slots=True)
class MaskInfo:
    """A stored mask without its pixels.

    Parameters
    ----------
    object_id : int
        The label value, at least 1.
    index : tuple of int
        The plane's full index.
    window : Window
        Position of the crop on the plane; pixels outside are background. May be empty.
    area : int
        Number of pixels of the mask that belong to the object.
    predicted_iou : float
        The model's estimate of the mask's IoU, in 0..1.
    object_score : float
        Logit of the object being visible; at most 0 means absent.
    origin : MaskOrigin
        How the mask was made.
    status : MaskStatus
        Protection of the mask.
    view : Window or None
        The window of the plane that the model was shown; None for the whole plane.
    refined : bool
        Whether the mask was refined in a closer view.
    ended : bool
        True where the object's track had ended, so the model was not run.
    excluded : MaskOrigin or None
        The sweep in which the object lost its pixels on this plane to other objects, so that the
        mask is not drawn; None if it did not.
    """

    object_id: int
    index: PlaneIndex
    window: Window
    area: int
    predicted_iou: float
    object_score: float
    origin: MaskOrigin
    status: MaskStatus
    view: Window | None = None
    refined: bool = False
    ended: bool = False
    excluded: MaskOrigin | None = None

    @property
    def view_text(self) -> str:
        """The view as text, see :func:`napari_sam2.masks.mask.format_view`."""
        return format_view(self.view, refined=self.refined, ended=self.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskRecord(MaskInfo):
    """The mask of one object on one plane as it is stored: immutable and compressed.

    Create one with :meth:`from_result` or :meth:`from_mask`.

    Parameters
    ----------
    payload : bytes
        The crop's logits as written by :mod:`napari_sam2.masks.codec`.
    lost_payload : bytes
        Which positive pixels belong to other objects, as written there; empty for none.
    """

    payload: bytes
    lost_payload: bytes = b""

    @classmethod
    def from_result(cls, result: FrameResult, status: MaskStatus | None = None) -> MaskRecord:
        """Return the record of a result; ``status`` defaults to final or draft as the result is."""
        if status is None:
            status = MaskStatus.FINAL if result.final else MaskStatus.DRAFT
        return cls(
            object_id=result.object_id,
            index=result.index,
            window=result.crop.window,
            area=result.area,
            predicted_iou=float(result.predicted_iou),
            object_score=float(result.object_score),
            origin=result.origin,
            status=status,
            view=result.view,
            refined=result.refined,
            ended=result.ended,
            excluded=result.excluded,
            payload=compress(quantize(result.crop.logits)),
            lost_payload=compress_bits(result.lost),
        )

    @classmethod
    def from_mask(
        cls,
        object_id: int,
        index: PlaneIndex,
        mask: ArrayLike,
        offset: tuple[int, int] = (0, 0),
        status: MaskStatus = MaskStatus.ACCEPTED,
    ) -> MaskRecord:
        """Return the record of a binary mask (h, w) that the user drew at ``offset`` (y, x)."""
        crop = MaskCrop.from_mask(np.asarray(mask) != 0, offset)
        return cls(
            object_id=object_id,
            index=index,
            window=crop.window,
            area=crop.area,
            predicted_iou=1.0,
            object_score=float(CERTAIN_STEP if crop.area else -CERTAIN_STEP),
            origin=MaskOrigin.PROMPT,
            status=status,
            payload=compress(quantize(crop.logits)),
        )

    @property
    def steps(self) -> NDArray[np.int8]:
        """The crop's quantized logits (h, w), read-only; positive inside the mask."""
        return decompress(self.payload, self.window.shape)

    @property
    def lost(self) -> NDArray[np.bool_] | None:
        """Which positive pixels of the crop (h, w) belong to other objects; None for none."""
        return decompress_bits(self.lost_payload, self.window.shape)

    @property
    def crop(self) -> MaskCrop:
        """The mask's logits: exact in sign, otherwise within a rounding step."""
        return MaskCrop(self.window, dequantize(self.steps))

    @property
    def own_crop(self) -> MaskCrop:
        """The mask with the pixels of other objects as certain background."""
        return self.result(frame=0).own_crop

    @property
    def info(self) -> MaskInfo:
        """The record without its pixels."""
        return MaskInfo(**{f.name: getattr(self, f.name) for f in fields(MaskInfo)})

    def result(self, frame: int) -> FrameResult:
        """Return the mask as a result; ``frame`` is its position along the propagated axis."""
        return FrameResult(
            object_id=self.object_id,
            frame=frame,
            index=self.index,
            crop=self.crop,
            predicted_iou=self.predicted_iou,
            object_score=self.object_score,
            origin=self.origin,
            final=self.status is not MaskStatus.DRAFT,
            view=self.view,
            refined=self.refined,
            ended=self.ended,
            lost=self.lost,
            excluded=self.excluded,
        )

    def with_status(self, status: MaskStatus) -> MaskRecord:
        """Return the same mask with another status."""
        return replace(self, status=status)

    def merged_into(self, object_id: int, other: MaskRecord | None) -> MaskRecord:
        """Return the union of this mask and one of another object on the same plane.

        Each pixel has the higher logit of both; pixels of a third object stay with it. The union
        has the higher status, the lower predicted IoU and the higher object score; ``other`` None
        stands for no mask.
        """
        if other is None:
            return replace(self, object_id=object_id)
        crop = self.own_crop.union(other.own_crop)
        return replace(
            other,
            window=crop.window,
            area=crop.area,
            predicted_iou=min(self.predicted_iou, other.predicted_iou),
            object_score=max(self.object_score, other.object_score),
            status=max(self.status, other.status),
            ended=self.ended and other.ended,
            excluded=None,
            payload=compress(quantize(crop.logits)),
            lost_payload=b"",
        )

    def without(self, others: Iterable[MaskRecord]) -> MaskRecord:
        """Return the mask without the pixels of other objects' masks on the same plane.

        The same record is returned if no pixel is shared; records of the same object are ignored.
        """
        crop = self.crop
        rest = crop.without(o.own_crop for o in others if o.object_id != self.object_id)
        if rest is crop:
            return self
        lost = None if self.lost is None else self.lost & (rest.logits > 0)
        cut = replace(
            self, payload=compress(quantize(rest.logits)), lost_payload=compress_bits(lost)
        )
        return replace(cut, area=cut.own_crop.area)


class MaskStore(Protocol):
    """Masks by object and plane. All methods may be called from any thread."""

    def put(self, records: Iterable[MaskRecord]) -> tuple[MaskRecord, ...]:
        """Store records in one transaction and return those that were stored.

        A record is not stored if the mask in its place has a higher status (locked > accepted >
        final > draft). To store it all the same, delete that mask first.
        """

    def get(self, object_id: int, index: PlaneIndex) -> MaskRecord | None:
        """Return one mask."""

    def at(self, index: PlaneIndex, window: Window | None = None) -> tuple[MaskRecord, ...]:
        """Return the masks of a plane, by increasing id; with a window, those that touch it."""

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects, increasing."""

    def indices(self, object_id: int) -> tuple[PlaneIndex, ...]:
        """Return the planes on which an object has a mask, increasing."""

    def infos(self, object_id: int | None = None) -> tuple[MaskInfo, ...]:
        """Return the masks of an object, or of all, without pixels; by increasing id and index."""

    def delete(self, object_id: int, index: PlaneIndex | None = None) -> tuple[MaskInfo, ...]:
        """Remove an object's mask on one plane, or all of them, and return what was removed."""


class MemoryMaskStore:
    """Masks in memory, compressed; see :class:`MaskStore`."""

    def __init__(self) -> None:
        self._planes: dict[PlaneIndex, dict[int, MaskRecord]] = {}
        self._lock = RLock()

    def put(self, records: Iterable[MaskRecord]) -> tuple[MaskRecord, ...]:
        """Store records that no mask of a higher status blocks; return those stored."""
        offered = list(records)
        with self._lock:
            return tuple([record for record in offered if self._put(record)])

    def restore(self, records: Iterable[MaskRecord]) -> None:
        """Store records in place of any others, whatever their status."""
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

    def at(self, index: PlaneIndex, window: Window | None = None) -> tuple[MaskRecord, ...]:
        """Return the masks of a plane, by increasing id; with a window, those that touch it."""
        with self._lock:
            records = [record for _, record in sorted(self._planes.get(index, {}).items())]
        return tuple(r for r in records if window is None or not r.window.intersect(window).empty)

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects, increasing."""
        with self._lock:
            return tuple(sorted({key for plane in self._planes.values() for key in plane}))

    def indices(self, object_id: int) -> tuple[PlaneIndex, ...]:
        """Return the planes on which an object has a mask, increasing."""
        with self._lock:
            return tuple(sorted(index for index, p in self._planes.items() if object_id in p))

    def infos(self, object_id: int | None = None) -> tuple[MaskInfo, ...]:
        """Return the masks of an object, or of all, without pixels; by increasing id and index."""
        with self._lock:
            records = [record for plane in self._planes.values() for record in plane.values()]
        chosen = [record.info for record in records if object_id in (None, record.object_id)]
        return tuple(sorted(chosen, key=lambda info: (info.object_id, info.index)))

    def delete(self, object_id: int, index: PlaneIndex | None = None) -> tuple[MaskInfo, ...]:
        """Remove an object's mask on one plane, or all of them, and return what was removed."""
        with self._lock:
            indices = self.indices(object_id) if index is None else (index,)
            removed = [self._delete(object_id, plane) for plane in indices]
        return tuple(record.info for record in removed if record is not None)

    def _delete(self, object_id: int, index: PlaneIndex) -> MaskRecord | None:
        plane = self._planes.get(index, {})
        record = plane.pop(object_id, None)
        if not plane:
            self._planes.pop(index, None)
        return record
