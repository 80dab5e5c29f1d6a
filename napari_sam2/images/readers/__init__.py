"""Readers, one module per format; each returns a :class:`Source` with lazy arrays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.base import LazyArray, Source

__all__ = ["LazyArray", "Source", "read_source"]

TIFF = (".tif", ".tiff", ".btf", ".tf8", ".lsm", ".qptiff", ".svs", ".ndpi", ".scn", ".stk")
NIFTI = (".nii", ".nii.gz", ".hdr", ".img")
VIDEO = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ogv", ".gif")
ZIPPED_ZARR = (".zarr.zip", ".ozx", ".zip")


def read_source(source: Any) -> Source:
    """Open any supported input; its pixels are read later, when the arrays are indexed.

    Parameters
    ----------
    source : path, URL, array or list of arrays
        Zarr or OME-Zarr (also by URL), TIFF, NIfTI, an image, a folder of images, a video, .npy,
        an array (numpy, dask, zarr, xarray), or a list of arrays that are levels of one pyramid.

    Raises
    ------
    UserError
        If it does not exist, is empty or damaged, or has no known format.
    """
    if not isinstance(source, (str, os.PathLike)):
        return _from_object(source)
    text = os.fspath(source)
    if "://" in text:
        return _from_url(text)
    path = Path(text).expanduser()
    if not path.exists():
        raise UserError(f"There is no file or folder {path}.")
    return _from_folder(path) if path.is_dir() else _from_file(path)


def _from_object(source: Any) -> Source:
    from napari_sam2.images.readers.arrays import is_array, read_array

    levels = isinstance(source, (list, tuple)) or type(source).__name__ == "MultiScaleData"
    if is_array(source) or (levels and len(source) and all(map(is_array, source))):
        return read_array(source)
    if hasattr(source, "keys") and hasattr(source, "store_path"):
        from napari_sam2.images.readers.zarr import read_group

        return read_group(source)
    raise UserError(
        f"Cannot read a {type(source).__name__} as a stack: give a path, a URL or an array."
    )


def _from_url(url: str) -> Source:
    from napari_sam2.images.readers.zarr import read_zarr

    if url.startswith("file://"):
        return read_source(url.removeprefix("file://"))
    return read_zarr(url, url.rstrip("/").rpartition("/")[2])


def _from_folder(path: Path) -> Source:
    from napari_sam2.images.readers.zarr import is_zarr_folder, read_zarr

    if is_zarr_folder(path):
        return read_zarr(str(path), path.name)
    from napari_sam2.images.readers.raster import read_image_folder

    return read_image_folder(path)


def _from_file(path: Path) -> Source:
    name = path.name.lower()
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty (0 bytes).")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path.name} cannot be read: you have no permission to read it.")
    if name.endswith(TIFF):
        from napari_sam2.images.readers.tiff.reader import read_tiff

        return read_tiff(path)
    if name.endswith(NIFTI):
        from napari_sam2.images.readers.nifti import read_nifti

        return read_nifti(path)
    if name.endswith(VIDEO):
        from napari_sam2.images.readers.video import read_video

        return read_video(path)
    if name.endswith(".npy"):
        from napari_sam2.images.readers.arrays import read_npy

        return read_npy(path)
    if name.endswith(ZIPPED_ZARR):
        from napari_sam2.images.readers.zarr import read_zarr

        return read_zarr(str(path), path.name)
    from napari_sam2.images.readers.raster import read_one_image

    return read_one_image(path)
