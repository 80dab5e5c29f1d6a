"""The masks on some planes of a series of volumes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.store import MaskInfo, MaskRecord

if TYPE_CHECKING:
    from napari_sam2.masks.store import MaskStore


class PlaneMasks:
    """A mask store that lists the masks of some planes only; see :class:`MaskStore`.

    A run along one axis needs no others, and a series can have millions.

    Parameters
    ----------
    masks : MaskStore
        The masks of the series.
    planes : sequence of tuple of int
        Full indices of the planes.
    """

    def __init__(self, masks: MaskStore, planes: Sequence[PlaneIndex]) -> None:
        self._masks = masks
        self._planes = planes

    def put(self, records: Iterable[MaskRecord]) -> tuple[MaskRecord, ...]:
        """Store records that no mask of a higher status blocks; return those stored."""
        return self._masks.put(records)

    def get(self, object_id: int, index: PlaneIndex) -> MaskRecord | None:
        """Return one mask."""
        return self._masks.get(object_id, index)

    def at(self, index: PlaneIndex, window: Window | None = None) -> tuple[MaskRecord, ...]:
        """Return the masks of a plane, by increasing id; with a window, those that touch it."""
        return self._masks.at(index, window)

    def objects(self) -> tuple[int, ...]:
        """Return the ids of all objects on these planes, increasing."""
        return tuple(sorted({info.object_id for info in self.infos()}))

    def indices(self, object_id: int) -> tuple[PlaneIndex, ...]:
        """Return those of these planes on which an object has a mask, increasing."""
        return tuple(info.index for info in self.infos(object_id))

    def infos(self, object_id: int | None = None) -> tuple[MaskInfo, ...]:
        """Return the masks of an object, or of all, on these planes."""
        found = (record.info for index in self._planes for record in self._masks.at(index))
        mine = (info for info in found if object_id in (None, info.object_id))
        return tuple(sorted(mine, key=lambda info: (info.object_id, info.index)))

    def delete(self, object_id: int, index: PlaneIndex | None = None) -> tuple[MaskInfo, ...]:
        """Remove an object's mask on one plane, or on all of these, and return what was removed."""
        planes = self.indices(object_id) if index is None else (index,)
        return tuple(info for at in planes for info in self._masks.delete(object_id, at))
