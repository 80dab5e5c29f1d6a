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
from napari_sam2.images.readers.transposed import transposed
from napari_sam2.masks.compositing import compose_labels
from napari_sam2.masks.label_layout import (
    LabelGeometry,
    label_dtype,
    stored_chunks,
    stored_shape,
    tiles,
)
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.masks.store import MaskRecord, MaskStore

if TYPE_CHECKING:
    from numpy.typing import NDArray


class LabelArray:
    """Labels of a whole stack in a zarr or numpy array, written by crop.

    Planes share no chunk, so different planes can be written at the same time; writes to the same
    plane wait for one another.

    Parameters
    ----------
    array : zarr.Array or numpy.ndarray
        The labels: object ids, 0 is background.
    geometry : LabelGeometry
        The stack.
    axes : str or None
        Axes of the array: the label axes of the stack, in any order; None is the order of
        ``geometry.label_axes``.

    Raises
    ------
    UserError
        If the array has another shape or is not of an unsigned integer type.
    """

    def __init__(
        self,
        array: zarr.Array[Any] | NDArray[Any],
        geometry: LabelGeometry,
        axes: str | None = None,
    ) -> None:
        self.axes = axes or geometry.label_axes
        expected = stored_shape(geometry, self.axes)
        if tuple(array.shape) != expected:
            raise UserError(f"The labels have shape {tuple(array.shape)} instead of {expected}.")
        self.dtype = label_dtype((), array.dtype)
        self.array: Any = array
        stored: Any = array
        filled: Any = array
        if isinstance(array, zarr.Array):
            # A chunk that gets labels is not empty: checking this takes zarr most of the time.
            filled = array.with_config({"write_empty_chunks": True})
        self._view: Any = transposed(stored, self.axes, geometry.label_axes)
        self._filled: Any = transposed(filled, self.axes, geometry.label_axes)
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
        axes: str | None = None,
    ) -> LabelArray:
        """Create a zarr array (format 3) of zeros; chunks without labels are not stored.

        Parameters
        ----------
        path : Path or None
            A folder that does not exist; None keeps compressed chunks in memory.
        geometry : LabelGeometry
            The stack.
        ids : iterable of int
            Object ids that the type must hold.
        dtype : dtype or None
            See :func:`label_dtype`.
        attributes : mapping or None
            JSON values that are stored with the array.
        axes : str or None
            Order of the stored axes, see :class:`LabelArray`.
        """
        axes = axes or geometry.label_axes
        array = zarr.create_array(
            store=MemoryStore() if path is None else LocalStore(path),
            shape=stored_shape(geometry, axes),
            chunks=stored_chunks(geometry, axes),
            dtype=label_dtype(ids, dtype),
            fill_value=0,
            compressors=ZstdCodec(level=1),
            zarr_format=3,
            dimension_names=tuple(axes.lower()),
            attributes=dict(attributes or {}),
            config={"write_empty_chunks": False},
        )
        return cls(array, geometry, axes)

    @classmethod
    def open(cls, path: Path, geometry: LabelGeometry) -> LabelArray:
        """Open an existing label array for reading and writing.

        Raises
        ------
        UserError
            If there is no Zarr array, or it has another shape.
        """
        try:
            array = zarr.open_array(LocalStore(path), mode="r+")
        except (FileNotFoundError, ValueError, KeyError) as error:
            raise UserError(f"There is no label array in {path}: {error}") from error
        names = getattr(array.metadata, "dimension_names", None) or ()
        axes = "".join(map(str, names)).upper()
        known = sorted(axes) == sorted(geometry.label_axes)
        stored = array.with_config({"write_empty_chunks": False})
        return cls(stored, geometry, axes if known else None)

    def check_ids(self, ids: Iterable[int]) -> None:
        """Raise UserError unless these object ids fit the array's type."""
        label_dtype(ids, self.dtype)

    def read(self, index: PlaneIndex, window: Window | None = None) -> NDArray[Any]:
        """Return the labels (h, w) of a plane, or of a window that lies on it."""
        return np.asarray(self._view[self.geometry.label_slices(index, self._within(window))])

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
            records = store.at(index, window)
            self.check_ids(record.object_id for record in records)
            for tile in tiles(window.clip(self.geometry.shape)):
                self._write_tile(index, tile, compose_labels(records, tile))

    def _write_tile(self, index: PlaneIndex, tile: Window, labels: NDArray[Any]) -> None:
        array = self._filled if labels.any() else self._view
        array[self.geometry.label_slices(index, tile)] = labels.astype(self.dtype)

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

    def at(self, index: PlaneIndex, window: Window | None = None) -> tuple[MaskRecord, ...]:
        """Return the masks of a plane; with a window, those that touch it."""
        return tuple(
            record
            for record in self.store.at(index, window)
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
        super().__init__(results.array, results.geometry, results.axes)
        self.drafts = drafts

    @classmethod
    def make(cls, geometry: LabelGeometry, folder: Path | None = None) -> DraftAndResultLabels:
        """Create empty labels with the axes in the order of the image layer.

        Parameters
        ----------
        geometry : LabelGeometry
            Shape and axes of the stack.
        folder : Path or None
            Folder of the results; None keeps them in memory, large ones compressed.
        """
        axes = geometry.native_label_axes
        if folder is None:
            return cls(_array(geometry), _array(geometry))
        return cls(LabelArray.create(folder, geometry, axes=axes), _array(geometry))

    def refresh(self, index: PlaneIndex, window: Window, store: MaskStore) -> None:
        """Write both arrays from the masks there."""
        super().refresh(index, window, _Plane(store, True))  # type: ignore[arg-type]
        self.drafts.refresh(index, window, _Plane(store, False))  # type: ignore[arg-type]


def _array(geometry: LabelGeometry) -> LabelArray:
    if int(np.prod(geometry.label_shape, dtype=np.int64)) * 2 > IN_MEMORY:
        return LabelArray.create(None, geometry, axes=geometry.native_label_axes)
    shape = stored_shape(geometry, geometry.native_label_axes)
    array: NDArray[np.uint16] = np.zeros(shape, np.uint16)
    return LabelArray(array, geometry, geometry.native_label_axes)
