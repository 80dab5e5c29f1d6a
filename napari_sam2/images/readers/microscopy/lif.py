"""Leica files (LIF, LOF, XLIF and XLEF), read plane by plane by liffile."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.base import PlaneGrid, Source
from napari_sam2.images.readers.microscopy.images import FileImage, missing_library, select_image

_DESCRIPTION = "./Data/Image/ImageDescription"
_METERS_TO_MICROMETERS = 1e6
_AXIS_IDS = {"1": "X", "2": "Y", "3": "Z", "4": "T"}
_UNITS = {"m": "micrometer", "s": "second"}
"""Units in the file, and those of the calibration, where meters become micrometers."""
_WAVELENGTH = "λ"


def read_lif(path: Path, scene: str | int | None = None) -> Source:
    """Open an image of a Leica file; the fluorescence lifetimes that it may hold are left out.

    Parameters
    ----------
    path : Path
        A ``.lif``, ``.lof``, ``.xlif`` or ``.xlef`` file.
    scene : str, int or None
        Name or number of the image; None opens the one with the most planes.

    Raises
    ------
    UserError
        If liffile is missing, or the file is damaged, truncated or holds no image.
    """
    try:
        import liffile
    except ImportError as error:
        raise missing_library("Leica files", "liffile") from error
    try:
        file = liffile.LifFile(path)
    except Exception as error:
        raise UserError(f"Cannot open {path.name} as a Leica file: {error}.") from error
    weakref.finalize(lock := threading.Lock(), file.close)
    try:
        plain = [image for image in file.images if not image.is_flim]
        names = _names(plain)
        images = [_image(*pair, lock, path) for pair in zip(plain, names, strict=True)]
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"Cannot read {path.name}: {error}.") from error
    lifetimes = len(file.images) - len(plain)
    notes = (f"{path.name}: {lifetimes} lifetime images are left out.",) if lifetimes else ()
    return select_image(images, scene, path, notes)


def _names(images: list[Any]) -> list[str]:
    """Return the names of images, with their folders in the file where names occur twice."""
    names = [image.name for image in images]
    if len(set(names)) == len(names):
        return names
    return [image.path for image in images]


def _image(image: Any, name: str, lock: Any, path: Path) -> FileImage:
    _check_complete(image, path)
    dims = tuple(image.frames.dims)
    plane_dims = tuple(image.frames.frame_dims)
    sizes = dict(zip(dims, image.frames.shape, strict=True))
    leading = tuple(dim for dim in dims if dim not in plane_dims)
    axes = "".join(_letter(dim, leading) for dim in leading)

    def load(position: tuple[int, ...]) -> NDArray[Any]:
        with lock:
            return np.asarray(image.frame(**dict(zip(leading, position, strict=True))))

    plane = tuple(sizes[dim] for dim in plane_dims)
    array = PlaneGrid(tuple(sizes[dim] for dim in leading), plane, np.dtype(image.dtype), load)
    calibration, notes = _calibration(image)
    bits = {int(channel.attrib["Resolution"]) for channel in _channels(image)}
    stored = array.dtype.itemsize * 8
    return FileImage(
        name,
        axes + "".join(plane_dims),
        (array,),
        calibration,
        tuple(channel.attrib.get("LUTName", "") for channel in _channels(image)),
        bits.pop() if len(bits) == 1 and max(bits) < stored else None,
        notes,
    )


def _letter(dim: str, dims: tuple[str, ...]) -> str:
    """Return one letter for a dimension; wavelengths are channels if there are no others."""
    if dim == _WAVELENGTH and "C" not in dims:
        return "C"
    return dim if len(dim) == 1 else dim[-1]


def _channels(image: Any) -> list[Any]:
    return list(image.xml_element.findall(f"{_DESCRIPTION}/Channels/ChannelDescription"))


def _check_complete(image: Any, path: Path) -> None:
    block = image.memory_block
    end = block.offset + block.size
    if not block.frames and path.suffix.lower() in (".lif", ".lof") and end > path.stat().st_size:
        raise UserError(
            f"{path.name} is truncated: the image {image.name} ends at byte {end}, but the file "
            f"has {path.stat().st_size} bytes. Copy it again."
        )


def _calibration(image: Any) -> tuple[Calibration, tuple[str, ...]]:
    elements = image.xml_element.findall(f"{_DESCRIPTION}/Dimensions/DimensionDescription")
    units = {_AXIS_IDS.get(e.attrib["DimID"]): e.attrib.get("Unit", "") for e in elements}
    steps, notes = {}, []
    for axis, values in image.coords.items():
        if axis not in units or len(values) < 2 or values[1] == values[0]:
            continue
        step, unit, origin = float(values[1] - values[0]), units.get(axis, ""), float(values[0])
        if unit == "m":
            step, origin = step * _METERS_TO_MICROMETERS, origin * _METERS_TO_MICROMETERS
        if step < 0:
            notes.append(f"The {axis} axis runs in negative direction: its step is {-step:.4g}.")
        steps[axis] = AxisStep(
            abs(step), {"m": "micrometer", "s": "second"}.get(unit, unit), origin
        )
    interval = _time_interval(image)
    if interval is not None and "T" not in steps:
        steps["T"] = AxisStep(interval, "second")
    return Calibration(steps), tuple(notes)


def _time_interval(image: Any) -> float | None:
    """Return the mean time between frames in seconds, from the time stamps of all planes."""
    stamps, sizes = image.timestamps, image.sizes
    frames = sizes.get("T", 1)
    if stamps is None or frames < 2 or len(stamps) % frames:
        return None
    starts = stamps.reshape(frames, -1)[:, 0]
    span = (starts[-1] - starts[0]) / np.timedelta64(1, "ms")
    return float(span) / 1000 / (frames - 1) or None
