"""Result folders of the Cell Tracking Challenge, opened for reading."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import Stack, open_stack

TRACKS_ENDING = "_track.txt"
"""Ending of the name of the file with the tracks."""


def find_ctc_tracks(folder: Path) -> Path | None:
    """Return the track file in a result folder of the CTC, None if there is none or several."""
    found = list(folder.glob(f"*{TRACKS_ENDING}")) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None


def open_ctc_masks(folder: Path) -> Stack:
    """Return the masks of a result folder as lazy labels over time.

    Raises
    ------
    UserError
        If masks are missing between the first frame, 0, and the last one, or have different
        shapes.
    """
    import tifffile
    import zarr

    numbers = {_number(path): path for path in folder.glob("*.tif")}
    missing = set(range(max(numbers, default=0) + 1)) - set(numbers)
    if missing:
        raise UserError(f"{folder.name} has no mask of frame {min(missing)}. Add it.")
    files = [path for _, path in sorted(numbers.items())]
    shapes = {_shape(path) for path in files}
    if len(shapes) > 1:
        raise UserError(f"The masks in {folder.name} have different shapes: {sorted(shapes)}.")
    pixels = zarr.open_array(tifffile.imread(files, aszarr=True), mode="r")
    stack = open_stack(pixels, axes="TZYX" if pixels.ndim == 4 else "TYX")
    others = {axis.lower(): 0 for axis in stack.layout.index_axes if axis != "T"}
    named = replace(stack, source=replace(stack.source, name=folder.name))
    return named.with_along("t", others)


def _number(path: Path) -> int:
    """Return the frame in the name of a mask, e.g. 12 of ``mask012.tif``."""
    found = re.fullmatch(r"(?:mask|man_track)(\d+)\.tif", path.name)
    if found is None:
        raise UserError(
            f"{path.name} is not a mask of the Cell Tracking Challenge. Move it out of the folder."
        )
    return int(found[1])


def _shape(path: Path) -> tuple[int, ...]:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return tuple(file.series[0].shape)
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{path.name} cannot be read: {error}. Write it again.") from error
