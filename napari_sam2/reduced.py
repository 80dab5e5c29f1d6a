"""Read a large window coarsely where no pyramid level does it, a strip at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_sam2.geometry import Window

STRIP_PIXELS = 4 * 1024**2
"""Pixels held at once."""


def read_reduced(
    read: Callable[[Window], NDArray[np.uint8]], window: Window, factor: int
) -> NDArray[np.uint8]:
    """Return the mean colour of blocks of ``factor`` x ``factor`` pixels.

    Parameters
    ----------
    read : Callable
        Returns the RGB pixels (h, w, 3) of a window.
    window : Window
        What to read; blocks at the lower and right edge may be smaller.
    factor : int
        Side of a block in pixels.

    Returns
    -------
    NDArray[np.uint8]
        (ceil(h / factor), ceil(w / factor), 3).
    """
    width = max(window.x1 - window.x0, 1)
    rows = max(STRIP_PIXELS // (width * factor), 1) * factor
    strips = []
    for y in range(window.y0, window.y1, rows):
        strip = Window(y, window.x0, min(y + rows, window.y1), window.x1)
        strips.append(_block_means(read(strip), factor))
    return np.concatenate(strips)


def _block_means(image: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    pads = ((0, -height % factor), (0, -width % factor), (0, 0))
    padded = np.pad(image, pads, mode="edge")
    blocks = padded.reshape(padded.shape[0] // factor, factor, -1, factor, 3)
    return np.asarray(np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)), dtype=np.uint8)
