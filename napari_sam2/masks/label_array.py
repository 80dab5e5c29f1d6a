"""The label array: what viewers and files show, derived from masks crop by crop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import ArrayLike, DTypeLike, NDArray
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore, MemoryStore

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.masks.label_layout import LabelGeometry, label_chunks, label_dtype, tiles
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.masks.store import MaskRecord, MaskStore

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LabelArray:
    """Labels of a whole stack, on zarr or numpy, written by crop.

    Writes to one plane wait for one another; planes share no chunk, so different planes may be
    written at the same time.

    Parameters
    ----------
    array : zarr.Array or numpy.ndarray
        Of the geometry's ``label_shape``; the value is the object id, 0 is background.
    geometry : LabelGeometry
        How planes lie in it.

    Raises
    ------
    UserError
        If the array has another shape or is not of an unsigned integer type.
    """

    def __init__(self, array: zarr.Array[Any] | NDArray[Any], geometry: LabelGeometry) -> None:
        if tuple(array.shape) != tuple(geometry.label_shape):
            raise UserError(
                f"The labels have shape {tuple(array.shape)} instead of {geometry.label_shape}."
            )
        self.dtype = label_dtype((), array.dtype)
        self.array: Any = array
        self._filled: Any = array
        if isinstance(array, zarr.Array):
            # Where something is written no chunk stays empty, and zarr need not look for itself,
            # which takes longer than all the rest.
            self._filled = array.with_config({"write_empty_chunks": True})
        self.geometry = geometry
        self._locks: defaultdict[PlaneIndex, RLock] = defaultdict(RLock)
        self._guard = Lock()

    @classmethod
    def create(
        cls,
        path: Path | None,
        geometry: LabelGeometry,
        *,
        ids: Iterable[int] = (),
        dtype: DTypeLike | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> LabelArray:
        """Make an empty zarr array (format 3) whose empty chunks are never stored.

        Parameters
        ----------
        path : Path or None
            A folder that does not exist yet; None keeps the compressed chunks in memory.
        geometry : LabelGeometry
            Shape, axes and chunks.
        ids : iterable of int
            Object ids that must fit.
        dtype : dtype or None
            See :func:`label_dtype`.
        attributes : mapping or None
            Stored with the array, as JSON.
        """
        array = zarr.create_array(
            store=MemoryStore() if path is None else LocalStore(path),
            shape=tuple(geometry.label_shape),
            chunks=label_chunks(geometry),
            dtype=label_dtype(ids, dtype),
            fill_value=0,
            compressors=ZstdCodec(level=1),
            zarr_format=3,
            dimension_names=tuple(geometry.label_axes.lower()),
            attributes=dict(attributes or {}),
            config={"write_empty_chunks": False},
        )
        return cls(array, geometry)

    @classmethod
    def open(cls, path: Path, geometry: LabelGeometry) -> LabelArray:
        """Open labels written before, to go on writing.

        Raises
        ------
        UserError
            If there is no zarr array or one of another shape.
        """
        try:
            array = zarr.open_array(LocalStore(path), mode="r+")
        except (FileNotFoundError, ValueError, KeyError) as error:
            raise UserError(f"There is no label array in {path}: {error}") from error
        return cls(array.with_config({"write_empty_chunks": False}), geometry)

    def check_ids(self, ids: Iterable[int]) -> None:
        """Raise UserError unless these object ids fit the array's type."""
        label_dtype(ids, self.dtype)

    def read(self, index: PlaneIndex, window: Window | None = None) -> NDArray[Any]:
        """Return the labels (h, w) of a plane, or of a window that lies on it."""
        where = self.geometry.label_slices(index, self._within(window))
        return self.geometry.oriented(np.asarray(self.array[where]))

    def write(self, index: PlaneIndex, window: Window, labels: ArrayLike) -> None:
        """Store labels (h, w) of a window of a plane; what lies beyond the plane is dropped.

        Raises
        ------
        UserError
            If a label does not fit the array's type.
        ValueError
            If the labels are not of the window's shape.
        """
        crop = np.asarray(labels)
        if crop.shape != window.shape:
            raise ValueError(f"Labels of shape {crop.shape} do not fill {window}.")
        self.check_ids([int(crop.max(initial=0))])
        with self._locked(index):
            for tile in tiles(window.clip(self.geometry.shape)):
                self._write_tile(index, tile, crop[tile.relative_to(window).slices])

    def refresh(self, index: PlaneIndex, window: Window, store: MaskStore) -> None:
        """Derive the labels of a window of a plane anew from the masks there.

        The window must cover what changed: of a replaced mask, the old crop and the new one.
        """
        with self._locked(index):
            records = store.at(index)
            self.check_ids(record.object_id for record in records)
            for tile in tiles(window.clip(self.geometry.shape)):
                self._write_tile(index, tile, compose_labels(records, tile))

    def _write_tile(self, index: PlaneIndex, tile: Window, labels: NDArray[Any]) -> None:
        array = self._filled if labels.any() else self.array
        where = self.geometry.label_slices(index, tile)
        array[where] = self.geometry.oriented(labels.astype(self.dtype))

    def _within(self, window: Window | None) -> Window:
        whole = Window.of(self.geometry.shape)
        if window is not None and not whole.contains(window):
            raise ValueError(f"{window} reaches beyond the plane {self.geometry.shape}.")
        return whole if window is None else window

    def _locked(self, index: PlaneIndex) -> RLock:
        with self._guard:
            return self._locks[index]


IN_MEMORY = 256 << 20
"""Bytes up to which an array lies in memory as it is."""


@dataclass(frozen=True)
class _Plane:
    """The part of a mask store that has a status within bounds."""

    store: MaskStore
    accepted: bool

    def at(self, index: PlaneIndex) -> tuple[MaskRecord, ...]:
        """Return the masks of a plane."""
        return tuple(
            record
            for record in self.store.at(index)
            if (record.status >= MaskStatus.ACCEPTED) is self.accepted
        )


class DraftAndResultLabels(LabelArray):
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
    def make(cls, geometry: LabelGeometry, folder: Path | None = None) -> DraftAndResultLabels:
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

    def refresh(self, index: PlaneIndex, window: Window, store: MaskStore) -> None:
        """Derive both from the masks."""
        super().refresh(index, window, _Plane(store, True))  # type: ignore[arg-type]
        self.drafts.refresh(index, window, _Plane(store, False))  # type: ignore[arg-type]


def _array(geometry: LabelGeometry) -> LabelArray:
    if int(np.prod(geometry.label_shape, dtype=np.int64)) * 2 > IN_MEMORY:
        return LabelArray.create(None, geometry)
    array: NDArray[np.uint16] = np.zeros(geometry.label_shape, np.uint16)
    return LabelArray(array, geometry)
