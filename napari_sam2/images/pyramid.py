"""Pyramids: usable levels, downsampled reading, and warnings about large chunks."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import Window
from napari_sam2.images.layout import AxisLayout
from napari_sam2.images.readers import LazyArray

STRIP_PIXELS = 4 * 1024**2
"""Largest number of full-resolution pixels that are downsampled at once."""
LARGE_CHUNK_BYTES = 64 << 20
"""Decompressed size of a chunk from which on the user is warned."""
RECOMMENDED_CHUNK_SIDE = 512
"""Side in pixels of the chunks that the warning recommends."""


def usable_levels(
    arrays: tuple[LazyArray, ...], layout: AxisLayout
) -> tuple[tuple[LazyArray, ...], tuple[int, ...], tuple[str, ...]]:
    """Return the levels that downsample only the plane, by the same whole number in y and x.

    Parameters
    ----------
    arrays : tuple of LazyArray
        All levels, full resolution first.
    layout : AxisLayout
        Roles of the axes.

    Returns
    -------
    arrays : tuple of LazyArray
        The usable levels.
    factors : tuple of int
        Their downsampling factors; the first is 1.
    notes : tuple of str
        A message about levels that are not used.
    """
    factors = [_factor(array, layout) for array in arrays]
    factors[0] = 1
    kept = [(a, f) for a, f in zip(arrays, factors, strict=True) if f is not None]
    skipped = [str(i) for i, f in enumerate(factors) if f is None]
    note = (
        f"Pyramid levels {', '.join(skipped)} are not used: they do not downsample rows and "
        "columns alone, by one whole number."
    )
    return tuple(a for a, _ in kept), tuple(f for _, f in kept), (note,) if skipped else ()


def _factor(array: LazyArray, layout: AxisLayout) -> int | None:
    if len(array.shape) != len(layout.axes):
        return None
    same = all(
        array.shape[i] == layout.lengths[i]
        for i, axis in enumerate(layout.axes)
        if axis not in layout.plane
    )
    sizes = [(layout.length(a), array.shape[layout.axes.index(a)]) for a in layout.plane]
    candidates = [round(full / small) for full, small in sizes if small]
    if not same or not candidates:
        return None
    factor = max(candidates)
    fits = all(full // factor <= small <= -(-full // factor) for full, small in sizes)
    return factor if factor >= 1 and fits else None


def read_downsampled(
    read: Callable[[Window], NDArray[np.uint8]], window: Window, factor: int
) -> NDArray[np.uint8]:
    """Return the means of blocks of ``factor`` x ``factor`` pixels of an RGB image.

    Parameters
    ----------
    read : Callable
        Returns the RGB pixels (h, w, 3) of a window.
    window : Window
        Window to read; blocks at the lower and right edge may be incomplete.
    factor : int
        Side of a block, in pixels.

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


def large_chunk_warnings(array: LazyArray, name: str, plane: tuple[int, int]) -> tuple[str, ...]:
    """Return a warning if reading a small window costs a very large chunk, else nothing.

    Parameters
    ----------
    array : LazyArray
        Array of the full resolution.
    name : str
        Name of the input, for the message.
    plane : tuple of int
        Positions of the row and the column axis.
    """
    if array.chunks is None:
        return ()
    lengths = [min(pair) for pair in zip(array.chunks, array.shape, strict=True)]
    size = array.dtype.itemsize * prod(lengths)
    if size <= LARGE_CHUNK_BYTES:
        return ()
    shape = " x ".join(map(str, lengths))
    recommended = tuple(
        min(RECOMMENDED_CHUNK_SIDE, length) if axis in plane else 1
        for axis, length in enumerate(array.shape)
    )
    return (
        f"The chunks of {name} are large ({shape}, {size / 1e6:.0f} MB), and even a small window "
        "needs at least one whole chunk in memory. Store the image in smaller chunks: "
        f"{_rechunk_hint(name, recommended)}",
    )


def _rechunk_hint(name: str, chunks: tuple[int, ...]) -> str:
    stem = name.removesuffix(".zarr")
    if stem == name:
        return f"save it as Zarr with chunks of {' x '.join(map(str, chunks))}."
    return (
        f"python -c \"import zarr; zarr.from_array('{stem}-rechunked.zarr', "
        f"data=zarr.open_array('{name}', mode='r'), chunks={chunks})\""
    )
