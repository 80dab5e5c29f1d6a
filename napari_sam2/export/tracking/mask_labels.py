"""Labels of the masks of a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.masks.mask import MaskStatus

if TYPE_CHECKING:
    from napari_sam2.masks.store import MaskStore


@dataclass(frozen=True)
class MaskLabels:
    """Labels of stored masks, accepted ones or all.

    Parameters
    ----------
    masks : MaskStore
        The masks.
    shape : tuple of int
        Height and width of the planes.
    drafts : bool
        Whether masks that are not accepted are a part of the labels.
    """

    masks: MaskStore
    shape: tuple[int, int]
    drafts: bool

    def read(self, index: PlaneIndex) -> NDArray[np.uint32]:
        """Return the labels (H, W) of a plane, given by its full index."""
        chosen = [record for record in self.masks.at(index) if self._includes(record.status)]
        return compose_labels(chosen, Window.of(self.shape))

    @property
    def planes(self) -> dict[PlaneIndex, list[int]]:
        """Planes with masks, by index, and the objects that have one there."""
        found: dict[PlaneIndex, list[int]] = {}
        for info in self.masks.infos():
            if info.area and self._includes(info.status):
                found.setdefault(info.index, []).append(info.object_id)
        return dict(sorted(found.items()))

    @property
    def left_out(self) -> tuple[int, ...]:
        """Ids of the objects with masks that are no part of the labels, increasing."""
        infos = (info for info in self.masks.infos() if info.area)
        return tuple(sorted({i.object_id for i in infos if not self._includes(i.status)}))

    @property
    def empty(self) -> bool:
        """Whether there is no mask in the labels."""
        infos = (info for info in self.masks.infos() if info.area)
        return not any(self._includes(info.status) for info in infos)

    def _includes(self, status: MaskStatus) -> bool:
        return self.drafts or status >= MaskStatus.ACCEPTED
