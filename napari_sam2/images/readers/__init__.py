"""Readers, one module per format; each returns a :class:`Source` with lazy arrays."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.base import LazyArray, Source, find_scene
from napari_sam2.images.readers.recognition import FileKind, kind_by_suffix, recognize

__all__ = ["LazyArray", "Source", "read_source"]


def read_source(source: Any, scene: str | int | None = None) -> Source:
    """Open any supported input; its pixels are read later, when the arrays are indexed.

    Parameters
    ----------
    source : path, URL, array or list of arrays
        Zarr or OME-Zarr (also by URL), TIFF, NIfTI, DICOM (a file or a folder), files of
        microscopes, an image, a folder or a list of images, a video, .npy, an array (numpy, dask,
        zarr, PyTorch, xarray, a bioio.BioImage), or a list of arrays that are levels of one
        pyramid.
    scene : str, int or None
        Name or number (from 0) of the image in a file of several; None opens the default one.

    Raises
    ------
    UserError
        If it does not exist, is empty or damaged, has no known format, or lacks the scene.
    """
    found = _open(source, scene)
    if scene is not None and not found.scenes:
        find_scene((found.name,), scene, found.name)
    return found


def _open(source: Any, scene: str | int | None) -> Source:
    if not isinstance(source, (str, os.PathLike)):
        return _from_object(source, scene)
    text = os.fspath(source)
    if "://" in text and not text.startswith("file://"):
        return _from_url(text, scene)
    path = local_path(text)
    if not path.exists():
        raise UserError(f"There is no file or folder {path}. {_pattern_hint(path)}")
    return _from_folder(path, scene) if path.is_dir() else _from_file(path, scene)


def _pattern_hint(path: Path) -> str:
    if any(sign in path.name for sign in "*?"):
        return "Patterns are not resolved: give the files, or their folder."
    return "Check the path."


def local_path(text: str) -> Path:
    """Return the path of a local file or folder, given as a path or as a ``file:`` URL."""
    if not text.startswith("file:/"):
        return Path(text).expanduser()
    plain = Path(text.removeprefix("file:").removeprefix("//"))
    return plain if plain.exists() else Path(url2pathname(urlsplit(text).path))


def _from_object(source: Any, scene: str | int | None) -> Source:
    from napari_sam2.images.readers.arrays import is_array, read_array

    if isinstance(source, (list, tuple)) and len(source):
        if len(source) == 1 and isinstance(source[0], (str, os.PathLike)):
            return _open(source[0], scene)
        if all(isinstance(item, (str, os.PathLike)) for item in source):
            return _from_paths([local_path(os.fspath(item)) for item in source], scene)
    levels = isinstance(source, (list, tuple)) or type(source).__name__ == "MultiScaleData"
    if is_array(source) or (levels and len(source) and all(map(is_array, source))):
        return read_array(source)
    if hasattr(source, "xarray_dask_data") and hasattr(source, "set_scene"):
        from napari_sam2.images.readers.microscopy.bioio import read_bioimage

        return read_bioimage(source, scene)
    if hasattr(source, "keys") and hasattr(source, "store_path"):
        from napari_sam2.images.readers.zarr import read_group

        return read_group(source, scene)
    raise UserError(
        f"Cannot read a {type(source).__name__} as a stack: give a path, a URL or an array"
        f"{_dataset_hint(source)}."
    )


def _dataset_hint(source: Any) -> str:
    variables = list(getattr(source, "data_vars", ()))
    return f", here one of the variables {', '.join(map(str, variables))}" if variables else ""


def _from_paths(paths: list[Path], scene: str | int | None) -> Source:
    from napari_sam2.images.readers.dicom.files import is_dicom_file
    from napari_sam2.images.readers.raster import is_image, read_images

    if missing := [path for path in paths if not path.exists()]:
        raise UserError(f"There is no file or folder {missing[0]}. Check the path.")
    if all(path.is_file() and is_dicom_file(path) for path in paths):
        from napari_sam2.images.readers.dicom.reader import read_dicom_files

        return read_dicom_files(paths, paths[0].absolute().parent.name, scene)
    if others := [path for path in paths if path.is_dir() or not is_image(path)]:
        raise UserError(
            f"Several inputs are read as the frames of one stack, but {others[0].name} is not a "
            "single image. Give one input, or only images or DICOM files."
        )
    return read_images(paths)


def _from_url(url: str, scene: str | int | None) -> Source:
    kind = kind_by_suffix(urlsplit(url).path)
    if kind not in (FileKind.TIFF, FileKind.OTHER):
        raise UserError(
            f"Only Zarr and TIFF are read by URL, not {kind.value}: download "
            f"{url.rpartition('/')[2]} and open it from disk."
        )
    if kind is FileKind.TIFF:
        from napari_sam2.images.readers.tiff.reader import read_tiff_url

        return read_tiff_url(url, scene)
    from napari_sam2.images.readers.zarr import read_zarr

    return read_zarr(url, url.rstrip("/").rpartition("/")[2], scene)


def _from_folder(path: Path, scene: str | int | None) -> Source:
    from napari_sam2.images.readers.zarr import is_zarr_folder, read_zarr

    if is_zarr_folder(path):
        return read_zarr(str(path), path.name, scene)
    from napari_sam2.images.readers.dicom.files import is_dicom_folder

    if is_dicom_folder(path):
        from napari_sam2.images.readers.dicom.reader import read_dicom

        return read_dicom(path, scene)
    from napari_sam2.images.readers.tiff.companion import find_companion, read_companion

    if (companion := find_companion(path)) is not None:
        return read_companion(companion, scene)
    from napari_sam2.images.readers.raster import read_image_folder

    return read_image_folder(path, scene)


def _from_file(path: Path, scene: str | int | None) -> Source:
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty (0 bytes).")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path.name} cannot be read: you have no permission to read it.")
    kind, notes = recognize(path)
    found = _open_file(path, kind, scene)
    return replace(found, notes=notes + found.notes) if notes else found


def _open_file(path: Path, kind: FileKind, scene: str | int | None) -> Source:
    if kind in (FileKind.DICOM, FileKind.CZI, FileKind.ND2, FileKind.LIF, FileKind.OTHER):
        return _open_by_extra(path, kind, scene)
    if kind is FileKind.TIFF:
        from napari_sam2.images.readers.tiff.reader import read_tiff

        return read_tiff(path, scene)
    if kind is FileKind.COMPANION:
        from napari_sam2.images.readers.tiff.companion import read_companion

        return read_companion(path, scene)
    if kind is FileKind.NIFTI:
        from napari_sam2.images.readers.nifti import read_nifti

        return read_nifti(path)
    if kind is FileKind.VIDEO:
        from napari_sam2.images.readers.video import read_video

        return read_video(path, scene)
    if kind is FileKind.NUMPY:
        from napari_sam2.images.readers.arrays import read_npy

        return read_npy(path)
    if kind is FileKind.ZIPPED_ZARR:
        from napari_sam2.images.readers.zarr import read_zarr

        return read_zarr(str(path), path.name, scene)
    from napari_sam2.images.readers.raster import read_metamorph, read_one_image

    return read_metamorph(path, scene) if kind is FileKind.METAMORPH else read_one_image(path)


def _open_by_extra(path: Path, kind: FileKind, scene: str | int | None) -> Source:
    """Open a file by a library that an extra of this package installs."""
    if kind is FileKind.DICOM:
        from napari_sam2.images.readers.dicom.reader import read_dicom

        return read_dicom(path, scene)
    if kind is FileKind.CZI:
        from napari_sam2.images.readers.microscopy.czi import read_czi

        return read_czi(path, scene)
    if kind is FileKind.ND2:
        from napari_sam2.images.readers.microscopy.nd2 import read_nd2

        return read_nd2(path, scene)
    if kind is FileKind.LIF:
        from napari_sam2.images.readers.microscopy.lif import read_lif

        return read_lif(path, scene)
    from napari_sam2.images.readers.microscopy.bioio import read_bioio

    return read_bioio(path, scene)
