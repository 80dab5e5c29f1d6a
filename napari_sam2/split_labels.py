"""Labels in two arrays: drafts to work on, and results that the user has accepted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.geometry import Index, Window
from napari_sam2.label_geometry import LabelGeometry
from napari_sam2.labels import LabelArray
from napari_sam2.masks import MaskRecord, MaskStore
from napari_sam2.results import MaskStatus

if TYPE_CHECKING:
    from numpy.typing import NDArray

IN_MEMORY = 256 << 20
"""Bytes up to which an array lies in memory as it is."""


@dataclass(frozen=True)
class _Plane:
    """The part of a mask store that has a status within bounds."""

    store: MaskStore
    accepted: bool

    def at(self, index: Index) -> tuple[MaskRecord, ...]:
        """Return the masks of a plane."""
        return tuple(
            record
            for record in self.store.at(index)
            if (record.status >= MaskStatus.ACCEPTED) is self.accepted
        )


class SplitLabels(LabelArray):
    """The results, with the drafts beside them; both follow the masks.

    Parameters
    ----------
    results, drafts : LabelArray
        Of the same geometry.
    """

    def __init__(self, results: LabelArray, drafts: LabelArray) -> None:
        super().__init__(results.array, results.geometry)
        self.drafts = drafts

    @classmethod
    def make(cls, geometry: LabelGeometry, folder: Path | None = None) -> SplitLabels:
        """Make empty labels: small ones in memory, others compressed, or in a folder.

        Parameters
        ----------
        geometry : LabelGeometry
            The stack.
        folder : Path or None
            Where results are written as they come.
        """
        results = _array(geometry) if folder is None else LabelArray.create(folder, geometry)
        return cls(results, _array(geometry))

    def refresh(self, index: Index, window: Window, store: MaskStore) -> None:
        """Derive both from the masks."""
        super().refresh(index, window, _Plane(store, True))  # type: ignore[arg-type]
        self.drafts.refresh(index, window, _Plane(store, False))  # type: ignore[arg-type]


def _array(geometry: LabelGeometry) -> LabelArray:
    if int(np.prod(geometry.label_shape, dtype=np.int64)) * 2 > IN_MEMORY:
        return LabelArray.create(None, geometry)
    array: NDArray[np.uint16] = np.zeros(geometry.label_shape, np.uint16)
    return LabelArray(array, geometry)
