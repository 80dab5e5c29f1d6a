"""Values of label images: gray samples of colors, thresholds for lossy masks, checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.base import LazyArray

OBJECT = 255
"""Value of the object in a mask of two gray levels."""
_LOSSY = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".webp",
        ".avif",
        ".mp4",
        ".m4v",
        ".mov",
        ".avi",
        ".mkv",
        ".webm",
    )
)
_LOSSY_TIFF = frozenset((6, 7, 33003, 33004, 33005, 34712, 34892, 34933, 34934, 50001))
"""TIFF compressions of JPEG, JPEG 2000, JPEG XR and WebP."""
_COLOR_TOLERANCE = 8
"""Difference between the samples of a gray pixel that lossy compression of colors causes."""
_THRESHOLD = 128
_BETWEEN = (64, 192)
"""Values from 64 to 191 are near neither 0 nor 255."""
_MAX_BETWEEN = 0.5
"""Largest share of such values, relative to the object's pixels: those along its edge."""
_REACH = 16
"""Distance in pixels from the object at which compression in blocks changes no value."""
_LARGEST_PLANE = 2**26
"""Number of pixels of the largest plane that is read to find smooth edges."""
_MANY_VALUES = 10
"""Number of different values of an edge that is smooth or was compressed."""
_FEW_PIXELS = 4
"""Largest mean size of the connected parts of a value that is no object."""


class GraySamples:
    """Gray values of an array whose samples are red, green and blue, lazily.

    Transparent pixels are background, 0.

    Parameters
    ----------
    array : LazyArray
        The colors, with 2 samples (gray, alpha), 3 (RGB) or 4 (RGBA).
    axis : int
        The axis of samples.
    name : str
        The file, for messages.
    tolerance : int
        Largest difference between the samples of a gray pixel.

    Raises
    ------
    UserError
        On reading, if a pixel has a color.
    """

    chunks = None

    def __init__(self, array: LazyArray, axis: int, name: str, tolerance: int = 0) -> None:
        self._array, self._axis, self._name, self._tolerance = array, axis, name, tolerance
        self.shape = tuple(n for i, n in enumerate(array.shape) if i != axis)
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        key = key if isinstance(key, tuple) else (key,)
        full = key + (slice(None),) * (len(self.shape) - len(key))
        axis = sum(isinstance(part, slice) for part in full[: self._axis])
        key = (*full[: self._axis], slice(None), *full[self._axis :])
        samples = np.moveaxis(np.asarray(self._array[key]), axis, 0)
        colors, alpha = samples, None
        if len(samples) in (2, 4):
            colors, alpha = samples[:-1], samples[-1]
        spread = colors.max(axis=0).astype(np.float64) - colors.min(axis=0)
        if np.any(spread > self._tolerance):
            raise UserError(
                f"{self._name} has colors: labels are numbers, one per object. Give each object "
                "its own gray value, or save the colors as a palette."
            )
        return np.asarray(colors[0] if alpha is None else np.where(alpha == 0, 0, colors[0]))


class ThresholdedMask:
    """A mask of two gray levels that was compressed with loss, lazily restored to 0 and 255.

    Parameters
    ----------
    array : LazyArray
        8-bit gray values.
    name : str
        The file, for messages.

    Raises
    ------
    UserError
        On reading, if the values are not near 0 and 255.
    """

    chunks = None

    def __init__(self, array: LazyArray | GraySamples, name: str) -> None:
        self._array, self._name = array, name
        self.shape = tuple(array.shape)
        self.dtype = np.dtype(np.uint8)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        values = np.asarray(self._array[key])
        if not has_two_levels(values):
            raise UserError(
                f"{self._name} is compressed with loss, and its values are not only near 0 and "
                "255, so they do not name objects. Save labels without loss, as PNG or TIFF."
            )
        return np.where(values >= _THRESHOLD, OBJECT, 0).astype(np.uint8)


def restore_labels(
    array: Any, axes: str | None, path: Path
) -> tuple[Any, str | None, tuple[str, ...]]:
    """Return labels as stored in a file in single numbers, their axes, and messages.

    Gray colors become their gray values. 8-bit masks of two gray levels are thresholded if they
    are compressed with loss, or have the smooth edges that this leaves.

    Parameters
    ----------
    array : LazyArray or NDArray
        The values of the file.
    axes : str or None
        Upper-case letter of each axis, ``"S"`` for samples; None if unknown.
    path : Path
        The file or folder.
    """
    lossy = is_lossy(path)
    labels: LazyArray | GraySamples = array
    if axes is not None and "S" in axes:
        tolerance = _COLOR_TOLERANCE if lossy else 0
        labels = GraySamples(array, axes.index("S"), path.name, tolerance)
        axes = axes.replace("S", "")
    if labels.dtype != np.uint8:
        return labels, axes, ()
    if not (lossy or any(map(_has_smooth_edges, _sample_planes(labels)))):
        scattered = any(map(_is_scattered, _sample_planes(labels)))
        return labels, axes, (_scattered_note(path.name),) if scattered else ()
    note = (
        f"{path.name} is a mask of two gray levels with values between them: those of "
        f"{_THRESHOLD} and above are object {OBJECT}, the others background."
    )
    return ThresholdedMask(labels, path.name), axes, (note,)


