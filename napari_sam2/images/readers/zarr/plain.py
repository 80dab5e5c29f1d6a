"""Plain Zarr arrays, with the sizes that label outputs of this package state as attributes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.images.axes import axes_from_names
from napari_sam2.images.calibration import PIXEL, SPATIAL, AxisStep, Calibration
from napari_sam2.images.readers.arrays import WrappedArray, coordinate_step
from napari_sam2.images.readers.base import Source
from napari_sam2.images.readers.zarr.storage import metadata_files, missing_chunks_note

if TYPE_CHECKING:
    import zarr

_SIZES = {"scale", "units", "origin"}


def read_plain(array: zarr.Array[Any], name: str, location: str, path: str = "") -> Source:
    """Open an array; its dimension names are the axes.

    Sizes are read from the attributes ``scale``, ``units`` and ``origin``, lists with one value
    per dimension, and the orientation from ``affine``, if the dimensions have names.

    Parameters
    ----------
    array : zarr.Array
        The array.
    name : str
        Short name for messages.
    location : str
        Folder, file or URL of the array, or of the group that holds it.
    path : str
        Path of the array in the group.
    """
    names = dimension_names(array)
    axes = axes_from_names(names) if any(names) else None
    calibration, notes = _calibration(dict(array.attrs), axes, name)
    return Source(
        (WrappedArray(array),),
        name,
        axes=axes,
        calibration=calibration,
        files=metadata_files(location, path),
        notes=notes + missing_chunks_note(array, name),
    )


def dimension_names(array: zarr.Array[Any]) -> tuple[str, ...]:
    """Return the names of the dimensions of an array, of Zarr 3 or as xarray stores them."""
    names: Any = getattr(array.metadata, "dimension_names", None)
    names = names or array.attrs.get("_ARRAY_DIMENSIONS")
    return tuple(str(name or "") for name in names) if isinstance(names, (list, tuple)) else ()


def with_coordinates(
    source: Source, names: tuple[str, ...], coordinates: Mapping[str, zarr.Array[Any]]
) -> Source:
    """Return a source with the sizes that the coordinates of its dimensions give.

    Parameters
    ----------
    source : Source
        An array; sizes that it states itself are kept.
    names : tuple of str
        Names of its dimensions.
    coordinates : mapping of str to zarr.Array
        Positions along a dimension, by its name.
    """
    steps, notes = dict(source.calibration.steps), source.notes
    for axis, name in zip(source.axes or "", names, strict=False):
        if axis not in "TZYX" or axis in steps or name not in coordinates:
            continue
        stored = coordinates[name]
        if stored.size < 2:
            continue
        unit = str(stored.attrs.get("units") or stored.attrs.get("unit") or PIXEL)
        step, note = coordinate_step(np.asarray(stored[...]), unit.partition(" since ")[0], name)
        notes += (note,) if note else ()
        if step is not None:
            steps[axis] = step
    return replace(source, calibration=replace(source.calibration, steps=steps), notes=notes)


def _calibration(
    attributes: Mapping[str, Any], axes: str | None, name: str
) -> tuple[Calibration, tuple[str, ...]]:
    """Return the sizes that attributes state, and a note if they cannot be used."""
    if not attributes.keys() >= _SIZES:
        return Calibration(), ()
    problem = "its dimensions have no names" if axes is None else None
    if axes is not None:
        try:
            return _stated(attributes, axes), ()
        except (TypeError, ValueError) as error:
            problem = str(error)
    return Calibration(), (f"The pixel sizes of {name} are not used: {problem}.",)


def _stated(attributes: Mapping[str, Any], axes: str) -> Calibration:
    scale, origin = (_numbers(attributes[key], len(axes), key) for key in ("scale", "origin"))
    units = attributes["units"]
    if not isinstance(units, list) or len(units) != len(axes):
        raise ValueError(f"units are not {len(axes)} names")
    if min(scale) <= 0:
        raise ValueError(f"the scale is {scale}")
    steps = {
        axis: AxisStep(size, str(unit), start)
        for axis, size, unit, start in zip(axes, scale, units, origin, strict=True)
    }
    known = {a: step for a, step in steps.items() if step != AxisStep(1.0, PIXEL, 0.0)}
    affine = attributes.get("affine")
    if affine is None:
        return Calibration(known)
    rows = [_numbers(row, 4, "affine") for row in affine]
    if len(rows) != 4 or not np.linalg.det(rows):
        raise ValueError("the affine is not an invertible matrix (4, 4)")
    # The affine contains the origin of the spatial axes.
    placed = {a: AxisStep(s.size, s.unit) if a in SPATIAL else s for a, s in known.items()}
    return Calibration(placed, np.array(rows))


def _numbers(values: Any, count: int, name: str) -> list[float]:
    numbers = [float(value) for value in values]
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name} is not {count} numbers")
    return numbers
