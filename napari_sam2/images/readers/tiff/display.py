"""What TIFF files state about the display of their values, which are read as stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tifffile

_LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Share of red, green and blue in the luminance (ITU-R BT.601)."""


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
    table = page.colormap
    if page.photometric != 3 or imagej or table is None:
        return ()
    if np.all(np.diff(np.asarray(table, np.float64).T @ _LUMINANCE) >= 0):
        return ()
    return (
        "The values are numbers of colors in a table, and are read as gray values: convert the "
        "file to RGB to segment its colors.",
    )
