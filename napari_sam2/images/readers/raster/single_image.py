"""Single image files, and animations in PNG and WebP files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.base import PlaneGrid, Source
from napari_sam2.images.readers.raster import pillow_files
from napari_sam2.images.readers.raster.image_files import header_notes, load, read_header
from napari_sam2.images.readers.raster.image_header import ImageHeader

_REGULAR = 0.1
"""Relative deviation of a duration from the mean up to which frames are evenly spaced."""


def read_one_image(path: Path) -> Source:
    """Open a single image as one plane, decoded at once, or an animation as frames.

    Raises
    ------
    UserError
        If the file is not an image, is damaged, or needs a codec that is not installed.
    """
    header = read_header(path)
    notes = header_notes([path], [header])
    if header.frames > 1:
        return _animation(path, header, notes)
    try:
        pixels = load(path, header)
    except OSError as error:
        raise UserError(f"Cannot read the image {error}.") from error
    calibration = Calibration(header.steps)
    return Source((WrappedArray(pixels),), path.name, header.axes, calibration, (path,), notes)


def _animation(path: Path, header: ImageHeader, notes: tuple[str, ...]) -> Source:
    def frame(position: tuple[int, ...]) -> NDArray[Any]:
        return load(path, header, *position)

    try:
        seconds = pillow_files.frame_seconds(path, header.frames)
    except Exception as error:
        raise UserError(f"Cannot read the animation {path.name}: {error}.") from error
    steps = dict(header.steps)
    mean = float(np.mean(seconds))
    if mean > 0:
        steps["T"] = AxisStep(mean, "second")
        if max(abs(value - mean) for value in seconds) > _REGULAR * mean:
            notes += (
                "The frames are not evenly spaced in time: the mean interval, "
                f"{mean:.6g} s, is used.",
            )
    array = PlaneGrid((header.frames,), header.shape, header.dtype, frame)
    return Source((array,), path.name, "T" + header.axes, Calibration(steps), (path,), notes)
