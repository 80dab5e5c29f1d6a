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
from napari_sam2.export.units import size_in
from napari_sam2.images.calibration import Calibration

_LARGEST = 2**31
"""Largest number of pixels per centimeter, and of centimeters per pixel, that TIFF can store."""
_OME_ONLY = frozenset(("TimeIncrement", "PhysicalSizeZ"))
"""Sizes for which TIFF has no tags."""
_TILE = 512
"""Side of a tile in pixels."""
_MAX_MEMORY = 2**27
"""Largest number of bytes of labels that are read at once; larger planes are stored in tiles."""
_MAX_CLASSIC = 2**32 - 2**25
"""Largest size in bytes of pixels that are written as classic TIFF instead of BigTIFF."""


def write_label_tiff(
    path: Path, labels: Any, axes: str, calibration: Calibration, note: str = ""
) -> None:
    """Write a label array as a TIFF file.

    The file is OME-TIFF with pixel sizes, frame interval and positions of the planes, of which
    :func:`tifffile.imread` drops axes of length 1. Arrays with such axes are tifffile's shaped
    TIFF, which keeps them, if nothing but pixel sizes along y and x is known. Planes are stored in
    strips, which plain ImageJ opens, and in tiles if they exceed 128 MB. The file is BigTIFF if the
    pixels may not fit 4 GB. It appears when it is complete.

    Parameters
    ----------
    path : Path
        The file; an existing one is replaced.
    labels : zarr.Array or numpy.ndarray
        The labels; at most 128 MB of them are held in memory.
    axes : str
        Upper-case letter of each axis of the labels, in the order of ``"TZYX"``.
    calibration : Calibration
        Pixel sizes, units and origin.
    note : str
        Text that is stored in the metadata of the file.
    """
    size = prod(labels.shape) * labels.dtype.itemsize
    page = prod(labels.shape[-2:]) * labels.dtype.itemsize
    options: dict[str, Any] = {}
    if resolution := _pixels_per_centimeter(calibration):
        options |= {"resolution": resolution, "resolutionunit": "CENTIMETER"}
    if page > _MAX_MEMORY:
        options |= {"tile": (_TILE, _TILE)}
    with atomic_write(path) as temporary:
        tifffile.imwrite(
            temporary,
            _tiles(labels) if page > _MAX_MEMORY else _pages(labels, page),
            shape=labels.shape,
            dtype=labels.dtype,
            compression="zlib",
            photometric="minisblack",
            bigtiff=size > _MAX_CLASSIC,
            **_metadata(labels.shape, axes, calibration, note),
            **options,
        )


def _metadata(
    shape: tuple[int, ...], axes: str, calibration: Calibration, note: str
) -> dict[str, Any]:
    sizes = _ome_sizes(axes, calibration)
    planes = _ome_planes(shape, axes, calibration)
    ome = 1 not in shape or bool(planes) or not _OME_ONLY.isdisjoint(sizes)
    text = {"Description": note} if note and ome else {"note": note} if note else {}
    return {"ome": ome, "metadata": {"axes": axes, **sizes, **planes, **text}}


def _ome_sizes(axes: str, calibration: Calibration) -> dict[str, Any]:
    """Return pixel sizes and frame interval as OME attributes.

    Spatial sizes without a known unit are written in the OME unit ``pixel``, so that their ratio
    is kept.
    """
    found: dict[str, Any] = {}
    names = {axis: f"PhysicalSize{axis}" for axis in "ZYX"} | {"T": "TimeIncrement"}
    for axis, name in names.items():
        step = calibration.step(axis)
        symbol = step.symbol or (None if axis == "T" or step.size == 1 else "pixel")
        if axis in axes and symbol is not None:
            found[name], found[f"{name}Unit"] = step.size, symbol
    return found


def _ome_planes(shape: tuple[int, ...], axes: str, calibration: Calibration) -> dict[str, Any]:
    """Return positions and times of all planes if the origin is not 0, else nothing."""
    if not any(calibration.origin(axes)):
        return {}
    count = prod(shape[:-2])
    planes: dict[str, Any] = {}
    for axis in axes:
        step = calibration.step(axis)
        if step.symbol is None or not step.origin:
            continue
        name = "DeltaT" if axis == "T" else f"Position{axis}"
        if axis in "YX":
            values = np.full(count, step.origin)
        else:
            indices = np.indices(shape[:-2])[axes.index(axis)].ravel()
            values = step.origin + indices * step.size
        planes[name], planes[f"{name}Unit"] = values.tolist(), [step.symbol] * count
    return {"Plane": planes} if planes else {}


def _pixels_per_centimeter(calibration: Calibration) -> tuple[float, float] | None:
    """Return the TIFF resolution along (x, y), or None if a size is unknown or does not fit."""
    x, y = (size_in(calibration.step(axis), "centimeter") for axis in "XY")
    if not x or not y or min(x, y) <= 1 / _LARGEST or max(x, y) >= _LARGEST:
        return None
    return 1 / x, 1 / y


def _pages(labels: Any, page: int) -> Iterator[NDArray[Any]]:
    """Yield all pages in the order of the file; small ones are read together."""
    *leading, height, width = labels.shape
    if not leading:
        yield np.asarray(labels[...])
        return
    step = max(1, _MAX_MEMORY // page)
    for lead in np.ndindex(*leading[:-1]):
        for first in range(0, leading[-1], step):
            many = slice(first, min(first + step, leading[-1]))
            yield from np.asarray(labels[(*lead, many)]).reshape(-1, height, width)


def _tiles(labels: Any) -> Iterator[NDArray[Any]]:
    """Yield all tiles in the order of the file."""
    for lead in np.ndindex(*labels.shape[:-2]):
        for y in range(0, labels.shape[-2], _TILE):
            band = np.asarray(labels[(*lead, slice(y, y + _TILE))])
            for x in range(0, band.shape[1], _TILE):
                yield np.ascontiguousarray(band[:, x : x + _TILE])
