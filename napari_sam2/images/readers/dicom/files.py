"""Which files of a folder are DICOM."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from napari_sam2.images.readers.recognition import SUFFIXES, FileKind

_INDEX = "DICOMDIR"
_MOST_FILES = 2000
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")


def is_dicom_file(path: Path) -> bool:
    """Return whether a file has the DICOM magic (PS3.10), or the suffix of a DICOM file."""
    if path.suffix.lower() in SUFFIXES[FileKind.DICOM]:
        return True
    if path.suffix and not path.suffix[1:].isdigit():
        return False
    return has_dicom_magic(path)


def has_dicom_magic(path: Path) -> bool:
    """Return whether the text DICM follows the first 128 bytes of a file."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def list_dicom_files(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return the DICOM files in a folder and in the folders below it, and notes about others.

    The index file DICOMDIR and hidden files are left out.
    """
    found: list[Path] = []
    others: Counter[str] = Counter()
    for path in _walk(folder):
        if path.name.upper() == _INDEX:
            continue
        if is_dicom_file(path):
            found.append(path)
        else:
            others[path.suffix.lower() or "no suffix"] += 1
    if not others:
        return found, ()
    counts = ", ".join(f"{count} ({suffix})" for suffix, count in others.most_common(5))
    return found, (f"{folder.name}: files that are not DICOM are left out: {counts}.",)


def is_dicom_folder(folder: Path) -> bool:
    """Return whether a folder, or one below it, holds more DICOM files than pictures.

    At most 2000 files are examined.
    """
    if (folder / _INDEX).is_file():
        return True
    balance = 0
    for path in islice(_walk(folder), _MOST_FILES):
        if is_dicom_file(path):
            balance += 1
        elif path.suffix.lower() in _PICTURES:
            balance -= 1
    return balance > 0


def _walk(folder: Path) -> Iterator[Path]:
    """Return the files in a folder and below it, in order, without hidden ones and Zarrs."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and ".zarr" not in n)
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(parent, name)
