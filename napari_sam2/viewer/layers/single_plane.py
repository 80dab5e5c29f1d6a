"""Data of one plane in a layer beside the image: its axes, and its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_sam2.images.coordinates import FixedPosition, LayerCoordinates


def on_axes(plane: NDArray[Any], grid: LayerCoordinates) -> NDArray[Any]:
    """Return a part (h, w) of a plane with all axes of a layer; those not in it have length 1."""
    row, column = (grid.axes.index(axis) for axis in grid.plane)
    ordered = plane if row < column else plane.T
    others = tuple(i for i in range(len(grid.axes)) if i not in (row, column))
    return np.expand_dims(ordered, others)


def plane_translate(
    image: Image,
    grid: LayerCoordinates,
    fixed: FixedPosition,
    frame: int,
    offset: tuple[int, int] = (0, 0),
) -> NDArray[np.float64]:
    """Return the translation of a layer that shows a part of one plane.

    Its other transforms are those of the image.

    Parameters
    ----------
    image : Image
        The image.
    grid : LayerCoordinates
        Its axes.
    fixed, frame : FixedPosition and int
        The plane.
    offset : tuple of int
        Row and column of the first pixel of the part.
    """
    corner = image.data_to_world(grid.point(fixed, frame, offset))
    return np.asarray(image.affine.inverse(corner), np.float64)
