"""TIFF, BigTIFF, ImageJ and OME-TIFF, page by page or tile by tile."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.base import Source
from napari_sam2.images.readers.tiff.validation import check_complete

if TYPE_CHECKING:
    import tifffile

_MICRON = {"\\u00B5m", "µm", "μm", "um", "micron", "microns", "micrometer"}
_RESOLUTION = {2: (25400.0, "micrometer"), 3: (10000.0, "micrometer")}


def read_tiff(path: Path) -> Source:
    """Open the first series of a TIFF; its pixels stay in the file.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    UserError
        If the file is truncated, damaged, or holds nothing readable.
    """
    check_complete(path)
    import tifffile

    try:
        file = tifffile.TiffFile(path)
    except Exception as error:
        raise UserError(f"Cannot open {path.name} as TIFF: {error}.") from error
    try:
        return _source(file, path)
    except UserError:
        file.close()
        raise
    except Exception as error:
        file.close()
        raise UserError(f"Cannot read {path.name}: {error}.") from error


def _source(file: tifffile.TiffFile, path: Path) -> Source:
    if not file.series:
        raise UserError(f"{path.name} holds no image.")
    _check_codec(file, path)
    series, keep = file.series[0], _OpenFile(file)
    _check_imagej(file, series.size, path)
    levels = tuple(_open_level(file, number, keep) for number in range(len(series.levels)))
    scale, units = _calibration(file)
    notes = _axis_notes(series.axes, series.shape)
    if len(file.series) > 1:
        notes += (f"{path.name} holds {len(file.series)} series; the first is read.",)
    return Source(
        levels,
        path.name,
        axes=series.axes,
        scale=scale,
        units=units,
        files=(path,),
        notes=notes,
    )


def _axis_notes(axes: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Writers that are given no axes call a short movie colours, and a longer one channels."""
    if len(axes) != 3 or axes[0] not in "SC" or axes[1:] != "YX":
        return ()
    kind = "colour samples" if axes[0] == "S" else "channels"
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
    """ImageJ writes one directory for all planes: their number is in its metadata alone."""
    planes = int((file.imagej_metadata or {}).get("images", 1))
    if pixels < planes * file.pages.first.size:
        raise UserError(f"{path.name} is truncated: it does not hold the {planes} planes it names.")


class _OpenFile:
    """Closes a file when nothing needs it any more."""

    def __init__(self, file: tifffile.TiffFile) -> None:
        weakref.finalize(self, file.close)


def _open_level(file: tifffile.TiffFile, level: int, keep: _OpenFile) -> WrappedArray:
    import zarr

    array: Any
    series = file.series[0].levels[level]
    if series.dataoffset is not None and not series.is_multifile:
        array = _map(file, series)
    else:
        array = zarr.open_array(file.series[0].aszarr(level=level), mode="r")
    return WrappedArray(array, keep)


def _map(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> np.ndarray[Any, Any]:
    """Uncompressed, gapless pixels: a window of a plane then costs only its own rows."""
    dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
    offset = series.dataoffset or 0
    path = file.filehandle.path
    if offset + dtype.itemsize * int(np.prod(series.shape)) > file.filehandle.size:
        raise UserError(f"{Path(path).name} is truncated: it ends before its last plane.")
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=series.shape)


def _calibration(file: tifffile.TiffFile) -> tuple[dict[str, float], dict[str, str]]:
    if file.is_ome and file.ome_metadata:
        return _ome(file.ome_metadata)
    if file.is_imagej and file.imagej_metadata:
        return _imagej(file, file.imagej_metadata)
    return _plain(file)


def _ome(xml: str) -> tuple[dict[str, float], dict[str, str]]:
    pixels = ElementTree.fromstring(xml).find("{*}Image/{*}Pixels")
    if pixels is None:
        return {}, {}
    scale, units = {}, {}
    for axis, name in {"X": "PhysicalSizeX", "Y": "PhysicalSizeY", "Z": "PhysicalSizeZ"}.items():
        if size := pixels.get(name):
            scale[axis] = float(size)
            units[axis] = _unit(pixels.get(f"{name}Unit", "µm"))
    if step := pixels.get("TimeIncrement"):
        scale["T"] = float(step)
        units["T"] = _unit(pixels.get("TimeIncrementUnit", "s"))
    return scale, units


def _imagej(
    file: tifffile.TiffFile, metadata: Mapping[str, Any]
) -> tuple[dict[str, float], dict[str, str]]:
    unit = _unit(str(metadata.get("unit", "pixel")))
    scale = _pixels_per_unit(file, 1.0) if unit != "pixel" else {}
    if scale and (spacing := metadata.get("spacing")):
        scale["Z"] = float(spacing)
    units = dict.fromkeys(scale, unit)
    if interval := metadata.get("finterval"):
        scale["T"], units["T"] = float(interval), "second"
    return scale, units


def _plain(file: tifffile.TiffFile) -> tuple[dict[str, float], dict[str, str]]:
    tag = file.pages.first.tags.get("ResolutionUnit")
    if tag is None or int(tag.value) not in _RESOLUTION:
        return {}, {}
    length, unit = _RESOLUTION[int(tag.value)]
    scale = _pixels_per_unit(file, length)
    return scale, dict.fromkeys(scale, unit)


def _pixels_per_unit(file: tifffile.TiffFile, length: float) -> dict[str, float]:
    tags = file.pages.first.tags
    scale = {}
    for axis, name in {"X": "XResolution", "Y": "YResolution"}.items():
        if tag := tags.get(name):
            above, below = tag.value
            if above and below:
                scale[axis] = length * below / above
    return scale


def _unit(text: str) -> str:
    named = {"s": "second", "sec": "second", "ms": "millisecond", "nm": "nanometer"}
    named |= {
        "mm": "millimeter",
        "min": "minute",
        "h": "hour",
        **dict.fromkeys(_MICRON, "micrometer"),
    }
    return named.get(text.strip(), text.strip())
