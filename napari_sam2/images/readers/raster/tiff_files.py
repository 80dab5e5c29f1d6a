"""Header and pixels of TIFF files that are frames of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.readers.orientation import exif_orientation, turned_steps
from napari_sam2.images.readers.raster.image_header import ImageHeader
from napari_sam2.images.readers.tiff.display import display_notes, has_alpha, is_rgb
from napari_sam2.images.readers.tiff.metadata import FileMetadata, read_metadata
from napari_sam2.images.readers.tiff.ome import image_metadata, parse_ome

if TYPE_CHECKING:
    import tifffile

_FRAME_AXES = "CZYXS"


def read_header(path: Path) -> ImageHeader:
    """Return what a file with one plane, or one stack of channels or slices, states.

    Raises
    ------
    UserError
        If the file holds several images, or its pages have no named axes.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        axes, shape = _axes(file, path)
        tag = file.pages.first.tags.get("Orientation")
        orientation = exif_orientation(int(tag.value) if tag and axes in ("YX", "YXS") else 1)
        lengths = (shape[1], shape[0], *shape[2:]) if orientation.transpose else shape
        page = file.pages.first
        alpha = axes == "YXS" and shape[2] == 4
        stated = _metadata(file)
        steps = turned_steps(stated.calibration.steps, orientation)
        dtype = np.dtype(page.dtype)
        return ImageHeader(
            (*lengths[:2], 3) if alpha else lengths,
            dtype.newbyteorder("="),
            axes,
            orientation,
            {axis: step for axis, step in steps.items() if axis in "TZYX"},
            alpha=alpha,
            fill_value=stated.fill_value,
            notes=(*stated.notes, *display_notes(page, imagej=file.is_imagej)),
        )


def load(path: Path) -> NDArray[Any]:
    """Return the pixels as stored, with samples last and without alpha."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.pages) > 1:
            return np.asarray(file.series[0].asarray())
        page = file.pages.first
        pixels = np.asarray(page.asarray())
        if page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, -1)
        return pixels[..., :3] if has_alpha(page) else pixels


def has_transparency(path: Path) -> bool:
    """Return whether any pixel of an RGBA image is not opaque."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        pixels = np.asarray(page.asarray())
        alpha = pixels[3] if page.axes == "SYX" else pixels[..., 3]
    highest = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1
    return bool(alpha.min() < highest)


def _metadata(file: tifffile.TiffFile) -> FileMetadata:
    xml = file.ome_metadata if file.is_ome else None
    if not xml:
        return read_metadata(file, file.pages.first)
    ome = parse_ome(xml)
    if ome is None or not ome.images:
        return FileMetadata(Calibration())
    return FileMetadata(image_metadata(ome.images[0]).calibration)


def _axes(file: tifffile.TiffFile, path: Path) -> tuple[str, tuple[int, ...]]:
    """Return axes and shape of the pixels that :func:`load` returns, alpha included."""
    if len(file.pages) == 1:
        page = file.pages.first
        if page.axes not in ("YX", "YXS", "SYX"):
            raise UserError(
                f"{path.name} has axes {page.axes}, but a plane has axes YX, or YXS for RGB."
            )
        shape = tuple(page.shape)
        shape = (*shape[1:], shape[0]) if page.axes == "SYX" else shape
        color = is_rgb(page) and (shape[-1] == 3 or has_alpha(page))
        samples = "" if len(shape) == 2 else "S" if color else "C"
        return "YX" + samples, shape
    series = file.series[0]
    known = set(series.axes) <= set(_FRAME_AXES) and len(set(series.axes)) == len(series.axes)
    if len(file.series) > 1 or not known or any(page is None for page in series.pages):
        raise UserError(
            f"{path.name} holds {len(file.pages)} pages, but a folder is read as one plane per "
            "file. Open that file itself, or move it out of the folder."
        )
    return series.axes, tuple(series.shape)
