"""Zeiss files (CZI), read tile by tile by czifile."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.images.calibration import AxisStep, Calibration
from napari_sam2.images.readers.base import Source
from napari_sam2.images.readers.microscopy.czi_tiles import Tile, TiledArray, read_tiles
from napari_sam2.images.readers.microscopy.images import FileImage, missing_library, select_image

if TYPE_CHECKING:
    import czifile

_IMAGE = "./Metadata/Information/Image"


def read_czi(path: Path, scene: str | int | None = None) -> Source:
    """Open a scene of a Zeiss file; the tiles of a mosaic are put at their stage positions.

    Parameters
    ----------
    path : Path
        A ``.czi`` file.
    scene : str, int or None
        Name or number of the scene; None opens the one with the most planes.

    Raises
    ------
    UserError
        If czifile is missing, or the file is damaged or compressed in an unknown way.
    """
    try:
        import czifile
    except ImportError as error:
        raise missing_library("Zeiss files", "czifile") from error
    try:
        file = czifile.CziFile(path)
    except Exception as error:
        raise UserError(f"Cannot open {path.name} as a Zeiss file: {error}.") from error
    try:
        images = _images(file, path)
    except UserError:
        file.close()
        raise
    except Exception as error:
        file.close()
        raise UserError(f"Cannot read {path.name}: {error}.") from error
    return select_image(images, scene, path)


class _FileHandle:
    """Keeps a file open until no array uses it."""

    def __init__(self, file: czifile.CziFile) -> None:
        weakref.finalize(self, file.close)


def _images(file: czifile.CziFile, path: Path) -> list[FileImage]:
    tiles = read_tiles(file, path)
    handle = _FileHandle(file)
    xml = ElementTree.fromstring(file.metadata() or "<ImageDocument/>")
    names = _scene_names(xml)
    scenes = sorted({tile.scene for tile in tiles})
    return [
        _image([tile for tile in tiles if tile.scene == scene], names.get(scene), xml, handle)
        for scene in scenes
    ]


def _image(
    tiles: list[Tile], name: str | None, xml: ElementTree.Element, handle: _FileHandle
) -> FileImage:
    array = TiledArray(tiles, handle)
    bits = {
        int(e.text or 0) for e in xml.findall(f"{_IMAGE}/Dimensions/Channels//ComponentBitCount")
    }
    used = bits.pop() if len(bits) == 1 else 0
    return FileImage(
        name or f"Scene {tiles[0].scene}",
        array.axes,
        (array,),
        _calibration(xml),
        _channel_names(xml),
        used if 0 < used < array.dtype.itemsize * 8 else None,
        array.notes,
    )


def _scene_names(xml: ElementTree.Element) -> Mapping[int, str]:
    return {
        int(scene.attrib.get("Index", number)): scene.attrib["Name"]
        for number, scene in enumerate(xml.findall(f"{_IMAGE}/Dimensions/S/Scenes/Scene"))
        if scene.attrib.get("Name")
    }


def _channel_names(xml: ElementTree.Element) -> tuple[str, ...]:
    channels = xml.findall(f"{_IMAGE}/Dimensions/Channels/Channel")
    return tuple(channel.attrib.get("Name", f"C{i}") for i, channel in enumerate(channels))


def _calibration(xml: ElementTree.Element) -> Calibration:
    """Return the pixel sizes, which the file states in meters, and the interval in seconds."""
    steps: dict[str, AxisStep] = {}
    for distance in xml.findall("./Metadata/Scaling/Items/Distance"):
        value = _number(distance.findtext("Value"))
        if value:
            steps[distance.attrib["Id"]] = AxisStep(value * 1e6, "micrometer")
    interval = _number(xml.findtext(f"{_IMAGE}/Dimensions/T/Positions/Interval/Increment"))
    if interval:
        steps["T"] = AxisStep(interval, "second")
    return Calibration(steps)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if np.isfinite(value) and value > 0 else None
