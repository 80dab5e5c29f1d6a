"""Header and pixels of PNG, JPEG and other files that Pillow reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.images.calibration import AxisStep
from napari_sam2.images.readers.orientation import (
    AS_STORED,
    Orientation,
    exif_orientation,
    turned_steps,
)
from napari_sam2.images.readers.raster.image_header import ImageHeader

if TYPE_CHECKING:
    from PIL.Image import Image

_DTYPES = {"L": "u1", "RGB": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4", "1": "u1"}
_ORIENTATION_TAG = 274
_MICROMETERS_PER_INCH = 25400.0
SCREEN_DPI = (0, 1, 72, 96)
"""Resolutions that programs write when they know none."""
_FEATURES = {
    ".webp": "webp",
    ".avif": "avif",
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".jpf"), "jpg_2000"),
}


def read_header(path: Path) -> ImageHeader:
    """Return what a file states, without decoding its pixels."""
    from PIL import Image

    with Image.open(path) as image:
        mode = _target_mode(image.mode)
        orientation = stated_orientation(image)
        height, width = image.height, image.width
        size = (width, height) if orientation.transpose else (height, width)
        images = int(getattr(image, "n_frames", 1))
        several = image.format == "MPO"
        return ImageHeader(
            (*size, 3) if mode == "RGB" else size,
            np.dtype(_DTYPES[mode]),
            "YXS" if mode == "RGB" else "YX",
            orientation,
            turned_steps(_pixel_sizes(image), orientation),
            alpha="A" in image.getbands() or "transparency" in image.info,
            deep_color=_has_deep_color(image),
            frames=1 if several else images,
            extra_images=images - 1 if several else 0,
        )


def load(path: Path, frame: int = 0) -> NDArray[Any]:
    """Return the pixels as stored, (H, W) or (H, W, 3); palettes and CMYK become RGB."""
    from PIL import Image

    with Image.open(path) as image:
        mode = _target_mode(image.mode)
        if frame:
            image.seek(frame)
        pixels = np.asarray(image.convert("L" if mode == "1" else mode))
    return np.asarray(pixels, np.dtype(_DTYPES[mode]))


def has_transparency(path: Path) -> bool:
    """Return whether any pixel of an image with an alpha channel is not opaque."""
    from PIL import Image

    with Image.open(path) as image:
        bands = image if "A" in image.getbands() else image.convert("RGBA")
        return bool(np.asarray(bands.getchannel("A")).min() < 255)


def frame_seconds(path: Path, count: int) -> tuple[float, ...]:
    """Return the duration of each frame of an animation in seconds, 0 where it is not stated."""
    from PIL import Image

    seconds = []
    with Image.open(path) as image:
        for number in range(count):
            image.seek(number)
            image.load()
            seconds.append(float(image.info.get("duration") or 0) / 1000)
    return tuple(seconds)


def missing_codec(path: Path) -> str | None:
    """Return the name of the feature that the installed Pillow lacks for a file, or None."""
    from PIL import features

    feature = _FEATURES.get(path.suffix.lower())
    return None if feature is None or features.check(feature) else feature


def _target_mode(mode: str) -> str:
    """Return the Pillow mode to convert to."""
    if mode in _DTYPES:
        return mode
    return "L" if mode in ("LA", "La") else "RGB"


def stated_orientation(image: Image) -> Orientation:
    """Return the EXIF orientation; that of a PNG only if it stands before the pixels."""
    if image.format == "PNG" and "exif" not in image.info:
        return AS_STORED
    return exif_orientation(image.getexif().get(_ORIENTATION_TAG))


def _has_deep_color(image: Image) -> bool:
    """Return whether Pillow reduces the values of a PNG file from 16 to 8 bits."""
    tiles = getattr(image, "tile", ()) if image.format == "PNG" else ()
    return any(";16" in str(tile[3]) for tile in tiles) and image.mode in ("RGB", "RGBA", "LA")


def _pixel_sizes(image: Image) -> Mapping[str, AxisStep]:
    try:
        across, down = (float(value) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError):
        return {}
    if round(across) in SCREEN_DPI or round(down) in SCREEN_DPI:
        return {}
    return {
        "Y": AxisStep(_MICROMETERS_PER_INCH / down, "micrometer"),
        "X": AxisStep(_MICROMETERS_PER_INCH / across, "micrometer"),
    }
