"""Folders and lists of images as stacks, one file per plane."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isclose
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.base import PlaneGrid, Source
from napari_sam2.images.readers.raster.file_names import natural_order, without_masks
from napari_sam2.images.readers.raster.image_files import header_notes, load, read_header
from napari_sam2.images.readers.raster.image_header import ImageHeader, is_image
from napari_sam2.images.readers.raster.name_grid import NameGrid, arrange, masks_note, sequence

_LISTED = 5
"""Number of file names in a message."""
_JUNK = (".txt", ".json", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".md", ".log", ".ini", ".db")
"""Suffixes of files that are not reported when they lie beside images."""
_SAME_SIZE = 1e-4
"""Relative difference up to which pixel sizes are the same."""


def read_image_folder(folder: Path, scene: str | int | None = None) -> Source:
    """Open the images of a folder; frames, channels, slices and positions come from the names.

    Files in folders inside it and files that are not images are not read.

    Parameters
    ----------
    folder : Path
        A folder with at least one image; all images have the same size and type.
    scene : str, int or None
        Name or number of the position, where the names tell several apart; None opens the first.

    Raises
    ------
    UserError
        If the folder cannot be read or holds no images, if their sizes or types differ, or if
        one is missing from a grid of times, channels and slices.
    """
    try:
        entries = sorted(folder.iterdir())
    except PermissionError as error:
        raise UserError(
            f"The folder {folder.name} cannot be read: you have no permission to list it."
        ) from error
    files = [path for path in entries if is_image(path) and path.is_file()]
    if not files:
        raise UserError(_no_images_message(folder, entries))
    images, masks = without_masks(files)
    others = masks_note(masks) + _other_files_note(folder, entries)
    return read_named_images(images, folder.name, scene, others)


def read_named_images(
    files: Sequence[Path], name: str, scene: str | int | None = None, notes: tuple[str, ...] = ()
) -> Source:
    """Open images whose names state frames, channels, slices and positions.

    Parameters
    ----------
    files : sequence of Path
        At least one image; all have the same size and type.
    name : str
        Short name for messages.
    scene : str, int or None
        Name or number of the position, where the names tell several apart; None opens the first.
    notes : tuple of str
        Messages for the user about files that are not read.

    Raises
    ------
    UserError
        If the sizes or types differ, or one is missing from a grid of times, channels and slices.
    """
    ordered = natural_order(files)
    rgb = len(ordered) > 1 and read_header(ordered[0]).rgb
    return _source(arrange(ordered, name, rgb=rgb, scene=scene), name, notes)


def read_images(files: Sequence[Path], name: str | None = None) -> Source:
    """Open images as frames in natural order of their names.

    Parameters
    ----------
    files : sequence of Path
        At least one image; all have the same size and type.
    name : str or None
        Short name for messages; None takes that of the first image.

    Raises
    ------
    UserError
        If the sizes or types differ.
    """
    ordered = natural_order(files)
    return _source(sequence(ordered), name or ordered[0].name)


def _source(grid: NameGrid, name: str, notes: tuple[str, ...] = ()) -> Source:
    files = list(grid.files)
    headers = _headers(files)
    common, mixed = _common_header(files, headers)
    steps, size_notes = _common_steps(files, headers)

    def image(position: tuple[int, ...]) -> NDArray[Any]:
        number = int(np.ravel_multi_index(position, grid.shape))
        pixels = load(files[number], headers[number])
        gray = common.rgb and pixels.ndim == 2
        return np.repeat(pixels[..., None], 3, axis=2) if gray else pixels

    return Source(
        (PlaneGrid(grid.shape, common.shape, common.dtype, image),),
        name,
        axes=_joined_axes(grid, common, files[0]),
        calibration=Calibration(steps),
        files=tuple(files),
        notes=(
            *grid.notes,
            *notes,
            *mixed,
            *_suffix_note(files, name),
            *header_notes(files, headers),
            *size_notes,
        ),
        scenes=grid.scenes,
        scene=grid.scene,
        channel_names=grid.channel_names,
        fill_value=_common_fill_value(headers),
    )


def _common_fill_value(headers: list[ImageHeader]) -> float | None:
    """Return the value of pixels without data, if all files state the same one."""
    values = {header.fill_value for header in headers}
    return values.pop() if len(values) == 1 else None


def _joined_axes(grid: NameGrid, common: ImageHeader, first: Path) -> str:
    if repeated := set(grid.axes) & set(common.axes):
        raise UserError(
            f"{first.name} has an axis {repeated.pop()}, which the file names count too. Open the "
            "files one by one."
        )
    return grid.axes + common.axes


def _headers(files: list[Path]) -> list[ImageHeader]:
    """Return all headers.

    Raises
    ------
    UserError
        If images cannot be read: the reason for the first one, and the names of the others.
    """
    headers, failed = [], []
    for file in files:
        try:
            headers.append(_one_plane(file, read_header(file)))
        except UserError as error:
            failed.append((file, error))
    if failed:
        others = [file for file, _ in failed[1:]]
        more = f" {len(others)} more cannot be read: {_listed(others)}." if others else ""
        raise UserError(f"{failed[0][1]}{more}") from failed[0][1]
    return headers


def _one_plane(file: Path, header: ImageHeader) -> ImageHeader:
    if header.frames > 1:
        raise UserError(
            f"{file.name} holds {header.frames} frames, but a folder is read as one plane per "
            "file. Open that file itself, or move it out of the folder."
        )
    return header


def _common_header(
    files: list[Path], headers: list[ImageHeader]
) -> tuple[ImageHeader, tuple[str, ...]]:
    """Return a header that holds for all images, and notes; gray among RGB becomes RGB."""
    counts = Counter(header.kind for header in headers)
    usual = counts.most_common(1)[0][0]
    odd = [i for i, header in enumerate(headers) if header.kind != usual]
    common = next(header for header in headers if header.kind == usual)
    if odd:
        named = ", ".join(f"{files[i].name} is {headers[i]}" for i in odd[:_LISTED])
        more = ", ..." if len(odd) > _LISTED else ""
        raise UserError(
            f"{len(odd)} of {len(files)} images differ from the others ({common}): {named}{more}. "
            "A stack needs images of one size and type: move the others to another folder."
        )
    rgb = [header for header in headers if header.rgb]
    if len(rgb) in (0, len(files)):
        return common, ()
    note = f"{len(rgb)} of {len(files)} images are RGB: the gray ones are read as RGB too."
    return rgb[0], (note,)


def _common_steps(
    files: list[Path], headers: list[ImageHeader]
) -> tuple[dict[str, AxisStep], tuple[str, ...]]:
    """Return the pixel sizes that all images state, and a note if they differ."""
    steps: dict[str, AxisStep] = {}
    for axis in "TZYX":
        stated = [header.steps.get(axis) for header in headers]
        first = stated[0]
        different = next((i for i, step in enumerate(stated) if not _same_step(first, step)), None)
        if different is None:
            steps |= {axis: first} if first else {}
            continue
        sizes = (
            f"{files[i].name}: {f'{s.size:.6g} {s.unit}' if (s := stated[i]) else 'none'}"
            for i in (0, different)
        )
        return {}, (
            f"The images state different pixel sizes along {axis.lower()} ({', '.join(sizes)}): "
            "none is used.",
        )
    return steps, ()


def _same_step(one: AxisStep | None, other: AxisStep | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.unit == other.unit and isclose(one.size, other.size, rel_tol=_SAME_SIZE)


def _suffix_note(files: list[Path], name: str) -> tuple[str, ...]:
    kinds = Counter(path.suffix.lower() for path in files)
    if len(kinds) < 2:
        return ()
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return (f"{name} mixes {counts}: all are read as frames.",)


def _other_files_note(folder: Path, entries: list[Path]) -> tuple[str, ...]:
    """Return a note on files that are not read, unless they are hidden or texts."""
    others = [
        path
        for path in entries
        if not is_image(path)
        and not path.name.startswith(".")
        and path.suffix.lower() not in _JUNK
        and path.is_file()
    ]
    if not others:
        return ()
    return (f"Not read in {folder.name}, as they are not images: {_listed(others)}.",)


def _no_images_message(folder: Path, entries: list[Path]) -> str:
    folders = [path.name for path in entries if path.is_dir()]
    files = [path for path in entries if path.is_file() and not path.name.startswith(".")]
    hint = (
        f"; did you mean one of its folders ({', '.join(folders[:_LISTED])})?" if folders else "."
    )
    held = f" It holds {_listed(files)}." if files else ""
    return f"The folder {folder} holds no images and is not a Zarr{hint}{held}"


def _listed(files: Sequence[Path]) -> str:
    names = ", ".join(file.name for file in files[:_LISTED])
    return names + (", ..." if len(files) > _LISTED else "")
