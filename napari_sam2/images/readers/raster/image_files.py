"""Image files of any format: header and pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.orientation import AS_STORED
from napari_sam2.images.readers.raster import pillow_files, tiff_files
from napari_sam2.images.readers.raster.image_header import ImageHeader
from napari_sam2.images.readers.recognition import FileKind, kind_by_content


def read_header(path: Path) -> ImageHeader:
    """Return what an image file states, without decoding its pixels.

    Raises
    ------
    UserError
        If the file is empty, not readable or not an image, or needs a codec that is not installed.
    """
    try:
        if path.stat().st_size == 0:
            raise UserError(f"{path.name} is empty (0 bytes).")
        return tiff_files.read_header(path) if _is_tiff(path) else pillow_files.read_header(path)
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(
            f"{path.name} cannot be read: you have no permission to read it."
        ) from error
    except Exception as error:
        if codec := pillow_files.missing_codec(path):
            raise UserError(
                f"{path.name} cannot be read, as the installed Pillow lacks {codec}. Install one "
                "that has it: pip install --upgrade pillow"
            ) from error
        raise UserError(f"{path.name} is not a readable image: {error}.") from error


def load(path: Path, header: ImageHeader, frame: int = 0) -> NDArray[Any]:
    """Return the pixels of an image, in the orientation in which it is shown.

    Parameters
    ----------
    path : Path
        The file.
    header : ImageHeader
        What :func:`read_header` returned for it.
    frame : int
        Number of the frame of an animation.

    Raises
    ------
    OSError
        If the pixels are damaged; the message gives the file name.
    """
    try:
        pixels = tiff_files.load(path) if _is_tiff(path) else pillow_files.load(path, frame)
    except Exception as error:
        raise OSError(f"{path.name}: {error}") from error
    return pixels if header.orientation == AS_STORED else header.orientation.apply(pixels)


def header_notes(files: list[Path], headers: list[ImageHeader]) -> tuple[str, ...]:
    """Return messages about what is turned, reduced or not read in some images.

    Alpha channels are looked up in the first, middle and last image that has one.
    """
    pairs = list(zip(files, headers, strict=True))
    turned = [file for file, header in pairs if header.orientation != AS_STORED]
    deep = [file for file, header in pairs if header.deep_color]
    extra = [file for file, header in pairs if header.extra_images]
    clear = _transparent([file for file, header in pairs if header.alpha])
    texts = {
        "rotated as the EXIF orientation states; other programs may show the pixels as stored": (
            turned
        ),
        "transparent in places: the alpha channel is not read": clear,
        "in color with 16 bits, of which 8 are read": deep,
        "followed by further images in the same file, which are not read": extra,
    }
    subjects = (f"{_subject(found, len(files))} {text}." for text, found in texts.items() if found)
    return (*subjects, *_stated_notes(pairs))


def _stated_notes(pairs: list[tuple[Path, ImageHeader]]) -> tuple[str, ...]:
    """Return the notes of the headers; one that does not hold for all images names them."""
    found: dict[str, list[Path]] = {}
    for file, header in pairs:
        for note in header.notes:
            found.setdefault(note, []).append(file)
    return tuple(
        note if len(holders) == len(pairs) else f"{_which(holders, len(pairs))}: {note}"
        for note, holders in found.items()
    )


def _which(found: list[Path], total: int) -> str:
    return found[0].name if len(found) == 1 else f"{len(found)} of {total} images"


def _subject(found: list[Path], total: int) -> str:
    if total == 1 or len(found) == 1:
        return f"{found[0].name} is"
    return f"{len(found)} of {total} images are"


def _transparent(files: list[Path]) -> list[Path]:
    """Return all files with an alpha channel, or none if the three that are checked are opaque."""
    checked = {files[0], files[len(files) // 2], files[-1]} if files else set()
    return files if any(_has_transparency(path) for path in checked) else []


def _has_transparency(path: Path) -> bool:
    reader = tiff_files if _is_tiff(path) else pillow_files
    try:
        return reader.has_transparency(path)
    except Exception:
        return False


def _is_tiff(path: Path) -> bool:
    content = kind_by_content(path)
    named = path.suffix.lower() in (".tif", ".tiff")
    return content is FileKind.TIFF or (content is None and named)
