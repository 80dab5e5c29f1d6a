"""Labels whose frames lie along y or x, as planes of y and x."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.analysis.measurements.label_planes import LabelPlanes
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.masks.label_layout import label_dtype

if TYPE_CHECKING:
    from napari_sam2.core.geometry import PlaneIndex
    from napari_sam2.images.stack import Stack


def with_measured_planes(stack: Stack) -> Stack:
    """Return a stack with frames along t, else z, whose planes are those of y and x.

    All positions of the other axes are measured, so there is no note about those fixed at 0.
    """
    if stack.plane == ("y", "x"):
        return stack
    along = "t" if "T" in stack.label_axes else "z"
    others = (axis for axis in "tz" if axis != along and axis.upper() in stack.label_axes)
    return stack.with_along(along, dict.fromkeys(others, 0))


@contextmanager
def turned_planes(
    stack: Stack,
    read: Callable[[PlaneIndex], NDArray[Any]],
    planes: Iterable[PlaneIndex],
    objects: Iterable[int],
) -> Iterator[LabelPlanes]:
    """Write labels along y or x to a temporary file, and yield them as planes of y and x.

    Only pixels of objects are written, so on most file systems the file takes the space of these.

    Parameters
    ----------
    stack : Stack
        The image of the labels, with frames along y or x.
    read : callable
        Returns the labels (H, W) of one of its planes, given by the full index.
    planes : iterable of PlaneIndex
        The planes that have labels.
    objects : iterable of int
        The labels.

    Raises
    ------
    UserError
        If the folder for temporary files has too little space.
    """
    turned = with_measured_planes(stack)
    dtype = label_dtype(tuple(objects))
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _check_space(Path(folder), prod(stack.label_shape) * dtype.itemsize, stack)
        path = Path(folder) / "labels"
        labels = np.memmap(path, dtype, mode="w+", shape=stack.label_shape)
        for index in planes:
            plane = read(index)
            where = plane > 0
            labels[stack.layout.label_slices(index, Window.of(stack.shape))][where] = plane[where]
        whole = Window.of(turned.shape)
        yield LabelPlanes(
            turned, lambda index: np.asarray(labels[turned.layout.label_slices(index, whole)])
        )


def _check_space(folder: Path, nbytes: int, stack: Stack) -> None:
    """Raise UserError if labels do not fit; writing to a full disk would end the process."""
    free = shutil.disk_usage(folder).free
    if free < nbytes:
        raise UserError(
            f"The masks of {stack.name} lie along {stack.along}. To measure them takes "
            f"{nbytes / 2**30:.1f} GiB in {folder.parent}, which has {free / 2**30:.1f} GiB. Make "
            "room, set TMPDIR to another folder, or save the labels to a file and measure the file."
        )
