"""Images of a TIFF file: its series, with those joined that were appended frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam2.images.readers.base import scene_note

if TYPE_CHECKING:
    import tifffile

_PREVIEWS = ("thumbnail", "label", "macro", "map", "overview", "preview")
"""Names of series that show the slide or its label, with and without the word image."""
_APPENDABLE = ("shaped", "generic", "uniform")
"""Kinds of series that tifffile finds without metadata about the whole file."""


@dataclass(frozen=True)
class TiffImage:
    """One image of a TIFF file: a series, or several of the same form that follow one another.

    Parameters
    ----------
    parts : tuple of TiffPageSeries
        The series.
    number : int
        Position of the first series in the file.
    name : str
        Name of the series, its number if it has none.
    """

    parts: tuple[tifffile.TiffPageSeries, ...]
    number: int
    name: str

    @property
    def series(self) -> tifffile.TiffPageSeries:
        """The first series."""
        return self.parts[0]

    @property
    def n_planes(self) -> int:
        """Number of 2-D planes."""
        lengths = dict(zip(self.series.axes, self.series.shape, strict=True))
        planes = [n for axis, n in lengths.items() if axis not in "YXS"]
        return len(self.parts) * math.prod(planes)

    @property
    def is_preview(self) -> bool:
        """Whether the name is that of a thumbnail, or of the label or overview of a slide."""
        return self.name.lower().removesuffix("image").strip() in _PREVIEWS


def list_images(file: tifffile.TiffFile) -> list[TiffImage]:
    """Return the images of a file.

    Series of one shape (apart from the number of frames) and type are one image, as they are
    written by programs that append a movie frame by frame.
    """
    groups: dict[object, list[int]] = {}
    for number, series in enumerate(file.series):
        groups.setdefault(_form(series, number), []).append(number)
    images: list[TiffImage] = []
    for numbers in groups.values():
        parts = tuple(file.series[number] for number in numbers)
        images.append(TiffImage(parts, numbers[0], parts[0].name or str(len(images))))
    return images


def _form(series: tifffile.TiffPageSeries, number: int) -> object:
    """Return a key that is the same for series that belong to one image."""
    if series.kind not in _APPENDABLE or len(series.levels) > 1 or not series.shape:
        return number
    page = series.keyframe
    shape = series.shape[1:] if joins_along_first(series) else series.shape
    return shape, str(series.dtype), series.axes, page.photometric, page.planarconfig


def joins_along_first(series: tifffile.TiffPageSeries) -> bool:
    """Return whether appended series continue the first axis: frames, or an axis without name."""
    return series.axes[0] in "TQI"


def default_image(images: list[TiffImage]) -> int:
    """Return the image that is opened unless another is chosen.

    It is the one with most planes; of several, the first. Previews are opened only if there is
    nothing else.
    """
    real = [i for i, image in enumerate(images) if not image.is_preview] or [0]
    return max(real, key=lambda i: images[i].n_planes)


def image_notes(images: list[TiffImage], opened: int, chosen: bool, name: str) -> tuple[str, ...]:
    """Return notes about images that are not read and about joined series.

    Parameters
    ----------
    images : list of TiffImage
        All images of the file.
    opened : int
        The image that is read.
    chosen : bool
        Whether the user chose it.
    name : str
        The file, for messages.
    """
    notes = []
    if (count := len(images[opened].parts)) > 1:
        notes.append(
            f"{name} was written in {count} parts of one shape: they are read as the frames of one "
            "stack."
        )
    real = [image for image in images if not image.is_preview]
    if not chosen and len(images) > 1 and (len(real) > 1 or images[opened].is_preview):
        notes += scene_note(tuple(image.name for image in images), opened, name)
    return tuple(notes)
