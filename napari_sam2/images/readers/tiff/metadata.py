"""Sizes, intervals and origins of TIFF files other than OME-TIFF, as tifffile reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Any

from napari_sam2.images.calibration import PIXEL, AxisStep, Calibration, unit_name
from napari_sam2.images.readers.tiff.slides import slide_steps

if TYPE_CHECKING:
    import tifffile

_MICROMETERS = {2: 25400.0, 3: 10000.0}
"""Length of the unit of the tag ResolutionUnit (TIFF 6.0), inch and centimeter, in µm."""
_SCREEN_RESOLUTIONS = (72, 96)
"""Pixels per inch that programs write for the screen where nothing was measured."""
_INCHES = {"inch": 25.4, "inches": 25.4, "in": 25.4}
"""Units that are converted to millimeters."""
_TIME_UNITS = dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "second")
_TIME_UNITS |= dict.fromkeys(("min", "mins", "minute", "minutes"), "minute")
_TIME_UNITS |= dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hour")
_TIME_UNITS |= dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), "millisecond")
_GDAL_NODATA = 42113
_SQUARE = 1e-4
"""Relative difference of the sides of a pixel up to which it is square."""


@dataclass(frozen=True)
class FileMetadata:
    """What a TIFF file states about its pixels.

    Parameters
    ----------
    calibration : Calibration
        Steps and origins.
    channel_names : tuple of str
        Name of each channel; empty if the file states none.
    fill_value : float or None
        Value of pixels without data.
    notes : tuple of str
        Messages for the user.
    """

    calibration: Calibration
    channel_names: tuple[str, ...] = ()
    fill_value: float | None = None
    notes: tuple[str, ...] = ()


def read_metadata(file: tifffile.TiffFile, page: tifffile.TiffPage) -> FileMetadata:
    """Return the metadata of an image of a TIFF file that is not OME-TIFF.

    Parameters
    ----------
    file : TiffFile
        The open file.
    page : TiffPage
        First page of the image.
    """
    notes: list[str] = []
    names: tuple[str, ...] = ()
    if file.is_imagej and file.imagej_metadata:
        steps = _imagej_steps(page, file.imagej_metadata, notes)
    elif file.is_lsm and file.lsm_metadata:
        steps, names = _lsm(file.lsm_metadata)
    elif file.is_stk and file.stk_metadata:
        steps = _stk_steps(file.stk_metadata)
    elif file.is_micromanager and (summary := (file.micromanager_metadata or {}).get("Summary")):
        steps, names = _micromanager(summary)
    elif file.is_metaseries and file.metaseries_metadata:
        steps = _metaseries_steps(file.metaseries_metadata)
    elif (found := slide_steps(file, page)) is not None:
        steps = found
    else:
        steps = _plain_steps(page, notes)
    return FileMetadata(Calibration(steps), names, _no_data(page), tuple(notes))


def _imagej_steps(
    page: tifffile.TiffPage, metadata: Mapping[str, Any], notes: list[str]
) -> dict[str, AxisStep]:
    """Return the steps of the properties that ImageJ stores in the description."""
    unit = unit_name(str(metadata.get("unit") or PIXEL))
    unit = PIXEL if unit in ("pixels", "") else unit
    length = _INCHES.get(unit, 1.0)
    unit = "millimeter" if unit in _INCHES else unit
    measured = unit != PIXEL or _resolution_unit(page) not in _MICROMETERS
    steps = _resolution_steps(page, length, unit) if measured else {}
    if unit == PIXEL and all(step.size == 1 for step in steps.values()):
        steps = {}
    if spacing := float(metadata.get("spacing") or 0) * length:
        if spacing < 0:
            notes.append(
                f"The file states a negative distance of slices ({spacing:g}): {-spacing:g} is "
                "used, in the order of the slices."
            )
        if steps or unit != PIXEL or abs(spacing) != 1:
            steps["Z"] = AxisStep(abs(spacing), unit)
    for axis, step in steps.items():
        start = float(metadata.get(f"{axis.lower()}origin") or 0)
        steps[axis] = AxisStep(step.size, step.unit, -start * step.size if start else 0.0)
    if interval := _imagej_interval(metadata):
        steps["T"] = interval
    return steps


def _imagej_interval(metadata: Mapping[str, Any]) -> AxisStep | None:
    """Return the frame interval; ``fps`` is used where the file states no interval."""
    unit = str(metadata.get("tunit") or "sec").strip()
    unit = _TIME_UNITS.get(unit.lower(), unit)
    if interval := float(metadata.get("finterval") or 0):
        return AxisStep(abs(interval), unit)
    rate = float(metadata.get("fps") or 0)
    return AxisStep(1 / rate, "second") if rate > 0 else None


def _lsm(metadata: Mapping[str, Any]) -> tuple[dict[str, AxisStep], tuple[str, ...]]:
    """Return steps and channel names of a Zeiss LSM file, whose lengths are in meters."""
    steps = {}
    for axis in "ZYX":
        if (size := float(metadata.get(f"VoxelSize{axis}") or 0)) > 0:
            start = float(metadata.get(f"Origin{axis}") or 0)
            steps[axis] = AxisStep(size * 1e6, "micrometer", start * 1e6)
    if (interval := float(metadata.get("TimeIntervall") or 0)) > 0:
        steps["T"] = AxisStep(interval, "second")
    names = (metadata.get("ChannelColors") or {}).get("ColorNames") or ()
    return steps, tuple(map(str, names))


def _stk_steps(metadata: Mapping[str, Any]) -> dict[str, AxisStep]:
    """Return the steps of a MetaMorph STK file."""
    unit = str(metadata.get("CalibrationUnits") or PIXEL).strip("\0 ")
    steps = {}
    for axis in "YX":
        size = float(metadata.get(f"{axis}Calibration") or 0)
        if size > 0 and unit not in (PIXEL, "pixels"):
            steps[axis] = AxisStep(size, unit)
    stated = metadata.get("ZDistance")
    # The first plane may have no distance.
    positive = [float(value) for value in (() if stated is None else stated) if value > 0]
    if steps and positive:
        steps["Z"] = AxisStep(positive[0], unit)
    return steps


def _micromanager(summary: Mapping[str, Any]) -> tuple[dict[str, AxisStep], tuple[str, ...]]:
    """Return steps and channel names of a Micro-Manager file."""
    steps = {}
    if (size := float(summary.get("PixelSize_um") or 0)) > 0:
        aspect = float(summary.get("PixelAspect") or 1)
        steps["X"] = AxisStep(size, "micrometer")
        steps["Y"] = AxisStep(size * aspect, "micrometer")
    if spacing := abs(float(summary.get("z-step_um") or 0)):
        steps["Z"] = AxisStep(spacing, "micrometer")
    if (interval := float(summary.get("Interval_ms") or 0)) > 0:
        steps["T"] = AxisStep(interval, "millisecond")
    names = summary.get("ChNames") or ()
    return steps, tuple(map(str, names)) if isinstance(names, list) else ()


def _metaseries_steps(metadata: Mapping[str, Any]) -> dict[str, AxisStep]:
    """Return the steps of a file of MetaXpress or MetaMorph, which states them if calibrated."""
    plane = metadata.get("PlaneInfo") or {}
    unit = unit_name(str(plane.get("spatial-calibration-units") or PIXEL))
    if not plane.get("spatial-calibration-state") or unit in (PIXEL, "pixels"):
        return {}
    sizes = {axis: float(plane.get(f"spatial-calibration-{axis.lower()}") or 0) for axis in "YX"}
    return {axis: AxisStep(size, unit) for axis, size in sizes.items() if size > 0}


def _plain_steps(page: tifffile.TiffPage, notes: list[str]) -> dict[str, AxisStep]:
    unit = _resolution_unit(page)
    if unit not in _MICROMETERS:
        return _aspect_ratio(page)
    steps = _resolution_steps(page, _MICROMETERS[unit], "micrometer")
    per_inch = {round(25400 / step.size, 1) for step in steps.values()}
    if unit == 2 and per_inch and per_inch <= set(map(float, _SCREEN_RESOLUTIONS)):
        notes.append(
            f"The file states {per_inch.pop():g} pixels per inch, the default of screens: it is "
            "not used as pixel size."
        )
        return {}
    return steps


def _aspect_ratio(page: tifffile.TiffPage) -> dict[str, AxisStep]:
    """Return the steps of pixels that are not square, the shorter side as 1 pixel; else nothing.

    Resolutions without a unit state only this ratio (TIFF 6.0, ResolutionUnit).
    """
    steps = _resolution_steps(page, 1.0, PIXEL)
    sizes = {axis: step.size for axis, step in steps.items()}
    if len(sizes) < 2 or isclose(sizes["X"], sizes["Y"], rel_tol=_SQUARE):
        return {}
    shorter = min(sizes.values())
    return {axis: AxisStep(size / shorter) for axis, size in sizes.items()}


def _resolution_unit(page: tifffile.TiffPage) -> int:
    tag = page.tags.get("ResolutionUnit")
    return 2 if tag is None and "XResolution" in page.tags else int(tag.value) if tag else 1


def _resolution_steps(page: tifffile.TiffPage, length: float, unit: str) -> dict[str, AxisStep]:
    """Return the steps along X and Y from pixels per ``length`` units."""
    steps = {}
    for axis, name in {"X": "XResolution", "Y": "YResolution"}.items():
        if tag := page.tags.get(name):
            numerator, denominator = tag.value
            if numerator and denominator:
                steps[axis] = AxisStep(length * denominator / numerator, unit)
    return steps


def _no_data(page: tifffile.TiffPage) -> float | None:
    """Return the value of the tag GDAL_NODATA of GeoTIFF files."""
    tag = page.tags.get(_GDAL_NODATA)
    try:
        return None if tag is None else float(str(tag.value).strip("\0 "))
    except ValueError:
        return None
