"""OME metadata of TIFF files, parsed by ome-types."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_sam2.images.calibration import PIXEL, AxisStep, Calibration

if TYPE_CHECKING:
    from ome_types.model import OME, Image, Pixels, Plane

_SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PICOMETERS = {"km": 1e15, "m": 1e12, "dm": 1e11, "cm": 1e10, "mm": 1e9, "µm": 1e6, "nm": 1e3}
_PICOMETERS |= {"Å": 1e2, "pm": 1.0, "in": 2.54e10, "mil": 2.54e7, "ft": 3.048e11}
_NOT_A_LENGTH = ("pixel", "reference frame")
_EVEN = 0.05
"""Largest deviation of distances from their mean, as a fraction of it."""


@dataclass(frozen=True)
class OmeImage:
    """What OME metadata state about one image.

    Parameters
    ----------
    calibration : Calibration
        Steps and origins.
    channel_names : tuple of str
        Name of each channel; empty if none has one.
    significant_bits : int or None
        Number of bits that the values use.
    notes : tuple of str
        Messages for the user.
    """

    calibration: Calibration
    channel_names: tuple[str, ...] = ()
    significant_bits: int | None = None
    notes: tuple[str, ...] = ()


def parse_ome(xml: str) -> OME | None:
    """Return the OME metadata of a file, None if they cannot be parsed."""
    import warnings

    from ome_types import from_xml

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return from_xml(xml, validate=False)
    except Exception:  # parsers of XML and of the schema raise errors of many types
        return None


def member_files(ome: OME) -> tuple[str, ...]:
    """Return the names of the files that hold planes of any image, in order."""
    blocks = (
        block
        for image in ome.images
        for block in image.pixels.tiff_data_blocks
        if block.uuid is not None and block.uuid.file_name
    )
    return tuple(dict.fromkeys(str(block.uuid.file_name) for block in blocks if block.uuid))


def find_image(ome: OME, number: int, count: int, name: str) -> Image | None:
    """Return the image of a series: by position if each image has a series, else by name."""
    if len(ome.images) == count:
        return ome.images[number]
    alike = [image for image in ome.images if image.name == name]
    return alike[0] if len(alike) == 1 else None


def image_metadata(image: Image) -> OmeImage:
    """Return sizes, origin, channel names and bit depth of an image.

    The step of Z and of T comes from the positions and times of the planes where the image states
    none.
    """
    pixels = image.pixels
    steps = {}
    for axis in "ZYX":
        if (step := _spatial_step(pixels, axis)) is not None:
            steps[axis] = step
    step, notes = _time_step(pixels)
    if step is not None:
        steps["T"] = step
    names = tuple(channel.name or "" for channel in pixels.channels)
    return OmeImage(
        Calibration(steps),
        names if any(names) else (),
        pixels.significant_bits,
        notes,
    )


def _spatial_step(pixels: Pixels, axis: str) -> AxisStep | None:
    size = getattr(pixels, f"physical_size_{axis.lower()}")
    unit = getattr(pixels, f"physical_size_{axis.lower()}_unit").value
    unit = PIXEL if unit in _NOT_A_LENGTH else unit
    places = _places(pixels, axis, unit)
    if size is None and axis == "Z":
        unit = "µm"
        places = _places(pixels, axis, unit)
        size = _even_step(places[z] for z in sorted(places))
    if size is None or not math.isfinite(size) or size <= 0:
        return None
    return AxisStep(float(size), unit, places.get(0, 0.0))


def _places(pixels: Pixels, axis: str, unit: str) -> dict[int, float]:
    """Return the position of the planes of the first channel and time, by Z, in ``unit``."""
    places = {}
    for plane in _first_planes(pixels):
        place = getattr(plane, f"position_{axis.lower()}")
        stated = getattr(plane, f"position_{axis.lower()}_unit").value
        if place is not None and stated in _PICOMETERS and unit in _PICOMETERS:
            places[plane.the_z] = _converted(float(place), _PICOMETERS[stated], _PICOMETERS[unit])
    return places


def _first_planes(pixels: Pixels) -> Iterable[Plane]:
    return (plane for plane in pixels.planes if plane.the_c == 0 and plane.the_t == 0)


def _converted(value: float, before: float, after: float) -> float:
    return value if before == after else value * before / after


def _time_step(pixels: Pixels) -> tuple[AxisStep | None, tuple[str, ...]]:
    times = {
        plane.the_t: float(plane.delta_t) * _SECONDS[plane.delta_t_unit.value]
        for plane in pixels.planes
        if plane.the_c == 0 and plane.the_z == 0 and plane.delta_t is not None
        if plane.delta_t_unit.value in _SECONDS
    }
    if pixels.time_increment:
        unit = pixels.time_increment_unit.value
        start = _converted(times.get(0, 0.0), 1.0, _SECONDS.get(unit, math.inf))
        return AxisStep(float(pixels.time_increment), unit, start), ()
    if len(times) < 2:
        return None, ()
    interval = _even_step(times[t] for t in sorted(times))
    if interval is None or sorted(times) != list(range(len(times))):
        return None, ("The times of the frames are not evenly spaced: no frame interval is used.",)
    return AxisStep(interval, "s", times[0]), ()


def _even_step(values: Iterable[float]) -> float | None:
    """Return the mean distance of ascending values, None if the distances differ."""
    distances = [after - before for before, after in pairwise(values)]
    mean = abs(sum(distances) / len(distances)) if distances else 0.0
    even = mean > 0 and all(abs(abs(d) - mean) <= _EVEN * mean for d in distances)
    return mean if even else None
