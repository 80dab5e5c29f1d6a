"""Label images as input: planes of object ids, read by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.axes import axes_from_names, parse_axes
from napari_sam2.images.calibration import SPATIAL
from napari_sam2.images.readers.base import PlaneGrid
from napari_sam2.masks.label_layout import DROPPED, LabelGeometry, match_label_axes, tiles
from napari_sam2.masks.label_values import check_label_values, restore_labels, whole_labels

_IDENTITY = np.eye(4)[:, [2, 1, 0, 3]]
"""The affine of a file that was saved without one."""
_SAME_DIRECTION = 0.999
"""Cosine of the angle from which the axes of labels and image have one direction."""
_SAME_SIZE = 0.01
"""Relative difference up to which voxel sizes are the same."""
_WHOLE = 2**26
"""Planes of at most this many pixels are read as a whole."""


class LabelSource(Protocol):
    """An array of labels whose values are read when they are indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def __getitem__(self, key: Any, /) -> Any: ...


ReadWindow = Callable[[Window], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class LabelImage:
    """Labels with the names of their axes.

    Parameters
    ----------
    array : LabelSource
        The labels.
    axes : str or None
        One upper-case letter per axis, ``"?"`` for unknown ones; None if none is known.
    notes : tuple of str
        Messages for the user about how the values were read.
    affine : NDArray[np.float64] or None
        Position and orientation that the file states, see
        :class:`napari_sam2.images.calibration.Calibration`.
    """

    array: LabelSource
    axes: str | None = None
    notes: tuple[str, ...] = ()
    affine: NDArray[np.float64] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of all axes."""
        return tuple(int(n) for n in self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.array.dtype

    def __getitem__(self, key: Any, /) -> Any:
        return self.array[key]


def open_label_image(path: Path, axes: str | None = None) -> LabelImage:
    """Open a label image of any format that is read as images; palette images give their indices.

    Parameters
    ----------
    path : Path
        The file, or a folder with one image per frame; of an OME-Zarr image with one label image,
        this is read.
    axes : str or None
        One letter per axis, e.g. ``"ZYX"``; None takes the axes that the file states.

    Raises
    ------
    UserError
        If the file is missing or damaged, or holds no numbers, or if the axes do not fit it.
    """
    if not path.exists():
        raise UserError(f"There is no label image {path}. Check the path.")
    labels = _restored(_open(path), path)
    _check_channels(labels, path)
    if labels.dtype.kind not in "buif":
        raise UserError(f"{path.name} holds {labels.dtype}, not labels.")
    return labels if axes is None else replace(labels, axes=parse_axes(axes, labels.shape))


def _restored(labels: LabelImage, path: Path) -> LabelImage:
    array, axes, notes = restore_labels(labels.array, labels.axes, path)
    return LabelImage(array, axes, labels.notes + notes, labels.affine)


def _check_channels(labels: LabelImage, path: Path) -> None:
    axis = (labels.axes or "").find("C")
    count = labels.shape[axis] if axis >= 0 else 1
    if count > 1:
        raise UserError(
            f"{path.name} has {count} channels, but labels have one. Save the channel with the "
            "labels to a file of its own."
        )


def _open(path: Path) -> LabelImage:
    if path.suffix.lower() == ".png":
        from PIL import Image, UnidentifiedImageError

        from napari_sam2.images.readers.raster.pillow_files import stated_orientation

        try:
            with Image.open(path) as picture:
                values = stated_orientation(picture).apply(np.asarray(picture))
                return LabelImage(values, "YXS" if values.ndim > 2 else None)
        except (UnidentifiedImageError, OSError) as error:
            raise UserError(f"{path.name} is not a readable image: {error}.") from error
    from napari_sam2.images.readers import read_source
    from napari_sam2.images.readers.zarr import is_zarr_folder
    from napari_sam2.images.readers.zarr.labels import label_location

    if path.is_dir() and (frames := _palette_frames(path)) is not None:
        return LabelImage(frames, "?YX")
    place = Path(label_location(path))
    source = read_source(place)
    # Chunks without labels are usually not stored, so no note is needed that they are missing.
    notes = source.notes if source.scenes or not is_zarr_folder(place) else ()
    return LabelImage(source.levels[0], source.axes, notes, source.calibration.affine)


def _palette_frames(folder: Path) -> PlaneGrid | None:
    """Return the indices in the palette images of a folder, one per frame; None if it has none."""
    from PIL import Image

    from napari_sam2.images.readers.raster import is_image, natural_order

    files = natural_order(file for file in folder.iterdir() if is_image(file) and file.is_file())
    modes, shapes = set(), set()
    for file in files if all(file.suffix.lower() == ".png" for file in files) else ():
        with Image.open(file) as picture:
            modes.add(picture.mode)
            shapes.add((picture.height, picture.width))
    if "P" not in modes or not modes <= {"P", "L"} or len(shapes) > 1:
        return None

    def load(position: tuple[int, ...]) -> NDArray[Any]:
        with Image.open(files[position[0]]) as picture:
            return np.asarray(picture)

    return PlaneGrid((len(files),), shapes.pop(), np.dtype(np.uint8), load)


def place_notes(
    labels: LabelSource,
    geometry: LabelGeometry,
    names: tuple[str, str] = ("label image", "image"),
) -> tuple[str, ...]:
    """Return a note if labels state another position or other voxel sizes than the stack.

    An affine that is the identity counts as none.

    Parameters
    ----------
    labels : LabelSource
        The labels, matched to the stack by voxel.
    geometry : LabelGeometry
        The stack.
    names : (str, str)
        What messages call the labels and the stack.

    Raises
    ------
    UserError
        If their axes run in other directions, so that labels of a voxel lie elsewhere.
    """
    ours, theirs = geometry.affine, getattr(labels, "affine", None)
    if ours is None or theirs is None or np.array_equal(theirs, _IDENTITY):
        return ()
    columns = [SPATIAL.index(axis) for axis in SPATIAL if axis in geometry.label_axes]
    mine, other = ours[:3, columns], theirs[:3, columns]
    lengths = np.linalg.norm(mine, axis=0), np.linalg.norm(other, axis=0)
    along = np.sum(mine * other, axis=0) / (lengths[0] * lengths[1])
    if np.any(along < _SAME_DIRECTION):
        turned = ", ".join(
            SPATIAL[columns[i]].lower() for i in np.flatnonzero(along < _SAME_DIRECTION)
        )
        raise UserError(
            f"The {names[0]} has other directions than the {names[1]} along {turned}: its voxels "
            f"lie elsewhere. Save the labels on the grid of the {names[1]}, with its affine."
        )
    shift = np.abs(theirs[:3, 3] - ours[:3, 3]).max()
    if np.allclose(*lengths, rtol=_SAME_SIZE) and shift <= lengths[0].min() / 2:
        return ()
    return (
        f"The {names[0]} states another position or other voxel sizes than the {names[1]}: the "
        "labels are matched voxel by voxel.",
    )


def label_axes_of(labels: LabelSource) -> str | None:
    """Return the letters that labels state for their axes; None if they state none."""
    if isinstance(labels, LabelImage):
        return labels.axes
    dims = getattr(labels, "dims", None)
    named = isinstance(dims, tuple) and len(dims) == len(labels.shape)
    return axes_from_names(dims) if named and dims is not None else None


def is_one_plane(labels: LabelSource, geometry: LabelGeometry) -> bool:
    """Return whether labels are those of one plane of a stack of several frames.

    Raises
    ------
    UserError
        If the labels do not fit the stack, see :func:`match_label_axes`.
    """
    axes = match_label_axes(tuple(labels.shape), label_axes_of(labels), geometry)
    return geometry.n_frames > 1 and geometry.along.upper() not in axes


def check_all_frames(labels: LabelSource, geometry: LabelGeometry) -> None:
    """Raise UserError if labels do not fit, or are one plane of a stack of several frames."""
    if is_one_plane(labels, geometry):
        raise UserError(
            f"The labels are one plane, but the stack has {geometry.n_frames} frames along "
            f"{geometry.along}. Give labels of all frames."
        )


def plane_reader(labels: LabelSource, geometry: LabelGeometry, frame: int) -> ReadWindow:
    """Return a function that reads windows of a frame from labels, as integers.

    The function raises an error for values that are no labels, see :func:`whole_labels`.

    Parameters
    ----------
    labels : LabelSource
        Labels for the stack; their axes are matched by :func:`match_label_axes`.
    geometry : LabelGeometry
        The stack.
    frame : int
        The frame; ignored if the labels are one plane.

    Raises
    ------
    UserError
        If the labels do not fit the stack.
    IndexError
        If there is no such frame.
    """
    axes = match_label_axes(tuple(labels.shape), label_axes_of(labels), geometry)
    others = [a for a in geometry.label_axes if a.lower() not in geometry.plane]
    index = dict(zip(others, geometry.index(frame), strict=True))
    row, column = (axis.upper() for axis in geometry.plane)

    def read(window: Window) -> NDArray[Any]:
        places = {row: window.slices[0], column: window.slices[1], DROPPED: 0, **index}
        crop = whole_labels(np.asarray(labels[tuple(places[axis] for axis in axes)]))
        return crop if axes.index(row) < axes.index(column) else crop.T

    return read


def label_crops(
    read: ReadWindow, shape: tuple[int, int]
) -> Iterator[tuple[int, Window, NDArray[np.bool_]]]:
    """Yield the labels of a plane in ascending order, without the background 0.

    Parameters
    ----------
    read : callable
        Returns the labels of a window.
    shape : tuple of int
        Height and width of the plane.

    Yields
    ------
    label : int
        The value.
    window : Window
        Bounding box of all its pixels.
    mask : NDArray[np.bool_]
        (h, w) of the window, true inside.

    Raises
    ------
    UserError
        If a value is negative or not a whole number.
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
    check_label_values(values)
    for value, where in zip(
        values, ndimage.find_objects(numbers.reshape(tile.shape) + 1), strict=True
    ):
        if value != 0:
            rows, columns = where
            yield int(value), Window(rows.start, columns.start, rows.stop, columns.stop)
