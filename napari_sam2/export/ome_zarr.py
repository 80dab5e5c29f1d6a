"""Writing of an OME-Zarr image with its labels, as pyramids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from napari_sam2.core.geometry import PlaneIndex, Window
from napari_sam2.export.destination import LABEL_GROUP
from napari_sam2.export.ngff import (
    PyramidMetadata,
    group_attributes,
    image_attributes,
    label_attributes,
    labels_attributes,
)
from napari_sam2.export.place import output_calibration
from napari_sam2.masks.label_array import LabelArray
from napari_sam2.masks.label_layout import label_chunks, tiles

if TYPE_CHECKING:
    from ome_zarr_models.v05.base import BaseOMEAttrs
    from ome_zarr_models.v05.multiscales import Multiscale

    from napari_sam2.images.stack import Stack

_COARSEST_SIDE = 256
"""The coarsest level is the first one whose planes have no longer side than this, in pixels."""


@dataclass(frozen=True)
class OmeZarrWriter:
    """Writes an OME-Zarr image with its labels; each level halves rows and columns.

    Parameters
    ----------
    path : Path
        Folder of the OME-Zarr.
    stack : Stack
        The image; only the channels that it reads are written.
    """

    path: Path
    stack: Stack

    def begin(self, ids: Iterable[int]) -> None:
        """Write the metadata of the labels, so that they can be viewed while they are written.

        Parameters
        ----------
        ids : iterable of int
            Object ids, for their colors.
        """
        self._write_attributes(".", group_attributes())
        self._write_attributes("labels", labels_attributes([LABEL_GROUP]))
        self._write_label_attributes(ids, levels=1)

    def finish(
        self, labels: LabelArray, ids: Iterable[int], classes: Mapping[int, str] | None = None
    ) -> None:
        """Write the image, the coarser levels of image and labels, and classes by object id."""
        self._write_label_levels(labels)
        self._write_label_attributes(ids, self._levels, classes)
        self._write_image()
        multiscale = self._multiscale(self.stack.name, self._levels, self._channel, mean=True)
        self._write_attributes(".", image_attributes(multiscale))

    @property
    def _levels(self) -> int:
        """Number of pyramid levels."""
        longest, count = max(self.stack.shape), 1
        while longest > _COARSEST_SIDE:
            longest, count = -(-longest // 2), count + 1
        return count

    @property
    def _channel(self) -> int:
        """Position of the channel axis: after time, before space."""
        return int(self.stack.label_axes[0] in "Tt")

    def _factors(self, level: int) -> tuple[int, ...]:
        """Return the downsampling factor of a level along each label axis."""
        where = self.stack.label_slices(self.stack.index(0))
        return tuple(2**level if isinstance(at, slice) else 1 for at in where)

    def _multiscale(self, name: str, levels: int, channel: int | None, *, mean: bool) -> Multiscale:
        factors = [self._factors(level) for level in range(levels)]
        axes, calibration = self.stack.label_axes, output_calibration(self.stack)
        return PyramidMetadata(axes, calibration, factors, channel, mean).multiscale(name)

    def _write_attributes(self, group: str, attributes: BaseOMEAttrs) -> None:
        opened = zarr.open_group(LocalStore(self.path / group), mode="a", zarr_format=3)
        opened.attrs["ome"] = attributes.model_dump(mode="json", by_alias=True, exclude_none=True)

    def _write_label_attributes(
        self, ids: Iterable[int], levels: int, classes: Mapping[int, str] | None = None
    ) -> None:
        multiscale = self._multiscale(LABEL_GROUP, levels, None, mean=False)
        self._write_attributes(f"labels/{LABEL_GROUP}", label_attributes(multiscale, ids, classes))

    def _tiles(self) -> Iterator[tuple[PlaneIndex, Window]]:
        """Yield index and window of the tiles of all planes."""
        where = self.stack.label_slices(self.stack.index(0))
        lengths = zip(where, self.stack.label_shape, strict=True)
        for index in np.ndindex(*(n for at, n in lengths if not isinstance(at, slice))):
            for tile in tiles(Window.of(self.stack.shape)):
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
                array[self.stack.label_slices(index, tile)] = crop

    def _write_image(self) -> None:
        at = self._channel
        arrays = [
            self._array(str(level), level, self.stack.dtype, at) for level in range(self._levels)
        ]
        for index, tile in self._tiles():
            planes = self.stack.read(index, tile)
            for array in arrays:
                key = self.stack.label_slices(index, tile)
                for number, plane in enumerate(planes):
                    array[(*key[:at], number, *key[at:])] = plane
                planes, tile = _mean(planes), _half(tile)

    def _array(
        self, name: str, level: int, dtype: np.dtype[Any], channel: int | None = None
    ) -> zarr.Array[Any]:
        axes = list(self.stack.label_axes.lower())
        lengths = zip(self.stack.label_shape, self._factors(level), strict=True)
        shape = [-(-length // factor) for length, factor in lengths]
        chunks = [min(c, n) for c, n in zip(label_chunks(self.stack), shape, strict=True)]
        if channel is not None:
            axes.insert(channel, "c")
            shape.insert(channel, self.stack.n_channels)
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
    """Return means of 2 x 2 pixels of (C, h, w); at odd edges the last pixel is repeated."""
    odd = ((0, 0), (0, planes.shape[1] % 2), (0, planes.shape[2] % 2))
    padded = np.pad(planes, odd, mode="edge")
    channels, height, width = padded.shape
    blocks = padded.reshape(channels, height // 2, 2, width // 2, 2)
    means = blocks.mean(axis=(2, 4))
    return np.asarray(means if planes.dtype.kind == "f" else np.rint(means)).astype(planes.dtype)
