"""Pixel sizes and frame interval of OME-TIFF, ImageJ and plain TIFF files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_sam2.images.calibration import PIXEL, AxisStep, Calibration, unit_name

if TYPE_CHECKING:
    import tifffile

_RESOLUTION_UNITS = {2: (25400.0, "micrometer"), 3: (10000.0, "micrometer")}
"""Length of the unit of the tag ResolutionUnit (TIFF 6.0): inch and centimeter."""
_OME_SPACE = {"X": "PhysicalSizeX", "Y": "PhysicalSizeY", "Z": "PhysicalSizeZ"}


def read_calibration(file: tifffile.TiffFile) -> Calibration:
    """Return the calibration of the first image of a TIFF file."""
    if file.is_ome and file.ome_metadata:
        return Calibration(_ome_steps(file.ome_metadata))
    if file.is_imagej and file.imagej_metadata:
        return Calibration(_imagej_steps(file, file.imagej_metadata))
    return Calibration(_plain_steps(file))


def _ome_steps(xml: str) -> dict[str, AxisStep]:
    """Return the steps of OME-XML; the schema's default units are µm and s."""
    pixels = ElementTree.fromstring(xml).find("{*}Image/{*}Pixels")
    if pixels is None:
        return {}
    steps = {}
    for axis, name in _OME_SPACE.items():
        if size := pixels.get(name):
            steps[axis] = AxisStep(float(size), pixels.get(f"{name}Unit", "µm"))
    if interval := pixels.get("TimeIncrement"):
        steps["T"] = AxisStep(float(interval), pixels.get("TimeIncrementUnit", "s"))
    return steps


def _imagej_steps(file: tifffile.TiffFile, metadata: Mapping[str, Any]) -> dict[str, AxisStep]:
    unit = unit_name(str(metadata.get("unit", PIXEL)))
    steps = {} if unit == PIXEL else _resolution_steps(file, 1.0, unit)
    if steps and (spacing := metadata.get("spacing")):
        steps["Z"] = AxisStep(float(spacing), unit)
    if interval := metadata.get("finterval"):
        steps["T"] = AxisStep(float(interval), "second")
    return steps


def _plain_steps(file: tifffile.TiffFile) -> dict[str, AxisStep]:
    tag = file.pages.first.tags.get("ResolutionUnit")
    if tag is None or int(tag.value) not in _RESOLUTION_UNITS:
        return {}
    return _resolution_steps(file, *_RESOLUTION_UNITS[int(tag.value)])


def _resolution_steps(file: tifffile.TiffFile, length: float, unit: str) -> dict[str, AxisStep]:
    """Return the steps along X and Y from pixels per ``length`` units."""
    tags = file.pages.first.tags
    steps = {}
    for axis, name in {"X": "XResolution", "Y": "YResolution"}.items():
        if tag := tags.get(name):
            numerator, denominator = tag.value
            if numerator and denominator:
                steps[axis] = AxisStep(length * denominator / numerator, unit)
    return steps
