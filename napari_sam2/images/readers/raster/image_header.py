"""What the header of an image file states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.images.calibration import AxisStep
from napari_sam2.images.readers.orientation import AS_STORED, Orientation
from napari_sam2.images.readers.recognition import SUFFIXES, FileKind

_TIFF_SUFFIXES = (".tif", ".tiff")


def is_image(path: Path) -> bool:
    """Return whether the file name is that of a visible image file."""
    return path.suffix.lower() in (
        *SUFFIXES[FileKind.PICTURE],
        *_TIFF_SUFFIXES,
    ) and not path.name.startswith(".")


@dataclass(frozen=True, eq=False)
class ImageHeader:
    """Shape and type of the pixels that are read from an image file, and what is not read.

    Parameters
    ----------
    shape : tuple of int
        Lengths of all axes, in the orientation in which the image is shown.
    dtype : dtype
        Type of the values.
    axes : str
        A letter for each axis, ``"YX"`` or ``"YXS"`` for most files.
    orientation : Orientation
        How the stored pixels are turned.
    steps : mapping of str to AxisStep
        Pixel sizes that the file states.
    alpha : bool
        Whether the file has an alpha channel, which is not read.
    deep_color : bool
        Whether the colors of the file have 16 bits, of which 8 are read.
    frames : int
        Number of frames of an animation.
    extra_images : int
        Number of further images in the file, which are not read.
    fill_value : float or None
        Value that the file states for pixels without data.
    notes : tuple of str
        Messages about the metadata and the values of the file.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    orientation: Orientation = AS_STORED
    steps: Mapping[str, AxisStep] = field(default_factory=dict)
    alpha: bool = False
    deep_color: bool = False
    frames: int = 1
    extra_images: int = 0
    fill_value: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> tuple[object, ...]:
        """What has to be equal for all images of a stack; gray and RGB may be mixed."""
        size = tuple(n for axis, n in zip(self.axes, self.shape, strict=True) if axis not in ("S",))
        return size, self.axes.removesuffix("S"), self.dtype.str

    @property
    def rgb(self) -> bool:
        """Whether the pixels are RGB samples."""
        return "S" in self.axes

    def __str__(self) -> str:
        lengths = dict(zip(self.axes, self.shape, strict=True))
        others = "".join(f", {n} {a}" for a, n in lengths.items() if a not in "YXS")
        return f"{lengths['X']} x {lengths['Y']} {self.dtype.name}{others}"
