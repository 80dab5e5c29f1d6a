"""Writing of labels as a folder of PNG files, one per plane."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_sam2.core.errors import UserError
from napari_sam2.export.planes import label_planes
from napari_sam2.images.length_units import size_in

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack

_LARGEST_ID = 2**16 - 1


def check_png_ids(ids: Iterable[int]) -> None:
    """Raise an error if an object id does not fit a PNG of 16 bits.

    Raises
    ------
    UserError
        If an id is above 65535.
    """
    if (largest := max(ids, default=0)) > _LARGEST_ID:
        raise UserError(
            f"PNG files hold object ids up to {_LARGEST_ID}, but there is object {largest}: "
            "renumber the objects or write .tif or .zarr."
        )


def write_label_pngs(folder: Path, stack: Stack, labels: Any, ids: Iterable[int]) -> None:
    """Write a gray PNG of each plane, of 8 bits if all ids are at most 255, else of 16.

    The resolution along y and x is stored if its unit is known. The folder appears when it is
    complete.

    Parameters
    ----------
    folder : Path
        The folder; an existing one is replaced.
    stack : Stack
        The image.
    labels : zarr.Array or numpy.ndarray
        The labels with axes in the order T, Z, Y, X.
    ids : iterable of int
        Object ids that may occur.

    Raises
    ------
    UserError
        If an id is above 65535.
    """
    ids = tuple(ids)
    check_png_ids(ids)
    dtype = np.uint8 if max(ids, default=0) < 2**8 else np.uint16
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    temporary.mkdir(parents=True)
    try:
        for plane in label_planes(stack, labels):
            image = Image.fromarray(plane.pixels.astype(dtype))
            image.save(temporary / f"{plane.name}.png", **_resolution(stack))
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _resolution(stack: Stack) -> dict[str, Any]:
    x, y = (size_in(stack.calibration.step(axis), "meter") for axis in "XY")
    if not x or not y or min(x, y) <= 0:
        return {}
    inch = 0.0254
    return {"dpi": (inch / x, inch / y)}