def is_lossy(path: Path) -> bool:
    """Return whether a file, or the first image of a folder, is compressed with loss."""
    if path.is_dir():
        inside = sorted(file.suffix.lower() for file in path.iterdir() if file.is_file())
        return any(suffix in _LOSSY for suffix in inside)
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            return int(tiff.pages.first.compression) in _LOSSY_TIFF
    return path.suffix.lower() in _LOSSY


def has_two_levels(values: NDArray[Any]) -> bool:
    """Return whether 8-bit values are those of a mask: near 255 inside, near 0 elsewhere.

    Values between lie along the edges of the object, and pixels away from it are exactly 0.

    Parameters
    ----------
    values : NDArray
        One plane, (h, w), or several, (..., h, w).
    """
    inside = values >= _THRESHOLD
    between = (values >= _BETWEEN[0]) & (values < _BETWEEN[1])
    if between.sum() > _MAX_BETWEEN * inside.sum():
        return False
    size = [1] * (values.ndim - 2) + [2 * _REACH + 1] * min(values.ndim, 2)
    near = ndimage.maximum_filter(inside, size=size) if inside.any() else inside
    return not np.any(values[~near])


def _sample_planes(labels: LazyArray | GraySamples) -> Iterator[NDArray[Any]]:
    """Yield the first, the middle and the last plane; nothing where planes are very large."""
    if len(labels.shape) < 2 or labels.shape[-2] * labels.shape[-1] > _LARGEST_PLANE:
        return
    others = labels.shape[:-2]
    count = int(np.prod(others))
    for number in sorted({0, count // 2, count - 1} if count else ()):
        index = (int(i) for i in np.unravel_index(number, others))
        yield np.asarray(labels[(*index, slice(None), slice(None))])


def _has_smooth_edges(plane: NDArray[Any]) -> bool:
    """Return whether a plane has two levels and many values between."""
    values, counts = np.unique(plane[plane > 0], return_counts=True)
    return bool(
        len(values) >= _MANY_VALUES
        and counts[values >= _BETWEEN[1]].sum() >= counts.sum() / 3
        and values[np.argmax(counts)] >= _BETWEEN[1]
        and has_two_levels(plane)
    )


def _is_scattered(plane: NDArray[Any]) -> bool:
    """Return whether most of many values are single pixels, or a few that touch."""
    crops = (
        plane[box] == number
        for number, box in enumerate(ndimage.find_objects(plane), start=1)
        if box is not None
    )
    parts = [crop.sum() / ndimage.label(crop, np.ones((3, 3)))[1] for crop in crops]
    return len(parts) >= _MANY_VALUES and float(np.median(parts)) <= _FEW_PIXELS


def _scattered_note(name: str) -> str:
    return (
        f"Most labels in {name} are single pixels, as in a mask with smooth edges or an image of "
        "gray values: each value is an object. Threshold such a mask first."
    )


def check_label_values(values: NDArray[Any]) -> None:
    """Raise an error for values that are no labels.

    Parameters
    ----------
    values : NDArray
        Different values of a label image, ascending.

    Raises
    ------
    UserError
        If a value is NaN, infinite, negative or not a whole number.
    """
    if values.dtype.kind == "f":
        if np.any(np.isnan(values)):
            raise UserError(
                "The label image holds NaN: labels are whole numbers. Set NaN to 0, the background."
            )
        if np.any(np.isinf(values)):
            raise UserError("The label image holds infinity: labels are whole numbers.")
        fractions = values[values != np.round(values)]
        if fractions.size:
            raise UserError(
                f"The label image holds fractions such as {fractions[0]:g}: labels are whole "
                "numbers. Threshold probabilities, and resize labels without interpolation."
            )
    if values[0] < 0:
        raise UserError(f"The label image holds {values[0]}: labels are 0 (background) and above.")


def whole_labels(values: NDArray[Any]) -> NDArray[Any]:
    """Return labels as integers.

    Parameters
    ----------
    values : NDArray
        Labels of any shape; integers, booleans, or whole numbers in a floating-point format.

    Returns
    -------
    NDArray
        The same values; floating-point numbers as int64.

    Raises
    ------
    UserError
        If a value is NaN, infinite, negative or not a whole number.
    """
    if values.dtype.kind in ("b", "u") or not values.size:
        return values
    whole = values.dtype.kind == "i" or bool(np.all(values == np.rint(values)))
    if not whole or values.min() < 0 or not np.isfinite(values.max()):
        check_label_values(np.unique(values))
    return values.astype(np.int64) if values.dtype.kind == "f" else values
