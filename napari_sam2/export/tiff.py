"""Writing of a label array as one TIFF file."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.images.calibration import Calibration

_TILE = 512
"""Side of a tile in pixels."""
_MAX_MEMORY = 2**27
"""Largest number of bytes of labels that are read at once."""
_MAX_CLASSIC = 2**32 - 2**25
"""Largest size in bytes of pixels that are written as classic TIFF instead of BigTIFF."""
_CENTIMETERS = {"nm": 1e-7, "µm": 1e-4, "mm": 0.1, "cm": 1.0, "m": 100.0}
"""Length of each unit, by symbol."""


def write_label_tiff(
    path: Path, labels: Any, axes: str, calibration: Calibration, note: str = ""
) -> None:
    """Write a label array as a TIFF file that :func:`tifffile.imread` returns unchanged.

    The file is OME-TIFF if the axes allow it, else tifffile's shaped TIFF, both with pixel sizes;
    it is BigTIFF if the pixels may not fit 4 GB. It appears when it is complete.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced.
    labels : zarr.Array or numpy.ndarray
        The labels; at most 128 MB of them are held in memory.
    axes : str
        Upper-case letter of each axis of the labels.
    calibration : Calibration
        Pixel sizes and units.
    note : str
        Text that is stored in the metadata of the file.
    """
    size = prod(labels.shape) * labels.dtype.itemsize
    options: dict[str, Any] = {}
    if resolution := _pixels_per_centimeter(calibration):
        options |= {"resolution": resolution, "resolutionunit": "CENTIMETER"}
    with atomic_write(path) as temporary:
        tifffile.imwrite(
            temporary,
            _tiles(labels),
            shape=labels.shape,
            dtype=labels.dtype,
            tile=(_TILE, _TILE),
            compression="zlib",
            photometric="minisblack",
            bigtiff=size > _MAX_CLASSIC,
            **_metadata(labels.shape, axes, calibration, note),
            **options,
        )


def _metadata(
    shape: tuple[int, ...], axes: str, calibration: Calibration, note: str
) -> dict[str, Any]:
    # tifffile drops axes of length 1 when it reads OME-TIFF.
    ome = axes in ("YX", "TYX", "ZYX", "TZYX") and 1 not in shape
    text = {"Description": note} if note and ome else {"note": note} if note else {}
    return {"ome": ome, "metadata": {"axes": axes, **_ome_sizes(axes, calibration), **text}}


def _ome_sizes(axes: str, calibration: Calibration) -> dict[str, Any]:
    """Return pixel sizes and frame interval as OME attributes, where the unit is known."""
    found: dict[str, Any] = {}
    names = {axis: f"PhysicalSize{axis}" for axis in "ZYX"} | {"T": "TimeIncrement"}
    for axis, name in names.items():
        step = calibration.step(axis)
        if axis in axes and step.symbol is not None:
            found[name], found[f"{name}Unit"] = step.size, step.symbol
    return found


def _pixels_per_centimeter(calibration: Calibration) -> tuple[float, float] | None:
    """Return the TIFF resolution along (x, y), or None if a size is unknown."""
    centimeters = [
        calibration.step(axis).size * _CENTIMETERS.get(calibration.step(axis).symbol or "", 0.0)
        for axis in "XY"
    ]
    if min(centimeters) <= 0:
        return None
    return 1 / centimeters[0], 1 / centimeters[1]


def _tiles(labels: Any) -> Iterator[NDArray[Any]]:
    """Yield all tiles in the order of the file; small pages are read together."""
    *leading, height, width = labels.shape
    page = height * width * labels.dtype.itemsize
    for lead in np.ndindex(*leading[:-1]):
        pages = leading[-1] if leading else 1
        step = max(1, _MAX_MEMORY // page)
        for first in range(0, pages, step):
            many = (slice(first, min(first + step, pages)),) if leading else ()
            yield from _page_tiles(labels, (*lead, *many), page <= _MAX_MEMORY)


def _page_tiles(labels: Any, where: tuple[Any, ...], whole: bool) -> Iterator[NDArray[Any]]:
    height, width = labels.shape[-2:]
    if whole:
        block = np.asarray(labels[where])
        for page in block.reshape(-1, height, width):
            for y in range(0, height, _TILE):
                yield from _row(page[y : y + _TILE])
        return
    for y in range(0, height, _TILE):
        band = np.asarray(labels[(*where, slice(y, y + _TILE))])
        yield from _row(band.reshape(-1, width))


def _row(band: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for x in range(0, band.shape[1], _TILE):
        yield np.ascontiguousarray(band[:, x : x + _TILE])
