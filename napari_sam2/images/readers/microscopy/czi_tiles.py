"""Tiles of a Zeiss file, and the planes that they make up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.readers.base import Key

if TYPE_CHECKING:
    import czifile


@dataclass(frozen=True, eq=False)
class Tile:
    """One block of pixels of a plane.

    Parameters
    ----------
    scene : int
        Number of the scene, 0 if the file has none.
    place : mapping of str to int
        Position on each axis other than Y and X.
    window : Window
        Place in the plane, in pixels of the whole slide.
    samples : int
        Number of color samples of a pixel.
    dtype : dtype
        Type of the values.
    read : callable
        Returns the pixels, (Y, X) or (Y, X, S).
    """

    scene: int
    place: dict[str, int]
    window: Window
    samples: int
    dtype: np.dtype[Any]
    read: Callable[[], NDArray[Any]]


def read_tiles(file: czifile.CziFile, path: Path) -> list[Tile]:
    """Return the tiles of full resolution of a file, in the order in which they are drawn.

    Raises
    ------
    UserError
        If the file holds no pixels, or the installed czifile cannot decompress them.
    """
    entries = [entry for entry in file.filtered_subblock_directory if not _reduced(entry)]
    if not entries:
        raise UserError(f"{path.name} holds no pixels at full resolution.")
    _check_compression(entries, path)
    return [_tile(file, entry) for entry in entries]


def _reduced(entry: Any) -> bool:
    return int(entry.pyramid_type) != 0 or tuple(entry.shape) != tuple(entry.stored_shape)


def _check_compression(entries: Sequence[Any], path: Path) -> None:
    """Check the compression for czifile 2019, which fails with a KeyError at the first read."""
    import czifile

    known = getattr(getattr(czifile, "czifile", None), "DECOMPRESS", None)
    unknown = {entry.compression for entry in entries} - set(known or ())
    if known is None or not unknown - {0}:
        return
    raise UserError(
        f"{path.name} is compressed by Zstandard or another method (number {min(unknown)}), which "
        "czifile reads from version 2026 on: it needs Python 3.12 or later. Or save the file "
        "uncompressed in ZEN, or export it as OME-TIFF."
    )


def _tile(file: czifile.CziFile, entry: Any) -> Tile:
    axes, start, shape = _axes(entry), tuple(entry.start), tuple(entry.shape)
    place = dict(zip(axes, (int(n) for n in start), strict=True))
    sizes = dict(zip(axes, (int(n) for n in shape), strict=True))
    scene = max(0, place.pop("scene", int(getattr(entry, "scene_index", 0))))
    y, x, samples = place.pop("Y"), place.pop("X"), sizes["samples"]
    place.pop("samples")
    window = Window(y, x, y + sizes["Y"], x + sizes["X"])
    target = (*window.shape, samples) if samples > 1 else window.shape

    def read() -> NDArray[Any]:
        if hasattr(entry, "read_segment_data"):
            return np.asarray(entry.read_segment_data(file).data()).reshape(target)
        return np.asarray(entry.data_segment().data(resize=False)).reshape(target)

    return Tile(scene, place, window, samples, np.dtype(entry.dtype).base, read)


def _axes(entry: Any) -> tuple[str, ...]:
    """Return the names of the axes of an entry, with the scene and the samples apart.

    The last axis is that of the samples. The scene is an axis S in czifile 2019, and no axis in
    later versions.
    """
    letters = tuple(getattr(entry, "dims", None) or entry.axes)[:-1]
    return (*("scene" if letter == "S" else letter for letter in letters), "samples")


class TiledArray:
    """Planes that are composed of tiles when they are indexed; only the tiles needed are read.

    Later tiles cover earlier ones, as in ZEN. Pixels that no tile covers are 0.

    Parameters
    ----------
    tiles : sequence of Tile
        The tiles of one scene.
    owner : object
        Object that must live as long as the array, such as its open file.
    """

    def __init__(self, tiles: Sequence[Tile], owner: object = None) -> None:
        self._owner = owner
        letters = [axis for axis in tiles[0].place if any(tile.place.get(axis) for tile in tiles)]
        starts = {a: min(tile.place.get(a, 0) for tile in tiles) for a in letters}
        stops = {a: max(tile.place.get(a, 0) for tile in tiles) + 1 for a in letters}
        kept = [axis for axis in letters if stops[axis] - starts[axis] > 1]
        frame = reduce(Window.union, (tile.window for tile in tiles))
        self._planes: dict[tuple[int, ...], list[tuple[Window, Tile]]] = {}
        for tile in tiles:
            place = tuple(tile.place.get(axis, 0) - starts[axis] for axis in kept)
            window = tile.window.shift(-frame.y0, -frame.x0)
            self._planes.setdefault(place, []).append((window, tile))
        color = tiles[0].samples > 1
        self._samples = (tiles[0].samples,) if color else ()
        self.axes = "".join(kept) + ("YXS" if color else "YX")
        self._grid = tuple(stops[axis] - starts[axis] for axis in kept)
        self.shape = (*self._grid, *frame.shape, *self._samples)
        self.dtype = np.result_type(*{tile.dtype for tile in tiles})
        largest = [max(side) for side in zip(*(tile.window.shape for tile in tiles), strict=True)]
        self.chunks = (*(1 for _ in kept), *largest, *self._samples)

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user about planes and pixels that the file lacks."""
        notes: tuple[str, ...] = ()
        lacking = int(np.prod(self._grid)) - len(self._planes)
        if lacking:
            notes += (f"The file lacks {lacking} of its planes: they cannot be read.",)
        depth = len(self._grid)
        size = self.shape[depth] * self.shape[depth + 1]
        covered = sum(w.shape[0] * w.shape[1] for w, _ in next(iter(self._planes.values())))
        if covered < size:
            notes += ("The tiles do not cover the whole plane: pixels between them are 0.",)
        return notes

    def __getitem__(self, key: Key) -> NDArray[Any]:
        depth = len(self._grid)
        return self._read((), key[:depth], key[depth:])

    def _read(self, done: tuple[int, ...], rest: Key, inside: Key) -> NDArray[Any]:
        if not rest:
            return self._plane(done, inside)
        first = rest[0]
        if isinstance(first, int):
            return self._read((*done, first), rest[1:], inside)
        numbers = range(*first.indices(self._grid[len(done)]))
        return np.stack([self._read((*done, number), rest[1:], inside) for number in numbers])

    def _plane(self, place: tuple[int, ...], inside: Key) -> NDArray[Any]:
        if place not in self._planes:
            raise OSError("the file holds no pixels of this plane")
        depth = len(self._grid)
        wanted = _window(inside, self.shape[depth : depth + 2])
        pixels = np.zeros((*wanted.shape, *self._samples), self.dtype)
        for window, tile in self._planes[place]:
            common = window.intersect(wanted)
            if not common.empty:
                source = common.shift(-window.y0, -window.x0).slices
                pixels[common.shift(-wanted.y0, -wanted.x0).slices] = tile.read()[source]
        return pixels[(*(_local(part) for part in inside[:2]), *inside[2:])]


def _window(key: Key, shape: Sequence[int]) -> Window:
    """Return the rows and columns that a key addresses."""
    (y0, y1), (x0, x1) = (
        (part, part + 1) if isinstance(part, int) else part.indices(length)[:2]
        for part, length in zip(key, shape, strict=False)
    )
    return Window(y0, x0, max(y0, y1), max(x0, x1))


def _local(part: int | slice) -> int | slice:
    """Return the key of an axis in a block that starts where the key starts."""
    return 0 if isinstance(part, int) else slice(None, None, part.step)
