"""Reading of label images, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.masks.label_layout import LabelGeometry, tiles

_WHOLE = 2**26
"""Planes of at most this many pixels are read as a whole."""


class LabelSource(Protocol):
    """An array of labels; indexing reads only the requested part."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def __getitem__(self, key: Any, /) -> Any: ...


ReadWindow = Callable[[Window], NDArray[Any]]


def open_label_image(path: Path) -> LabelSource:
    """Return a label image: any format of :func:`napari_sam2.images.readers.read_source`, or .npy.

    A palette image gives its palette indices, not its colors.

    Raises
    ------
    UserError
        If the file is missing, damaged, or has a data type that cannot hold labels.
    """
    if not path.exists():
        raise UserError(f"There is no label image {path}.")
    array = _open(path)
    if array.dtype.kind not in "buif":
        raise UserError(f"{path.name} holds {array.dtype}, not labels.")
    return array


def _open(path: Path) -> LabelSource:
    if path.suffix.lower() == ".npy":
        try:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        except (ValueError, EOFError, OSError) as error:
            raise UserError(f"{path.name} is no readable NumPy array: {error}.") from error
    if path.suffix.lower() == ".png":
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as picture:
                return np.asarray(picture)
        except (UnidentifiedImageError, OSError) as error:
            raise UserError(f"{path.name} is no readable picture: {error}.") from error
    from napari_sam2.images.readers import read_source

    return read_source(path).levels[0]


def plane_reader(labels: LabelSource, geometry: LabelGeometry, frame: int) -> ReadWindow:
    """Return a function that reads windows of a frame.

    The labels have the geometry's ``label_shape`` or (frames, height, width).

    Raises
    ------
    UserError
        If they have neither shape.
    """
    shape = tuple(labels.shape)
    index = geometry.index(frame)
    if shape == tuple(geometry.label_shape):
        return lambda window: geometry.oriented(
            np.asarray(labels[geometry.label_slices(index, window)])
        )
    if shape == (geometry.n_frames, *geometry.shape):
        return lambda window: np.asarray(labels[(frame, *window.slices)])
    raise UserError(
        f"The label image has shape {shape}; give a plane {geometry.shape}, a stack "
        f"{(geometry.n_frames, *geometry.shape)}, or the whole {tuple(geometry.label_shape)}."
    )


def label_crops(
    read: ReadWindow, shape: tuple[int, int]
) -> Iterator[tuple[int, Window, NDArray[np.bool_]]]:
    """Yield every label of a plane.

    Parameters
    ----------
    read : callable
        Returns the labels (h, w) of a window.
    shape : tuple of int
        Height and width of the plane.

    Yields
    ------
    label : int
        By increasing value, without 0, the background.
    window : Window
        Bounds of all its pixels.
    mask : NDArray[np.bool_]
        (h, w) of the window, true inside.

    Raises
    ------
    UserError
        If a value is negative or not an integer.
    """
    whole = Window.of(shape)
    if shape[0] * shape[1] <= _WHOLE:
        plane = read(whole)
        read = lambda window: plane[window.slices]  # noqa: E731
    bounds: dict[int, Window] = {}
    for tile in tiles(whole):
        for label, window in _bounds(read(tile)):
            placed = window.shift(*tile.offset)
            bounds[label] = bounds[label].union(placed) if label in bounds else placed
    for label, window in sorted(bounds.items()):
        yield label, window, read(window) == label


def _bounds(tile: NDArray[Any]) -> Iterator[tuple[int, Window]]:
    if not tile.any():
        return
    values, numbers = np.unique(tile, return_inverse=True)
    _check_labels(values)
    for value, where in zip(
        values, ndimage.find_objects(numbers.reshape(tile.shape) + 1), strict=True
    ):
        if value != 0:
            rows, columns = where
            yield int(value), Window(rows.start, columns.start, rows.stop, columns.stop)


def _check_labels(values: NDArray[Any]) -> None:
    if values.dtype.kind == "f" and not np.all(values == np.floor(values)):
        raise UserError("The label image holds fractions: labels are whole numbers.")
    if values[0] < 0:
        raise UserError(f"The label image holds {values[0]}: labels are 0 (background) and above.")
