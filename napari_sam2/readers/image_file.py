"""One picture in one file: its size from the header, its pixels when asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.errors import UserError

SUFFIXES = (
    ".png .jpg .jpeg .bmp .tif .tiff .webp .jp2 .pgm .ppm .pnm .tga".split()  # noqa: SIM905
)
_TIFF = (".tif", ".tiff")
_DTYPES = {"L": "u1", "RGB": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4", "1": "u1"}


def is_image(path: Path) -> bool:
    """Whether the name is that of a picture."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def probe(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape (H, W) or (H, W, 3) and dtype, from the header alone.

    Raises
    ------
    UserError
        If the file is no picture, or holds several.
    """
    try:
        return _probe_tiff(path) if path.suffix.lower() in _TIFF else _probe_picture(path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path.name} is not a readable image: {error}.") from error


def load(path: Path) -> NDArray[Any]:
    """Decode a picture: (H, W), or (H, W, 3) for colour; palettes and alpha become RGB.

    Raises
    ------
    OSError
        If the pixels are damaged; the message names the file.
    """
    try:
        return _load_tiff(path) if path.suffix.lower() in _TIFF else _load_picture(path)
    except Exception as error:
        raise OSError(f"{path.name}: {error}") from error


def _mode(mode: str) -> str:
    """Name the Pillow mode to convert to."""
    if mode in _DTYPES:
        return mode
    return "L" if mode in ("LA", "La") else "RGB"


def _probe_picture(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    from PIL import Image

    with Image.open(path) as picture:
        mode = _mode(picture.mode)
        shape = (picture.height, picture.width)
    return (*shape, 3) if mode == "RGB" else shape, np.dtype(_DTYPES[mode])


def _load_picture(path: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as picture:
        mode = _mode(picture.mode)
        pixels = np.asarray(picture.convert("L" if mode == "1" else mode))
    return np.asarray(pixels, np.dtype(_DTYPES[mode]))


def _probe_tiff(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            raise UserError(
                f"{path.name} holds {len(file.pages)} pages; a folder is read as one plane a file. "
                "Open that file itself."
            )
        page = file.pages.first
        shape = tuple(n for n in page.shape[:2]) if page.axes in ("YX", "YXS") else ()
        if not shape:
            raise UserError(f"{path.name} has axes {page.axes}; a plane has YX, or YXS for RGB.")
        colour = page.axes == "YXS" and page.shape[2] in (3, 4)
        return (*shape, 3) if colour else shape, np.dtype(page.dtype)


def _load_tiff(path: Path) -> NDArray[Any]:
    import tifffile

    pixels = np.asarray(tifffile.imread(path))
    if pixels.ndim == 2:
        return pixels
    return pixels[..., :3] if pixels.shape[2] in (3, 4) else pixels[..., 0]
