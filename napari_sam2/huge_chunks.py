"""Say when an array's chunks make every look dear, and how to store it better."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.readers import LazyArray

LARGE = 64 << 20
"""Bytes of a chunk, decompressed, from which on it is worth a word."""
BETTER = 512
"""Side of the chunks that are advised."""


def chunk_notes(array: LazyArray, name: str, plane: tuple[int, int]) -> tuple[str, ...]:
    """Return what a user should know about an array's chunks; mostly nothing.

    Parameters
    ----------
    array : LazyArray
        The full resolution.
    name : str
        What messages call it.
    plane : tuple of int
        Positions of the row and the column axis.
    """
    if array.chunks is None:
        return ()
    lengths = [min(pair) for pair in zip(array.chunks, array.shape, strict=True)]
    size = array.dtype.itemsize * prod(lengths)
    if size <= LARGE:
        return ()
    shape = " x ".join(map(str, lengths))
    better = tuple(
        min(BETTER, length) if axis in plane else 1 for axis, length in enumerate(array.shape)
    )
    return (
        f"The chunks of {name} are large ({shape}, {size / 1e6:.0f} MB): every window that is "
        "read, however small, costs at least one of them in time and memory. Store it once in "
        f"smaller ones: {_command(name, better)}",
    )


def _command(name: str, chunks: tuple[int, ...]) -> str:
    stem = name.removesuffix(".zarr")
    if stem == name:
        return f"save it as Zarr with chunks of {' x '.join(map(str, chunks))}."
    return (
        f"python -c \"import zarr; zarr.from_array('{stem}-rechunked.zarr', "
        f"data=zarr.open_array('{name}', mode='r'), chunks={chunks})\""
    )
