"""The label array: what viewers and files show, derived from masks crop by crop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock, RLock
from typing import Any, Protocol

import numpy as np
import zarr
from numpy.typing import ArrayLike, DTypeLike, NDArray
from zarr.storage import LocalStore, MemoryStore

from napari_sam2.compose import compose
from napari_sam2.errors import UserError
from napari_sam2.geometry import Index, Window
from napari_sam2.masks import MaskStore

CHUNK = 2048
"""Chunks span at most this many pixels along the plane's axes, and 1 along the others."""


class LabelGeometry(Protocol):
    """How planes lie in the label array; a Stack is one."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane."""

    @property
    def label_axes(self) -> str:
        """One letter per axis of the label array."""

    @property
    def label_shape(self) -> tuple[int, ...]:
        """Shape of the label array."""

    @property
    def n_frames(self) -> int:
        """Number of planes along the propagated axis."""

    def index(self, frame: int) -> Index:
        """Return the full index of a frame."""

    def label_slices(self, index: Index, window: Window | None = None) -> tuple[int | slice, ...]:
        """Return where a window of a plane lies in the label array."""

    def oriented(self, crop: NDArray[Any]) -> NDArray[Any]:
        """Turn (row, column) to array order or back."""


def label_dtype(ids: Iterable[int], wanted: DTypeLike | None = None) -> np.dtype[Any]:
    """Return the type for labels with these ids: as asked, else uint16, else uint32.

    Raises
    ------
    UserError
        If an id does not fit, or the type asked for is not an unsigned integer.
    """
    largest = max(ids, default=0)
    if wanted is None:
        dtype = np.dtype(np.uint16 if largest <= _most(np.dtype(np.uint16)) else np.uint32)
    else:
        dtype = np.dtype(wanted)
    if dtype.kind != "u":
        raise UserError(f"Labels cannot be {dtype}: use uint8, uint16 or uint32.")
    if largest > _most(dtype):
        raise UserError(
            f"Object id {largest} does not fit labels of type {dtype} "
            f"(at most {_most(dtype)}): renumber the objects or choose a wider type."
        )
    return dtype


def _most(dtype: np.dtype[Any]) -> int:
    return int(2 ** (8 * dtype.itemsize) - 1)


def label_chunks(geometry: LabelGeometry) -> tuple[int, ...]:
    """Return the chunk shape: 1 along every axis but the plane's, at most :data:`CHUNK` there."""
    planes = geometry.label_slices(geometry.index(0))
    return tuple(
        min(CHUNK, length) if isinstance(where, slice) else 1
        for where, length in zip(planes, geometry.label_shape, strict=True)
    )


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
        self.geometry = geometry
        self._locks: defaultdict[Index, RLock] = defaultdict(RLock)
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

    def read(self, index: Index, window: Window | None = None) -> NDArray[Any]:
        """Return the labels (h, w) of a plane, or of a window that lies on it."""
        where = self.geometry.label_slices(index, self._within(window))
        return self.geometry.oriented(np.asarray(self.array[where]))

    def write(self, index: Index, window: Window, labels: ArrayLike) -> None:
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
        with self._locked(index):
            self._write(index, window, crop)

    def refresh(self, index: Index, window: Window, store: MaskStore) -> None:
        """Derive the labels of a window of a plane anew from the masks there."""
        with self._locked(index):
            records = store.at(index)
            for tile in self._tiles(window.clip(self.geometry.shape)):
                self._write(index, tile, compose(records, tile))

    def _write(self, index: Index, window: Window, labels: NDArray[Any]) -> None:
        inside = window.clip(self.geometry.shape)
        if inside.empty:
            return
        crop = labels[inside.relative_to(window).slices]
        label_dtype([int(crop.max())], self.dtype)
        where = self.geometry.label_slices(index, inside)
        self.array[where] = self.geometry.oriented(crop.astype(self.dtype))

    def _within(self, window: Window | None) -> Window:
        whole = Window.of(self.geometry.shape)
        if window is not None and not whole.contains(window):
            raise ValueError(f"{window} reaches beyond the plane {self.geometry.shape}.")
        return whole if window is None else window

    def _tiles(self, window: Window) -> Iterator[Window]:
        """Cut a window along the chunks, so that memory stays bounded on any plane."""
        for y in range(window.y0 // CHUNK * CHUNK, window.y1, CHUNK):
            for x in range(window.x0 // CHUNK * CHUNK, window.x1, CHUNK):
                tile = window.intersect(Window(y, x, y + CHUNK, x + CHUNK))
                if not tile.empty:
                    yield tile

    def _locked(self, index: Index) -> RLock:
        with self._guard:
            return self._locks[index]
