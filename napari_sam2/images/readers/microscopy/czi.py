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
from napari_sam2.images.readers.microscopy.czi_tiles import TiledArray, read_tiles
from napari_sam2.images.readers.microscopy.images import FileImage, missing_library, select_image

if TYPE_CHECKING:
    import czifile

_SECONDS_OF_A_DAY = 86400
_FIRST_DATE = 30000
"""Day number (in 1982) from which a first time stamp is a date, not seconds from the start."""
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
    interval = measured_interval(file)
    xml = ElementTree.fromstring(file.metadata() or "<ImageDocument/>")
    names = _scene_names(xml)
    scenes = sorted({tile.scene for tile in tiles})
    return [
        _image(
            TiledArray([tile for tile in tiles if tile.scene == scene], handle),
            names.get(scene, f"Scene {scene}"),
            xml,
            interval,
        )
        for scene in scenes
    ]


def _image(
    array: TiledArray, name: str, xml: ElementTree.Element, interval: float | None
) -> FileImage:
    counts = xml.findall(f"{_IMAGE}/Dimensions/Channels//ComponentBitCount")
    bits = {int(count.text or 0) for count in counts}
    used = bits.pop() if len(bits) == 1 else 0
    return FileImage(
        name,
        array.axes,
        (array,),
        _calibration(xml, interval if "T" in array.axes else None),
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


def _calibration(xml: ElementTree.Element, measured: float | None) -> Calibration:
    """Return the pixel sizes, which the file states in meters, and the interval in seconds.

    The interval that the file states comes before the one measured by its time stamps.
    """
    steps: dict[str, AxisStep] = {}
    for distance in xml.findall("./Metadata/Scaling/Items/Distance"):
        value = _number(distance.findtext("Value"))
        if value:
            steps[distance.attrib["Id"]] = AxisStep(value * 1e6, "micrometer")
    stated = _number(xml.findtext(f"{_IMAGE}/Dimensions/T/Positions/Interval/Increment"))
    interval = stated or measured
    if interval:
        steps["T"] = AxisStep(interval, "second")
    return Calibration(steps)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if np.isfinite(value) and value > 0 else None


def measured_interval(file: czifile.CziFile) -> float | None:
    """Return the mean time between frames in seconds, from the time stamps of the file.

    They are stored as seconds, or by some programs as days since 1899. None if there are none.
    """
    try:
        attachments = list(file.attachments())
    except Exception:  # czifile 2019 and 2026 raise different errors where there are none.
        return None
    for attachment in attachments:
        if attachment.attachment_entry.name != "TimeStamps":
            continue
        stamps = np.asarray(attachment.data(), float)
        if len(stamps) < 2:
            return None
        unit = _SECONDS_OF_A_DAY if stamps[0] > _FIRST_DATE else 1
        return float(stamps[-1] - stamps[0]) * unit / (len(stamps) - 1) or None
    return None
