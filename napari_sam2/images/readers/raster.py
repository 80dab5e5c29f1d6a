"""Single images (PNG, JPEG, one-page TIFF, ...), and folders of images as frames."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.base import FrameArray, Source
from napari_sam2.images.readers.recognition import FileKind, kind_by_content

SUFFIXES = (
    ".png .jpg .jpeg .bmp .tif .tiff .webp .jp2 .pgm .ppm .pnm .tga".split()  # noqa: SIM905
)
_TIFF = (".tif", ".tiff")
_DTYPES = {"L": "u1", "RGB": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4", "1": "u1"}


def is_image(path: Path) -> bool:
    """Return whether the file name is that of a visible image file."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def probe(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape, (H, W) or (H, W, 3), and dtype of an image from its header.

    Raises
    ------
    UserError
        If the file is not a readable image or holds several images.
    """
    try:
        return _probe_tiff(path) if _is_tiff(path) else _probe_pillow(path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path.name} is not a readable image: {error}.") from error


def load(path: Path) -> NDArray[Any]:
    """Return the pixels of an image, (H, W) or (H, W, 3); palettes and alpha become RGB.

    Raises
    ------
    OSError
        If the pixels are damaged; the message gives the file name.
    """
    try:
        return _load_tiff(path) if _is_tiff(path) else _load_pillow(path)
    except Exception as error:
        raise OSError(f"{path.name}: {error}") from error


def _is_tiff(path: Path) -> bool:
    content = kind_by_content(path)
    return content is FileKind.TIFF or (content is None and path.suffix.lower() in _TIFF)


def _target_mode(mode: str) -> str:
    """Return the Pillow mode to convert to."""
    if mode in _DTYPES:
        return mode
    return "L" if mode in ("LA", "La") else "RGB"


def _probe_pillow(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    from PIL import Image

    with Image.open(path) as image:
        mode = _target_mode(image.mode)
        shape = (image.height, image.width)
    return (*shape, 3) if mode == "RGB" else shape, np.dtype(_DTYPES[mode])


def _load_pillow(path: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as image:
        mode = _target_mode(image.mode)
        pixels = np.asarray(image.convert("L" if mode == "1" else mode))
    return np.asarray(pixels, np.dtype(_DTYPES[mode]))


def _probe_tiff(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            raise UserError(
                f"{path.name} holds {len(file.pages)} pages, but a folder is read as one plane per "
                "file. Open that file itself."
            )
        page = file.pages.first
        shape = tuple(n for n in page.shape[:2]) if page.axes in ("YX", "YXS") else ()
        if not shape:
            raise UserError(
                f"{path.name} has axes {page.axes}, but a plane has axes YX, or YXS for RGB."
            )
        rgb = page.axes == "YXS" and page.shape[2] in (3, 4)
        return (*shape, 3) if rgb else shape, np.dtype(page.dtype)


def _load_tiff(path: Path) -> NDArray[Any]:
    import tifffile

    pixels = np.asarray(tifffile.imread(path))
    if pixels.ndim == 2:
        return pixels
    return pixels[..., :3] if pixels.shape[2] in (3, 4) else pixels[..., 0]


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``img2`` before ``img10``."""
    parts = [part for part in re.split(r"(\d+)", name.lower()) if part]
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def read_image_folder(folder: Path) -> Source:
    """Open the images of a folder as frames in natural order; other files are ignored.

    Parameters
    ----------
    folder : Path
        A folder with at least one image; all images have the same size and type.

    Raises
    ------
    UserError
        If the folder holds no images, or their sizes or types differ.
    """
    files = [path for path in folder.iterdir() if path.is_file() and is_image(path)]
    if not files:
        raise UserError(_no_images_message(folder))
    return read_images(files, folder.name)


def read_images(files: list[Path], name: str | None = None) -> Source:
    """Open images as frames in natural order of their names.

    Parameters
    ----------
    files : list of Path
        At least one image; all have the same size and type.
    name : str or None
        Short name for messages; None takes that of the first image.

    Raises
    ------
    UserError
        If the sizes or types differ.
    """
    files = sorted(files, key=lambda path: natural_key(path.name))
    name = name or files[0].name
    shape, dtype, notes = _common_type(files)
    kinds = Counter(path.suffix.lower() for path in files)
    if len(kinds) > 1:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        notes += (f"{name} mixes {counts}: all are read as frames.",)

    def frame(number: int) -> NDArray[Any]:
        pixels = load(files[number])
        gray = len(shape) == 3 and pixels.ndim == 2
        return np.repeat(pixels[..., None], 3, axis=2) if gray else pixels

    array = FrameArray(len(files), shape, dtype, frame)
    axes = "?YXS" if len(shape) == 3 else "?YX"
    return Source((array,), name, axes=axes, files=tuple(files), notes=notes)


def _no_images_message(folder: Path) -> str:
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
    hint = f"; did you mean one of its folders ({', '.join(folders[:5])})?" if folders else "."
    return f"The folder {folder} holds no images and is not a Zarr{hint}"


def _common_type(files: list[Path]) -> tuple[tuple[int, ...], np.dtype[Any], tuple[str, ...]]:
    """Return the common shape and type of all images, and notes; gray among RGB becomes RGB."""
    kinds = [probe(path) for path in files]
    first_shape, first_dtype = kinds[0]
    for path, (shape, dtype) in zip(files, kinds, strict=True):
        if shape[:2] != first_shape[:2] or dtype != first_dtype:
            raise UserError(
                f"The images differ: {files[0].name} is {_describe(first_shape, first_dtype)}, "
                f"{path.name} is {_describe(shape, dtype)}. A stack needs one size and type."
            )
    rgb = sum(len(shape) == 3 for shape, _ in kinds)
    if rgb in (0, len(files)):
        return first_shape, first_dtype, ()
    note = f"{rgb} of {len(files)} images are RGB: the gray ones are read as RGB too."
    return (*first_shape[:2], 3), first_dtype, (note,)


def _describe(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    return f"{shape[1]} x {shape[0]} {dtype}"


def read_one_image(path: Path) -> Source:
    """Open a single image as one plane; it is decoded at once.

    Raises
    ------
    UserError
        If the file is not an image of a known format, or is damaged.
    """
    probe(path)
    try:
        pixels = load(path)
    except OSError as error:
        raise UserError(f"Cannot read the image {error}.") from error
    axes = "YXS" if pixels.ndim == 3 else "YX"
    return Source((WrappedArray(pixels),), path.name, axes=axes, files=(path,))
