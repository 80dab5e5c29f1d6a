"""Check that a TIFF file is complete: the data of every page lie inside the file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from napari_sam2.core.errors import UserError

_SIZES = dict.fromkeys((1, 2, 6, 7), 1) | dict.fromkeys((3, 8), 2)
_SIZES |= dict.fromkeys((4, 9, 11, 13), 4) | dict.fromkeys((5, 10, 12, 16, 17, 18), 8)
_UNSIGNED = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_OFFSETS, _COUNTS = (273, 324), (279, 325)


class _TruncatedError(Exception):
    """The file ends inside a page directory."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Byte order and word sizes of classic TIFF or BigTIFF, as :mod:`struct` formats."""

    order: str
    big: bool

    @property
    def pointer(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def count(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:
        return self.order + ("HHQ8s" if self.big else "HHI4s")


def check_complete(path: Path) -> None:
    """Raise an error if the data of any page extend beyond the end of the file.

    Only the page directories are read (TIFF 6.0, section 2, and BigTIFF), no pixels.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    UserError
        If the file is not TIFF or is truncated; the message gives the page and the sizes.
    """
    with path.open("rb") as file:
        check_pages(file, path.name)


def check_pages(file: BinaryIO, name: str) -> None:
    """Raise an error as :func:`check_complete` does, for an open file.

    Parameters
    ----------
    file : binary file
        The file; it must be seekable.
    name : str
        Short name for messages.

    Raises
    ------
    UserError
        If the file is not TIFF or is truncated.
    """
    size = file.seek(0, 2)
    file.seek(0)
    layout, first = _header(file, name)
    for number, end in enumerate(_page_ends(file, layout, first)):
        if end > size:
            raise UserError(
                f"{name} is truncated: page {number} ends at byte {end}, but the file "
                f"has {size}. Copy or download it again."
            )


def _header(file: BinaryIO, name: str) -> tuple[_Layout, int]:
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack(f"{order}H", head[2:4])[0] if order and len(head) >= 8 else 0
    if version == 42:
        return _Layout(order or "<", False), int(struct.unpack(f"{order}I", head[4:8])[0])
    if version == 43 and len(head) == 16:
        return _Layout(order or "<", True), int(struct.unpack(f"{order}Q", head[8:16])[0])
    raise UserError(f"{name} is not a TIFF file, or its beginning is damaged.")


def _page_ends(file: BinaryIO, layout: _Layout, offset: int) -> Iterator[int]:
    """Yield the end, in bytes, of each page; a page outside the file is the last one."""
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        try:
            end, following = _page(file, layout, offset)
        except _TruncatedError:
            end, following = max(offset, file.seek(0, 2)) + 1, 0
        yield end
        offset = following


def _read(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    data = file.read(count)
    if len(data) != count:
        raise _TruncatedError
    return data


def _page(file: BinaryIO, layout: _Layout, offset: int) -> tuple[int, int]:
    width = struct.calcsize(layout.count)
    entries = int(struct.unpack(layout.count, _read(file, offset, width))[0])
    step = struct.calcsize(layout.entry)
    link = struct.calcsize(layout.pointer)
    table = _read(file, offset + width, entries * step + link)
    tags = {row[0]: row for row in struct.iter_unpack(layout.entry, table[:-link])}
    starts = _values(file, layout, tags, _OFFSETS)
    counts = _values(file, layout, tags, _COUNTS)
    pixels = max((a + b for a, b in zip(starts, counts, strict=False)), default=0)
    end = max(pixels, *(_tag_end(layout, row) for row in tags.values()), 0)
    return end, int(struct.unpack(layout.pointer, table[-link:])[0])


def _tag_end(layout: _Layout, row: tuple[int, int, int, bytes]) -> int:
    """Return the end of a tag's value in the file, 0 where it is stored in the table."""
    _, kind, count, inline = row
    length = count * _SIZES.get(kind, 0)
    return int(struct.unpack(layout.pointer, inline)[0]) + length if length > len(inline) else 0


def _values(
    file: BinaryIO,
    layout: _Layout,
    tags: dict[int, tuple[int, int, int, bytes]],
    names: tuple[int, int],
) -> tuple[int, ...]:
    row = next((tags[name] for name in names if name in tags), None)
    if row is None or row[1] not in _UNSIGNED:
        return ()
    _, kind, count, inline = row
    length = count * _SIZES[kind]
    data = inline[:length]
    if length > len(inline):
        place = struct.unpack(layout.pointer, inline)[0]
        data = _read(file, place, length)
    return struct.unpack(f"{layout.order}{count}{_UNSIGNED[kind]}", data)
