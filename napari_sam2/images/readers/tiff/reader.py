"""TIFF, BigTIFF, ImageJ, OME-TIFF and slide files, read page by page or tile by tile."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import Calibration
from napari_sam2.images.readers.base import LazyArray, Source, find_scene
from napari_sam2.images.readers.orientation import (
    AS_STORED,
    OrientedArray,
    exif_orientation,
    turned_steps,
)
from napari_sam2.images.readers.tiff.arrays import (
    OpenFile,
    absent_planes,
    existing_files,
    open_levels,
)
from napari_sam2.images.readers.tiff.axes import named_axes
from napari_sam2.images.readers.tiff.display import display_notes
from napari_sam2.images.readers.tiff.images import (
    TiffImage,
    default_image,
    image_notes,
    list_images,
)
from napari_sam2.images.readers.tiff.metadata import read_metadata
from napari_sam2.images.readers.tiff.ome import (
    OmeImage,
    find_image,
    image_metadata,
    member_files,
    parse_ome,
)
from napari_sam2.images.readers.tiff.validation import check_complete, check_pages

if TYPE_CHECKING:
    import tifffile
    from ome_types.model import OME

_MOST_NAMES = 5
"""Largest number of missing files that a message lists."""


def read_tiff(path: Path, scene: str | int | None = None) -> Source:
    """Open one image of a TIFF file; pixels are read later.

    Parameters
    ----------
    path : Path
        The file.
    scene : str, int or None
        Name or number of the image; None opens the one with most planes.

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
    return _open(file, path.name, path, scene)


def read_tiff_url(url: str, scene: str | int | None = None) -> Source:
    """Open one image of a TIFF file by URL; only the bytes that are needed are fetched.

    Parameters
    ----------
    url : str
        Any URL that fsspec reads in parts, e.g. ``https://`` or ``s3://``.
    scene : str, int or None
        As for :func:`read_tiff`.

    Raises
    ------
    UserError
        If the server cannot send parts of the file, or as for :func:`read_tiff`.
    """
    import fsspec
    import tifffile

    name = url.rstrip("/").rpartition("/")[2]
    try:
        stream: Any = fsspec.open(url, "rb").open()
        if not stream.seekable():
            raise ValueError("the server sends files only as a whole")
        check_pages(stream, name)
        stream.seek(0)
        file = tifffile.TiffFile(stream, name=name)
    except UserError:
        raise
    except ImportError as error:
        raise UserError(
            f"Cannot read {name} by URL: {error}. Install that package, or download the file and "
            "open it from disk."
        ) from error
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"Cannot read {name} by URL: {reason[0].rstrip('.')}. Download the file and open it "
            "from disk."
        ) from error
    return _open(file, name, None, scene)


def _open(file: tifffile.TiffFile, name: str, path: Path | None, scene: str | int | None) -> Source:
    try:
        return _source(OpenFile(file, name, local=path is not None), path, scene)
    except UserError:
        file.close()
        raise
    except Exception as error:
        file.close()
        raise UserError(f"Cannot read {name}: {error}.") from error


def _source(file: OpenFile, path: Path | None, scene: str | int | None) -> Source:
    if not file.file.series:
        raise UserError(f"{file.name} holds no image.")
    images = list_images(file.file)
    scenes = tuple(image.name for image in images)
    opened = default_image(images) if scene is None else find_scene(scenes, scene, file.name)
    image = images[opened]
    _check_codec(image.series.keyframe, file.name)
    _check_imagej(file.file, image.series.size, file.name)
    stated = _metadata(file, image, path)
    levels = open_levels(image, file, stated.missing)
    axes, axis_notes = named_axes(image, file.file)
    notes = image_notes(images, opened, scene is not None, file.name)
    levels, calibration, turned = _upright(levels, stated.calibration, image)
    notes += display_notes(image.series.keyframe, imagej=file.file.is_imagej)
    return Source(
        levels,
        file.name,
        axes,
        calibration,
        stated.files,
        notes + axis_notes + stated.notes + turned,
        scenes=scenes if len(scenes) > 1 else (),
        scene=scenes[opened] if len(scenes) > 1 else None,
        channel_names=stated.channel_names,
        significant_bits=stated.significant_bits,
        fill_value=stated.fill_value,
    )


