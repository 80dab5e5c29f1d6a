"""The format of a file, from its suffix and its first bytes."""

from __future__ import annotations

from enum import Enum
from pathlib import Path


class FileKind(Enum):
    """Formats of single files, one for each reader."""

    TIFF = "TIFF"
    COMPANION = "OME-XML of a set of TIFF files"
    NIFTI = "NIfTI"
    DICOM = "DICOM"
    CZI = "Zeiss CZI"
    ND2 = "Nikon ND2"
    LIF = "Leica LIF"
    VIDEO = "video"
    NUMPY = "numpy"
    ZIPPED_ZARR = "zipped Zarr"
    METAMORPH = "MetaMorph index"
    PICTURE = "picture"
    OTHER = "unknown"


SUFFIXES: dict[FileKind, tuple[str, ...]] = {
    FileKind.TIFF: (
        *(".tif", ".tiff", ".btf", ".tf8", ".tf2"),
        *(".lsm", ".qptiff", ".svs", ".ndpi", ".scn", ".stk"),
    ),
    FileKind.COMPANION: (".companion.ome",),
    FileKind.NIFTI: (".nii", ".nii.gz", ".hdr", ".img"),
    FileKind.DICOM: (".dcm", ".dicom", ".dic", ".ima"),
    FileKind.CZI: (".czi",),
    FileKind.ND2: (".nd2",),
    FileKind.LIF: (".lif", ".lof", ".xlif", ".xlef"),
    FileKind.VIDEO: (
        *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"),
        *(".mpg", ".mpeg", ".wmv", ".ogv", ".gif", ".ts", ".mts", ".m2ts"),
        *(".3gp", ".flv", ".mxf", ".asf", ".vob", ".nut", ".y4m"),
    ),
    FileKind.NUMPY: (".npy",),
    FileKind.ZIPPED_ZARR: (".zarr.zip", ".ozx", ".zip"),
    FileKind.METAMORPH: (".nd",),
    FileKind.PICTURE: (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".webp"),
        *(".jp2", ".j2k", ".jpx", ".jpf", ".avif", ".pbm", ".pgm", ".ppm", ".pnm", ".tga"),
    ),
}
"""Lower-case suffixes of each format."""

_MAGIC: tuple[tuple[int, bytes, FileKind], ...] = (
    (128, b"DICM", FileKind.DICOM),
    (0, b"II*\0", FileKind.TIFF),
    (0, b"MM\0*", FileKind.TIFF),
    (0, b"II+\0", FileKind.TIFF),
    (0, b"MM\0+", FileKind.TIFF),
    (344, b"n+1\0", FileKind.NIFTI),
    (344, b"ni1\0", FileKind.NIFTI),
    (4, b"n+2\0", FileKind.NIFTI),
    (0, b"ZISRAWFILE", FileKind.CZI),
    (0, b"\xda\xce\xbe\x0a", FileKind.ND2),
    (0, b"\x89PNG\r\n", FileKind.PICTURE),
    (0, b"\xff\xd8\xff", FileKind.PICTURE),
    (0, b"\x93NUMPY", FileKind.NUMPY),
)
"""Offset and bytes by which a format is recognized."""
_LEICA = (b"\x70\0\0\0", b"\x2a")
"""First bytes of a Leica file, and its byte at offset 8."""


def recognize(path: Path) -> tuple[FileKind, tuple[str, ...]]:
    """Return the format of a file, and a note if its suffix is that of another one.

    The content decides where it is recognized; formats of one suffix keep it.
    """
    named, found = kind_by_suffix(path.name), kind_by_content(path)
    if found is None or found is named:
        return named, ()
    if named is FileKind.OTHER and found is FileKind.DICOM:
        return found, ()
    suffix = path.suffix or "no suffix"
    return found, (f"{path.name} is read as {found.value}, which its content is (not {suffix}).",)


def kind_by_suffix(name: str) -> FileKind:
    """Return the format of a file name, :attr:`FileKind.OTHER` if it is not known."""
    lower = name.lower()
    if lower == "dicomdir":
        return FileKind.DICOM
    kinds = (kind for kind, suffixes in SUFFIXES.items() if lower.endswith(suffixes))
    return next(kinds, FileKind.OTHER)


def kind_by_content(path: Path) -> FileKind | None:
    """Return the format that the first bytes of a file state, None if they state none."""
    with path.open("rb") as file:
        head = file.read(352)
    for offset, magic, kind in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return kind
    leica = head.startswith(_LEICA[0]) and head[8:9] == _LEICA[1]
    return FileKind.LIF if leica else None
