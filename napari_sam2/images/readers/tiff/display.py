"""What TIFF files state about the display of their values, which are read as stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tifffile

_INKS = {"SEPARATED": "CMYK", "YCBCR": "YCbCr"}
_INKS |= dict.fromkeys(("CIELAB", "ICCLAB", "ITULAB"), "L*a*b*")
"""Names of colors other than RGB, by photometric interpretation (TIFF 6.0)."""
_DECODED = ("JPEG", "JPG", "JP2000", "WEBP")
"""Parts of the names of compressions that are decoded to RGB."""
_LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Share of red, green and blue in the luminance (ITU-R BT.601)."""


def is_rgb(page: tifffile.TiffPage) -> bool:
    """Return whether the first three samples of the pixels, as they are read, are RGB."""
    name = getattr(page.photometric, "name", "")
    return name == "RGB" or (name == "YCBCR" and _is_decoded(page))


def has_alpha(page: tifffile.TiffPage) -> bool:
    """Return whether the pixels are RGB with a fourth sample that the file calls transparency."""
    extra = tuple(int(value) for value in page.extrasamples)
    return is_rgb(page) and page.samplesperpixel == 4 and extra in ((1,), (2,))


def _is_decoded(page: tifffile.TiffPage) -> bool:
    return any(part in getattr(page.compression, "name", "") for part in _DECODED)


def display_notes(page: tifffile.TiffPage, *, imagej: bool) -> tuple[str, ...]:
    """Return a note if a page is shown with other gray values than those that are stored.

    Parameters
    ----------
    page : TiffPage
        The first page of the image.
    imagej : bool
        Whether ImageJ wrote the file: its color tables color intensities.
    """
    if page.photometric == 0:
        return (
            "The file states that 0 is white: the values are read as stored, so that dark and "
            "bright are exchanged.",
        )
    color = _INKS.get(getattr(page.photometric, "name", ""))
    if color is not None and not is_rgb(page):
        return (
            f"The colors are stored as {color} and are read as stored, not as RGB: convert the "
            "file to RGB.",
        )
    table = page.colormap
    if page.photometric != 3 or imagej or table is None:
        return ()
    if np.all(np.diff(np.asarray(table, np.float64).T @ _LUMINANCE) >= 0):
        return ()
    return (
        "The values are numbers of colors in a table, and are read as gray values: convert the "
        "file to RGB to segment its colors.",
    )
