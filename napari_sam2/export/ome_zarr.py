"""An OME-Zarr image with its labels: pyramids, colours, scale and units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.export.calibration import Calibrated, Calibration
from napari_sam2.export.destination import LABEL_GROUP
from napari_sam2.export.ngff import VERSION, Pyramid, image_label
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.label_layout import LabelGeometry, label_chunks, tiles

_SMALL = 256
"""A pyramid ends at the first level whose plane is at most this long."""


class ImageSource(LabelGeometry, Calibrated, Protocol):
    """The stack whose pixels the image shows."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    @property
    def n_channels(self) -> int:
        """Number of channels that are read."""

    @property
    def name(self) -> str:
        """Short name."""

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Read one plane, or a window of it, as (C, h, w)."""


@dataclass(frozen=True)
class OmeZarrWriter:
    """One OME-Zarr output. Only planes shrink in its pyramids, by 2 from level to level.

    Parameters
    ----------
    path : Path
        The folder.
    source : ImageSource
        The stack; its chosen channels become the image.
    """

    path: Path
    source: ImageSource

    def begin(self, ids: Iterable[int]) -> None:
        """Write the labels' metadata, so that they can be viewed while they are written.

        Parameters
        ----------
        ids : iterable of int
            Objects, for their colours.

        Raises
        ------
        UserError
            If the input's axes cannot be ordered so.
        """
        Calibration.of(self.source).check_ngff()
        self._describe(".", {})
        self._describe("labels", {"labels": [LABEL_GROUP]})
        self._describe_labels(ids, levels=1)

    def finish(self, labels: LabelArray, ids: Iterable[int]) -> None:
        """Add the image and the coarser levels of image and labels."""
        self._write_label_levels(labels)
        self._describe_labels(ids, self._levels)
        self._write_image()
        pyramid = self._pyramid(self._levels, self._channel, mean=True)
        self._describe(".", {"multiscales": pyramid.multiscales(self.source.name)})

    @property
    def _levels(self) -> int:
        longest, count = max(self.source.shape), 1
        while longest > _SMALL:
            longest, count = -(-longest // 2), count + 1
        return count

    @property
    def _channel(self) -> int:
        """Where NGFF wants the channels: after time, before space."""
        return int(self.source.label_axes[0] in "Tt")

    def _factors(self, level: int) -> tuple[int, ...]:
        where = self.source.label_slices(self.source.index(0))
        return tuple(2**level if isinstance(at, slice) else 1 for at in where)

    def _pyramid(self, levels: int, channel: int | None, *, mean: bool) -> Pyramid:
        factors = [self._factors(level) for level in range(levels)]
        return Pyramid(Calibration.of(self.source), factors, channel, mean)

    def _describe(self, group: str, facts: dict[str, Any]) -> None:
        opened = zarr.open_group(LocalStore(self.path / group), mode="a", zarr_format=3)
        opened.attrs["ome"] = {"version": VERSION, **facts}

    def _describe_labels(self, ids: Iterable[int], levels: int) -> None:
        pyramid = self._pyramid(levels, None, mean=False)
        facts = {"multiscales": pyramid.multiscales(LABEL_GROUP), "image-label": image_label(ids)}
        self._describe(f"labels/{LABEL_GROUP}", facts)

    def _tiles(self) -> Iterator[tuple[PlaneIndex, Window]]:
        where = self.source.label_slices(self.source.index(0))
        lengths = zip(where, self.source.label_shape, strict=True)
        for index in np.ndindex(*(n for at, n in lengths if not isinstance(at, slice))):
            for tile in tiles(Window.of(self.source.shape)):
                yield index, tile

    def _write_label_levels(self, labels: LabelArray) -> None:
        arrays = [
            self._array(f"labels/{LABEL_GROUP}/{level}", level, labels.dtype)
            for level in range(1, self._levels)
        ]
        for index, tile in self._tiles():
            crop = labels.read(index, tile)
            if not crop.any():
                continue
            for array in arrays:
                crop, tile = crop[::2, ::2], _half(tile)
                array[self.source.label_slices(index, tile)] = self.source.oriented(crop)

    def _write_image(self) -> None:
        at = self._channel
        arrays = [
            self._array(str(level), level, self.source.dtype, at) for level in range(self._levels)
        ]
        for index, tile in self._tiles():
            planes = self.source.read(index, tile)
            for array in arrays:
                key = self.source.label_slices(index, tile)
                for number, plane in enumerate(planes):
                    array[(*key[:at], number, *key[at:])] = self.source.oriented(plane)
                planes, tile = _mean(planes), _half(tile)

    def _array(
        self, name: str, level: int, dtype: np.dtype[Any], channel: int | None = None
    ) -> zarr.Array[Any]:
        axes = list(self.source.label_axes.lower())
        lengths = zip(self.source.label_shape, self._factors(level), strict=True)
        shape = [-(-length // factor) for length, factor in lengths]
        chunks = [min(c, n) for c, n in zip(label_chunks(self.source), shape, strict=True)]
        if channel is not None:
            axes.insert(channel, "c")
            shape.insert(channel, self.source.n_channels)
            chunks.insert(channel, 1)
        return zarr.create_array(
            store=LocalStore(self.path / name),
            shape=shape,
            chunks=tuple(chunks),
            dtype=dtype,
            fill_value=0,
            zarr_format=3,
            dimension_names=axes,
            config={"write_empty_chunks": False},
            overwrite=True,
        )


def _half(window: Window) -> Window:
    return Window(window.y0 // 2, window.x0 // 2, -(-window.y1 // 2), -(-window.x1 // 2))


def _mean(planes: NDArray[Any]) -> NDArray[Any]:
    """Halve (C, h, w) by means of 2 x 2 pixels; odd edges repeat their last pixel."""
    odd = ((0, 0), (0, planes.shape[1] % 2), (0, planes.shape[2] % 2))
    padded = np.pad(planes, odd, mode="edge")
    channels, height, width = padded.shape
    blocks = padded.reshape(channels, height // 2, 2, width // 2, 2)
    means = blocks.mean(axis=(2, 4))
    return np.asarray(means if planes.dtype.kind == "f" else np.rint(means)).astype(planes.dtype)
