"""Mask prompts in label images on disk, named by the hash of their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.atomic_files import atomic_write
from napari_sam2.core.geometry import Window
from napari_sam2.masks.label_layout import label_dtype
from napari_sam2.prompts.types import MaskPrompt

_TILE = 256
_OURS = re.compile(r"[0-9a-f]{16}\.tif")
Layer = list[MaskPrompt]


@dataclass(frozen=True)
class MaskFiles:
    """A folder of label images, each with masks of one frame that do not overlap.

    Files are added and removed but never changed: existing masks are not written again, and other
    processes can read at any time.

    Parameters
    ----------
    folder : Path
        Created with the first file.
    shape : tuple of int
        Height and width of a plane.
    """

    folder: Path
    shape: tuple[int, int]

    def write(self, masks: Iterable[MaskPrompt]) -> dict[MaskPrompt, str]:
        """Write masks and return the path of each, relative to the parent of the folder."""
        places = {}
        for layer in _layers(masks):
            name = f"{_digest(layer)}.tif"
            path = self.folder / name
            if not path.exists():
                self.folder.mkdir(parents=True, exist_ok=True)
                with atomic_write(path) as temporary:
                    self._write(temporary, layer)
            places.update(dict.fromkeys(layer, f"{self.folder.name}/{name}"))
        return places

    def remove_others(self, places: Iterable[str]) -> None:
        """Remove the files written by this class that are not among ``places``."""
        kept = {Path(place).name for place in places}
        for path in self.folder.glob("*.tif"):
            if _OURS.fullmatch(path.name) and path.name not in kept:
                path.unlink()

    def _write(self, path: Path, layer: Layer) -> None:
        import tifffile

        dtype = label_dtype(mask.object_id for mask in layer)
        tifffile.imwrite(
            path,
            self._tiles(layer, dtype),
            shape=self.shape,
            dtype=dtype,
            tile=(_TILE, _TILE),
            compression="zlib",
            bigtiff=self.shape[0] * self.shape[1] * dtype.itemsize > 2**31,
        )

    def _tiles(self, layer: Layer, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
        """Yield the tiles of the plane row by row, the order of TIFF."""
        height, width = self.shape
        for y in range(0, height, _TILE):
            for x in range(0, width, _TILE):
                tile = np.zeros((_TILE, _TILE), dtype=dtype)
                window = Window(y, x, y + _TILE, x + _TILE)
                for mask in layer:
                    common = window.intersect(mask.window)
                    if not common.empty:
                        inside = mask.mask[common.relative_to(mask.window).slices]
                        tile[common.relative_to(window).slices][inside] = mask.object_id
                yield tile


def _layers(masks: Iterable[MaskPrompt]) -> Iterator[Layer]:
    frames: dict[int, list[Layer]] = {}
    for mask in masks:
        layers = frames.setdefault(mask.frame, [])
        home = next((layer for layer in layers if not any(_meet(mask, o) for o in layer)), None)
        if home is None:
            layers.append([mask])
        else:
            home.append(mask)
    for layers in frames.values():
        yield from layers


def _meet(first: MaskPrompt, second: MaskPrompt) -> bool:
    common = first.window.intersect(second.window)
    if common.empty:
        return False
    mine = first.mask[common.relative_to(first.window).slices]
    theirs = second.mask[common.relative_to(second.window).slices]
    return bool(np.any(mine & theirs))


def _digest(layer: Layer) -> str:
    digest = hashlib.sha256()
    for mask in layer:
        digest.update(f"{mask.object_id} {mask.frame} {mask.window}".encode())
        digest.update(np.packbits(mask.mask).tobytes())
    return digest.hexdigest()[:16]
