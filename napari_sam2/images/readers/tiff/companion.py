"""Sets of TIFF files that a companion file (``.companion.ome``, OME-XML) describes.

The source of the rules for planes is the OME-TIFF specification, "TiffData" (OME 2016-06).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.base import PlaneGrid, Source
from napari_sam2.images.readers.microscopy.images import FileImage, select_image
from napari_sam2.images.readers.tiff.ome import image_metadata, member_files, parse_ome

if TYPE_CHECKING:
    import tifffile
    from ome_types.model import Image, Pixels, TiffData

SUFFIX = ".companion.ome"
_MOST_OPEN = 8
_MOST_NAMES = 5
_Position = tuple[int, int, int]
"""Numbers of time, channel and slice."""
_Place = tuple[Path, int]
"""A file and the number of a page in it."""


def find_companion(folder: Path) -> Path | None:
    """Return the companion file of a folder, None if it has none or cannot be listed.

    Raises
    ------
    UserError
        If there are several.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    found = sorted(folder / name for name in names if name.lower().endswith(SUFFIX))
    if len(found) > 1:
        listed = ", ".join(path.name for path in found[:_MOST_NAMES])
        raise UserError(f"{folder.name} holds {len(found)} sets: open one of {listed}.")
    return found[0] if found else None


def read_companion(path: Path, scene: str | int | None = None) -> Source:
    """Open a set of TIFF files; planes in files that are missing cannot be read.

    Parameters
    ----------
    path : Path
        The companion file; the TIFF files lie in its folder.
    scene : str, int or None
        Name or number of the image; None opens the one with most planes.

    Raises
    ------
    UserError
        If the metadata are damaged or describe no TIFF files, or if none of the files exists.
    """
    ome = parse_ome(path.read_text(encoding="utf-8", errors="replace"))
    if ome is None:
        raise UserError(f"The OME-XML of {path.name} is damaged.")
    names = member_files(ome)
    if not names:
        raise UserError(f"{path.name} names no TIFF files. Open the TIFF files themselves.")
    members = [path.parent / name for name in names]
    files = tuple(member for member in members if member.is_file())
    if not files:
        raise UserError(f"{names[0]} is missing: copy the TIFF files of {path.name} beside it.")
    reader = _PageReader()
    try:
        images = [_image(image, path, reader) for image in ome.images]
    except (KeyError, TypeError) as error:
        raise UserError(f"The OME-XML of {path.name} is damaged: {error}.") from error
    source = select_image(images, scene, path)
    return replace(source, files=(path, *files))


class _PageReader:
    """Reads pages of TIFF files, of which few are open at a time."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, tifffile.TiffFile] = OrderedDict()
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._open)

    def __call__(self, path: Path, number: int) -> NDArray[Any]:
        """Return the pixels of a page.

        Raises
        ------
        OSError
            If the page cannot be read.
        """
        with self._lock:
            try:
                return np.asarray(self._file(path).pages[number].asarray())
            except Exception as error:
                raise OSError(f"page {number} of {path.name}: {error}") from error

    def _file(self, path: Path) -> tifffile.TiffFile:
        import tifffile

        if path not in self._open:
            self._open[path] = tifffile.TiffFile(path)
        self._open.move_to_end(path)
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].close()
        return self._open[path]


def _close(files: OrderedDict[Path, tifffile.TiffFile]) -> None:
    for file in files.values():
        file.close()


def _image(image: Image, path: Path, read: _PageReader) -> FileImage:
    pixels = image.pixels
    samples = max((channel.samples_per_pixel or 1 for channel in pixels.channels), default=1)
    if samples > 1 and samples != pixels.size_c:
        raise UserError(
            f"{path.name} describes both RGB and other channels, which cannot be read together. "
            "Open the TIFF files themselves."
        )
    grid = (pixels.size_t, 1 if samples > 1 else pixels.size_c, pixels.size_z)
    plane = (pixels.size_y, pixels.size_x) + ((samples,) if samples > 1 else ())
    places = dict(_places(pixels, grid, path.parent))

    def load(at: tuple[int, ...]) -> NDArray[Any]:
        position = at if samples == 1 else (at[0], 0, at[1])
        if position not in places:
            raise OSError(f"{path.name} names no file for it")
        file, number = places[position[0], position[1], position[2]]
        if not file.is_file():
            raise OSError(f"it is stored in a file that is missing: {file.name}")
        return read(file, number)

    stated = image_metadata(image)
    leading = grid if samples == 1 else (grid[0], grid[2])
    return FileImage(
        image.name or "",
        "TCZYX" if samples == 1 else "TZYXS",
        (PlaneGrid(leading, plane, _dtype(pixels), load),),
        stated.calibration,
        stated.channel_names if samples == 1 else (),
        stated.significant_bits,
        stated.notes + _missing(places, grid, path),
    )


def _dtype(pixels: Pixels) -> np.dtype[Any]:
    names = {"float": "float32", "double": "float64", "bit": "bool"}
    return np.dtype(names.get(pixels.type.value, pixels.type.value))


def _places(pixels: Pixels, grid: _Position, folder: Path) -> Iterator[tuple[_Position, _Place]]:
    """Yield the file and page of each plane."""
    # The first letter after XY changes fastest.
    order = pixels.dimension_order.value.removeprefix("XY")[::-1]
    lengths = dict(zip("TCZ", grid, strict=True))
    at = [order.index(axis) for axis in "TCZ"]
    ordered = product(*(range(lengths[axis]) for axis in order))
    every: list[_Position] = [(place[at[0]], place[at[1]], place[at[2]]) for place in ordered]
    numbers = {position: number for number, position in enumerate(every)}
    for block in pixels.tiff_data_blocks:
        if block.uuid is None or not block.uuid.file_name:
            continue
        start = numbers[block.first_t or 0, block.first_c or 0, block.first_z or 0]
        file, first = folder / str(block.uuid.file_name), block.ifd or 0
        for number, position in enumerate(every[start : start + _count(block, file)]):
            yield position, (file, first + number)


def _count(block: TiffData, file: Path) -> int:
    """Return the number of planes of a block: all pages where no number and no page is stated."""
    if block.plane_count is not None:
        return int(block.plane_count)
    if "ifd" in block.model_fields_set or not file.is_file():
        return 1
    import tifffile

    with tifffile.TiffFile(file) as opened:
        return len(opened.pages)


def _missing(places: dict[_Position, _Place], grid: _Position, path: Path) -> tuple[str, ...]:
    """Return a note about planes without a file."""
    files = {file: file.is_file() for file, _ in places.values()}
    readable = sum(files[file] for file, _ in places.values())
    count = int(np.prod(grid))
    if readable == count:
        return ()
    lost = sorted(file.name for file, exists in files.items() if not exists)
    listed = ", ".join(lost[:_MOST_NAMES]) + (" ..." if len(lost) > _MOST_NAMES else "")
    advice = (
        f"Files of this set are missing ({listed}): copy them to the same folder."
        if lost
        else f"{path.name} names no file for them. They cannot be read."
    )
    return (f"{count - readable} of {count} planes are missing. {advice}",)
