"""Metadata of OME-Zarr images and labels, version 0.5.

The specification is https://ngff.openmicroscopy.org/0.5/; the models are those of ome-zarr-models.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ome_zarr_models.v05.axes import Axis
from ome_zarr_models.v05.base import BaseOMEAttrs
from ome_zarr_models.v05.image import ImageAttrs
from ome_zarr_models.v05.image_label import ImageLabelAttrs
from ome_zarr_models.v05.image_label_types import Color, Label, Property, Source
from ome_zarr_models.v05.labels import LabelsAttrs
from ome_zarr_models.v05.multiscales import Dataset, Multiscale

from napari_sam2.images.calibration import AxisStep, Calibration

VERSION: Literal["0.5"] = "0.5"
_TYPES = {"T": "time", "Z": "space", "Y": "space", "X": "space"}
_GOLDEN_RATIO = 0.618033988749895


@dataclass(frozen=True, slots=True)
class PyramidMetadata:
    """Axes and pixel sizes of an array and its downsampled copies.

    Parameters
    ----------
    axes : str
        Upper-case label axes.
    calibration : Calibration
        Pixel sizes, units and origin of the full resolution.
    factors : sequence of tuple of int
        Downsampling factor of each level along each axis.
    channel : int or None
        Position at which the channel axis is inserted; None for arrays without channels.
    mean : bool
        Whether pixels of coarser levels are means of blocks, whose centers are shifted.
    """

    axes: str
    calibration: Calibration
    factors: Sequence[tuple[int, ...]]
    channel: int | None = None
    mean: bool = False

    def multiscale(self, name: str) -> Multiscale:
        """Return the multiscales entry; the levels are named ``"0"``, ``"1"``, ..."""
        axes = [_axis(axis, self.calibration.step(axis)) for axis in self.axes]
        if self.channel is not None:
            axes.insert(self.channel, Axis(name="c", type="channel"))
        datasets = tuple(self._dataset(level) for level in range(len(self.factors)))
        return Multiscale(name=name, axes=axes, datasets=datasets)

    def _dataset(self, level: int) -> Dataset:
        sizes = self.calibration.scale(self.axes)
        pairs = list(zip(sizes, self.factors[level], strict=True))
        scale = [size * factor for size, factor in pairs]
        half = [size * (factor - 1) / 2 if self.mean else 0.0 for size, factor in pairs]
        shift = [a + b for a, b in zip(self.calibration.origin(self.axes), half, strict=True)]
        if self.channel is not None:
            scale.insert(self.channel, 1.0)
            shift.insert(self.channel, 0.0)
        translation = shift if any(shift) else None
        return Dataset.build(path=str(level), scale=scale, translation=translation)


def _axis(axis: str, step: AxisStep) -> Axis:
    unit = None if step.symbol is None else step.unit
    return Axis(name=axis.lower(), type=_TYPES[axis], unit=unit)


def group_attributes() -> BaseOMEAttrs:
    """Return the metadata of a group that holds no image yet."""
    return BaseOMEAttrs(version=VERSION)


def image_attributes(multiscale: Multiscale) -> ImageAttrs:
    """Return the metadata of an image."""
    return ImageAttrs(version=VERSION, multiscales=[multiscale])


def labels_attributes(names: Iterable[str]) -> LabelsAttrs:
    """Return the metadata of the group that holds the label images of these names."""
    return LabelsAttrs(version=VERSION, labels=list(names))


def label_attributes(
    multiscale: Multiscale, ids: Iterable[int], classes: Mapping[int, str] | None = None
) -> ImageLabelAttrs:
    """Return the metadata of a label image: a color for each object id, and the classes.

    The class of an object is the property ``class`` of its label. The image is two groups above
    the label image.
    """
    ids = tuple(ids)
    colors = tuple(
        Color.model_validate({"label-value": i, "rgba": color(i)}) for i in sorted(set(ids))
    )
    properties = None
    if classes:
        named = {i: {"class": classes[i]} if i in classes else {} for i in sorted(set(ids))}
        properties = tuple(
            Property.model_validate({"label-value": i, **found}) for i, found in named.items()
        )
    label = Label(colors=colors, source=Source(image="../../"), properties=properties)
    return ImageLabelAttrs.model_validate(
        {"version": VERSION, "multiscales": [multiscale], "image-label": label}
    )


def color(object_id: int) -> tuple[int, int, int, int]:
    """Return the RGBA color (0..255) of an object; consecutive ids get distinct hues."""
    red, green, blue = colorsys.hsv_to_rgb(object_id * _GOLDEN_RATIO % 1, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255), 255
