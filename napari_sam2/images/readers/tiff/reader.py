"""TIFF, BigTIFF, ImageJ and OME-TIFF files, read page by page or tile by tile."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.base import Source, find_scene, scene_note
from napari_sam2.images.readers.tiff.metadata import read_calibration
from napari_sam2.images.readers.tiff.validation import check_complete

if TYPE_CHECKING:
    import tifffile


def read_tiff(path: Path, scene: str | int | None = None) -> Source:
    """Open one series of a TIFF file; pixels are read later.

    Parameters
    ----------
    path : Path
        The file.
    scene : str, int or None
        Name or number of the series; None opens the first.

    Raises
    ------
    UserError
        If the file is truncated, damaged, holds no image, or needs a codec that is not installed.
    """
    check_complete(path)
    import tifffile

    try:
        file = tifffile.TiffFile(path)
    except Exception as error:
        raise UserError(f"Cannot open {path.name} as TIFF: {error}.") from error
    try:
        return _source(file, path, scene)
    except UserError:
        file.close()
        raise
    except Exception as error:
        file.close()
        raise UserError(f"Cannot read {path.name}: {error}.") from error


def _source(file: tifffile.TiffFile, path: Path, scene: str | int | None) -> Source:
    if not file.series:
        raise UserError(f"{path.name} holds no image.")
    _check_codec(file, path)
    scenes = tuple(series.name or str(i) for i, series in enumerate(file.series))
    opened = 0 if scene is None else find_scene(scenes, scene, path.name)
    series, handle = file.series[opened], _FileHandle(file)
    _check_imagej(file, series.size, path)
    count = len(series.levels)
    levels = tuple(_open_level(file, series, level, handle) for level in range(count))
    notes = _axis_notes(series.axes, series.shape)
    if scene is None:
        notes += scene_note(scenes, opened, path.name)
    return Source(
        levels,
        path.name,
        series.axes,
        read_calibration(file),
        (path,),
        notes,
        scenes=scenes,
        scene=scenes[opened],
    )


def _axis_notes(axes: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Return a note for 3-D files whose first axis is S or C.

    Writers that are given no axes store a movie of 3 or 4 frames as color samples and a longer
    one as channels.
    """
    if len(axes) != 3 or axes[0] not in "SC" or axes[1:] != "YX":
        return ()
    kind = "color samples" if axes[0] == "S" else "channels"
    return (
        f"The file calls its {shape[0]} planes {kind} of one image ({axes}): if they are frames, "
        "give the axes TYX or ZYX.",
    )


def _check_codec(file: tifffile.TiffFile, path: Path) -> None:
    import tifffile

    try:
        tifffile.TIFF.DECOMPRESSORS[file.pages.first.compression]
    except KeyError as error:
        hint = " Install it: pip install imagecodecs" if "imagecodecs" in str(error) else ""
        raise UserError(f"{path.name} cannot be decompressed: {error.args[0]}.{hint}") from error


def _check_imagej(file: tifffile.TiffFile, pixels: int, path: Path) -> None:
    """Refuse a truncated ImageJ file, whose number of planes is in its metadata only."""
    planes = int((file.imagej_metadata or {}).get("images", 1))
    if pixels < planes * file.pages.first.size:
        raise UserError(
            f"{path.name} is truncated: its metadata state {planes} planes, but it holds fewer. "
            "Copy or download it again."
        )


class _FileHandle:
    """Keeps a TIFF file open until no array uses it."""

    def __init__(self, file: tifffile.TiffFile) -> None:
        weakref.finalize(self, file.close)


def _open_level(
    file: tifffile.TiffFile, series: tifffile.TiffPageSeries, level: int, handle: _FileHandle
) -> WrappedArray:
    import zarr

    array: Any
    stored = series.levels[level]
    if stored.dataoffset is not None and not stored.is_multifile:
        array = _memory_map(file, stored)
    else:
        array = zarr.open_array(series.aszarr(level=level), mode="r")
    return WrappedArray(array, handle)


def _memory_map(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> np.ndarray[Any, Any]:
    """Map uncompressed, contiguous pixels, so that a window reads only its own rows."""
    dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
    offset = series.dataoffset or 0
    path = file.filehandle.path
    if offset + dtype.itemsize * int(np.prod(series.shape)) > file.filehandle.size:
        raise UserError(
            f"{Path(path).name} is truncated: it ends before its last plane. "
            "Copy or download it again."
        )
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=series.shape)