def _upright(
    levels: tuple[LazyArray, ...], calibration: Calibration, image: TiffImage
) -> tuple[tuple[LazyArray, ...], Calibration, tuple[str, ...]]:
    """Turn the arrays as the tag Orientation (TIFF 6.0) states; also return a note if it does."""
    tag = image.series.keyframe.tags.get("Orientation")
    orientation = exif_orientation(int(tag.value) if tag else 1)
    row = image.series.axes.find("YX")
    if orientation == AS_STORED or row < 0 or not levels:
        return levels, calibration, ()
    row += len(levels[0].shape) - len(image.series.axes)
    steps = turned_steps(calibration.steps, orientation)
    note = "The image is turned as its tag Orientation states; ImageJ shows the pixels as stored."
    arrays = tuple(OrientedArray(level, orientation, row) for level in levels)
    return arrays, replace(calibration, steps=steps), (note,)


@dataclass(frozen=True)
class _Stated:
    """Metadata of the opened image, the files that hold it, and why planes are missing."""

    calibration: Calibration = field(default_factory=Calibration)
    channel_names: tuple[str, ...] = ()
    significant_bits: int | None = None
    fill_value: float | None = None
    files: tuple[Path, ...] = ()
    missing: str = ""
    notes: tuple[str, ...] = ()


def _metadata(file: OpenFile, image: TiffImage, path: Path | None) -> _Stated:
    own = (path,) if path is not None else ()
    xml = file.file.ome_metadata if file.file.is_ome else None
    if not xml:
        found = read_metadata(file.file, image.series.keyframe)
        return _Stated(
            found.calibration,
            found.channel_names,
            fill_value=found.fill_value,
            files=own,
            notes=found.notes,
        )
    ome = parse_ome(xml)
    if ome is None:
        notes = (f"The OME metadata of {file.name} are damaged: sizes are not read from them.",)
        return _Stated(files=own, notes=notes)
    return _ome_metadata(ome, file, image, path)


def _ome_metadata(ome: OME, file: OpenFile, image: TiffImage, path: Path | None) -> _Stated:
    files, lost = (path,) if path is not None else (), list[str]()
    names = member_files(ome)
    if len(names) > 1:
        found, lost = existing_files(path.parent, names) if path else ((), list(names))
        files = tuple(dict.fromkeys((*files, *found)))
    missing, notes = _missing(image, lost, file.name)
    described = find_image(ome, image.number, len(file.file.series), image.series.name)
    stated = OmeImage(Calibration()) if described is None else image_metadata(described)
    if ome.binary_only is not None:
        notes += (
            f"{file.name} is one file of a set that {ome.binary_only.metadata_file} describes: "
            "only the pages of this file are read, without sizes. Open that file for the set.",
        )
    return _Stated(
        stated.calibration,
        stated.channel_names,
        stated.significant_bits,
        None,
        files,
        missing,
        notes + stated.notes,
    )


def _missing(image: TiffImage, lost: list[str], name: str) -> tuple[str, tuple[str, ...]]:
    """Return why planes have no data, and a note for the user if there are such planes."""
    absent = absent_planes(image.series)
    if absent is None:
        return "", ()
    listed = ", ".join(lost[:_MOST_NAMES]) + (" ..." if len(lost) > _MOST_NAMES else "")
    if not lost:
        reason = f"{name} holds no data for it: the recording may have been stopped"
        advice = "They cannot be read"
    else:
        reason = f"it is stored in a file that is missing: {listed}"
        advice = f"Files of this set are missing ({listed}): copy them to the same folder"
    return reason, (f"{int(absent.sum())} of {absent.size} planes are missing. {advice}.",)


def _check_codec(page: tifffile.TiffPage, name: str) -> None:
    import tifffile

    try:
        tifffile.TIFF.DECOMPRESSORS[page.compression]
        tifffile.TIFF.UNPREDICTORS[page.predictor]
    except KeyError as error:
        hint = " Install it: pip install imagecodecs" if "imagecodecs" in str(error) else ""
        raise UserError(f"{name} cannot be decompressed: {error.args[0]}.{hint}") from error


def _check_imagej(file: tifffile.TiffFile, pixels: int, name: str) -> None:
    """Refuse a truncated ImageJ file, whose number of planes is in its metadata only."""
    planes = int((file.imagej_metadata or {}).get("images", 0))
    if pixels < planes * file.pages.first.size:
        raise UserError(
            f"{name} is truncated: its metadata state {planes} planes, but it holds fewer. "
            "Copy or download it again."
        )
