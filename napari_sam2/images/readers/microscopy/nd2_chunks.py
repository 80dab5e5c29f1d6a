"""The map of chunks at the end of a Nikon file, which lists the frames that it holds."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import BinaryIO

_MAGIC = 0x0ABECEDA
_SIGNATURE = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_HEADER = struct.Struct("<IIQ")
"""Start of a chunk: magic number, length of its name, length of its data."""
_END = struct.Struct("<32sQ")
"""End of the file: signature, position of the map."""
_FRAME = re.compile(rb"ImageDataSeq\|(\d+)!(.{16})", re.DOTALL)
"""Entry of a frame in the map: its number, then position and length of its chunk."""


def recorded_frames(path: Path) -> frozenset[int] | None:
    """Return the numbers of the frames that a Nikon file holds completely.

    nd2 returns zeros for frames that the file lacks, and offers no way to tell them from frames
    that are black, so the map is read here.

    Parameters
    ----------
    path : Path
        A ``.nd2`` file.

    Returns
    -------
    frozenset of int or None
        None if the file has no such map: those of version 1 are JPEG 2000.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        content = _map(file, size)
    if content is None:
        return None
    entries = ((int(n), *struct.unpack("<QQ", place)) for n, place in _FRAME.findall(content))
    # Where a length is not known, the position is repeated.
    ends = {n: start + (0 if length == start else length) for n, start, length in entries}
    return frozenset(number for number, end in ends.items() if end + _HEADER.size <= size)


def _map(file: BinaryIO, size: int) -> bytes | None:
    """Return the content of the map, None if the file has none."""
    if size < _END.size:
        return None
    file.seek(size - _END.size)
    signature, start = _END.unpack(file.read(_END.size))
    if signature != _SIGNATURE or start + _HEADER.size > size:
        return None
    file.seek(start)
    magic, name, length = _HEADER.unpack(file.read(_HEADER.size))
    if magic != _MAGIC:
        return None
    file.seek(start + _HEADER.size + name)
    return file.read(min(length, size))
