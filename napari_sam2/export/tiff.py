"""Labels as one TIFF file, written page by page."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.export.calibration import Calibration

_TILE = 512
_BUDGET = 2**27
_CLASSIC = 2**32 - 2**25


def write_label_tiff(path: Path, labels: Any, calibration: Calibration, note: str = "") -> None:
    """Write a label array so that :func:`tifffile.imread` gives it back.

    An OME-TIFF where its axes allow, else tifffile's own shaped TIFF, both with calibration;
    BigTIFF when the pixels may not fit 4 GB. The file appears when it is complete.

    Parameters
    ----------
    path : Path
        The file.
    labels : zarr.Array or numpy.ndarray
        The labels; at most 128 MB of them are held in memory.
    calibration : Calibration
        Axes and pixel sizes.
    note : str
        Goes into the file's metadata.
    """
    size = prod(labels.shape) * labels.dtype.itemsize
    options: dict[str, Any] = {}
    if resolution := calibration.pixels_per_centimeter():
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
            bigtiff=size > _CLASSIC,
            **_metadata(labels.shape, calibration, note),
            **options,
        )


def _metadata(shape: tuple[int, ...], calibration: Calibration, note: str) -> dict[str, Any]:
    axes = calibration.axes.upper()
    # tifffile drops axes of length 1 when it reads OME-TIFF.
    ome = axes in ("YX", "TYX", "ZYX", "TZYX") and 1 not in shape
    words = {"Description": note} if note and ome else {"note": note} if note else {}
    return {"ome": ome, "metadata": {"axes": axes, **calibration.ome(), **words}}


def _tiles(labels: Any) -> Iterator[NDArray[Any]]:
    """Iterate over all tiles in file order, reading pages together while they are small."""
    *leading, height, width = labels.shape
    page = height * width * labels.dtype.itemsize
    for lead in np.ndindex(*leading[:-1]):
        pages = leading[-1] if leading else 1
        step = max(1, _BUDGET // page)
        for first in range(0, pages, step):
            many = (slice(first, min(first + step, pages)),) if leading else ()
            yield from _page_tiles(labels, (*lead, *many), page <= _BUDGET)


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
