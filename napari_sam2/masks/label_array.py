"""The label array shown in viewers and saved to files, derived from the stored masks."""

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
    """Labels of a whole stack in a Zarr or NumPy array; thread-safe.

    Writes to one plane are serialized. Planes share no chunk, so different planes can be written
    at the same time.

    Parameters
    ----------
    array : zarr.Array or numpy.ndarray
        Of the geometry's ``label_shape``; values are object ids, 0 is background.
    geometry : LabelGeometry
        Shape and axes of the stack.

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
            # A chunk with labels is not empty; without this, zarr would compare every chunk with
            # the fill value, which takes longer than writing it.
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
        """Return empty labels in a new Zarr array (format 3) that stores no empty chunks.

        Parameters
        ----------
        path : Path or None
            A folder that does not exist; None keeps compressed chunks in memory.
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
        """Return the labels of an existing array, for further writing.

        Raises
        ------
        UserError
            If there is no Zarr array, or it has another shape.
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
        """Return the labels (h, w) of a plane, or of a window inside it."""
        where = self.geometry.label_slices(index, self._within(window))
        return self.geometry.oriented(np.asarray(self.array[where]))

    def write(self, index: PlaneIndex, window: Window, labels: ArrayLike) -> None:
        """Write the labels (h, w) of a window of a plane; the part beyond the plane is ignored.

        Raises
        ------
        UserError
            If a label does not fit the array's type.
        ValueError
            If the labels do not have the window's shape.
        """
        crop = np.asarray(labels)
        if crop.shape != window.shape:
            raise ValueError(f"Labels of shape {crop.shape} do not fill {window}.")
        self.check_ids([int(crop.max(initial=0))])
        with self._locked(index):
            for tile in tiles(window.clip(self.geometry.shape)):
                self._write_tile(index, tile, crop[tile.relative_to(window).slices])

    def refresh(self, index: PlaneIndex, window: Window, store: MaskStore) -> None:
        """Write the labels of a window of a plane from the masks there.

        The window must contain all changes: of a replaced mask, the old crop and the new one.
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
"""Largest size in bytes of an uncompressed array in memory."""


@dataclass(frozen=True)
class _Plane:
    """The accepted masks of a store, or all others."""

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
    """Labels of accepted masks, with a second array for all other masks.

    Parameters
    ----------
    results, drafts : LabelArray
        Arrays of the same geometry, for accepted and for all other masks.
    """

    def __init__(self, results: LabelArray, drafts: LabelArray) -> None:
        super().__init__(results.array, results.geometry)
        self.drafts = drafts

    @classmethod
    def make(cls, geometry: LabelGeometry, folder: Path | None = None) -> DraftAndResultLabels:
        """Return empty labels: in memory, compressed in memory if large, or in a folder.

        Parameters
        ----------
        geometry : LabelGeometry
            Shape and axes of the stack.
        folder : Path or None
            Folder of the array of accepted masks; None for memory.
        """
        results = _array(geometry) if folder is None else LabelArray.create(folder, geometry)
        return cls(results, _array(geometry))

    def refresh(self, index: PlaneIndex, window: Window, store: MaskStore) -> None:
        """Write both arrays from the masks there."""
        super().refresh(index, window, _Plane(store, True))  # type: ignore[arg-type]
        self.drafts.refresh(index, window, _Plane(store, False))  # type: ignore[arg-type]


def _array(geometry: LabelGeometry) -> LabelArray:
    if int(np.prod(geometry.label_shape, dtype=np.int64)) * 2 > IN_MEMORY:
        return LabelArray.create(None, geometry)
    array: NDArray[np.uint16] = np.zeros(geometry.label_shape, np.uint16)
    return LabelArray(array, geometry)
