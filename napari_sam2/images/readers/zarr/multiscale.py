"""Metadata of one OME-Zarr image: axes, sizes, origin and channels.

The source of the rules is the OME-Zarr specification, versions 0.4 and 0.5
(https://ngff.openmicroscopy.org); older versions are read as far as they differ by omission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_sam2.images.axes import UNNAMED, axes_from_names
from napari_sam2.images.calibration import PIXEL, Calibration

_TYPES = {"time": "T", "channel": "C"}
"""Axis by type, for axes whose name is not known."""


@dataclass(frozen=True)
class ImageMetadata:
    """What OME-Zarr metadata state about one image.

    Parameters
    ----------
    axes : str
        One letter per dimension, ``"?"`` for unknown ones.
    calibration : Calibration
        Step, unit and origin of each axis.
    channel_names : tuple of str
        Name of each channel; empty if none has one.
    notes : tuple of str
        Messages for the user about metadata that are not used.
    """

    axes: str
    calibration: Calibration
    channel_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def image_metadata(
    attributes: Mapping[str, Any], image: Mapping[str, Any], level: int, dimensions: int, name: str
) -> ImageMetadata:
    """Return the metadata of an image.

    Parameters
    ----------
    attributes : mapping
        Attributes of the group.
    image : mapping
        One entry of ``multiscales``.
    level : int
        The entry of ``datasets`` with the full resolution.
    dimensions : int
        Number of dimensions of the arrays.
    name : str
        Short name for messages.

    Raises
    ------
    ValueError
        If the number of axes is not that of the dimensions.
    """
    entries = image.get("axes") or list("tczyx"[-dimensions:])
    if len(entries) != dimensions:
        raise ValueError(f"{len(entries)} axes for {dimensions} dimensions")
    axes = _letters(entries)
    transforms = [
        transform
        for holder in (image["datasets"][level], image)
        for transform in holder.get("coordinateTransformations") or ()
    ]
    scale, origin, notes = _combined(transforms, dimensions, name)
    calibration = Calibration.of(axes, scale, map(_unit, entries), origin=origin)
    known = {axis: step for axis, step in calibration.steps.items() if axis != UNNAMED}
    return ImageMetadata(
        axes,
        Calibration(known),
        _channel_names(attributes),
        invalid_notes(attributes, name) + notes,
    )


def _letters(entries: list[Any]) -> str:
    """Return axis letters by name, and by type where the name is unknown."""
    named = [entry if isinstance(entry, Mapping) else {"name": entry} for entry in entries]
    letters = list(axes_from_names(str(entry["name"]) for entry in named))
    for i, entry in enumerate(named):
        by_type = _TYPES.get(str(entry.get("type", "")).lower(), UNNAMED)
        if letters[i] == UNNAMED and by_type not in letters:
            letters[i] = by_type
    space = [
        i
        for i, entry in enumerate(named)
        if letters[i] == UNNAMED and str(entry.get("type", "")).lower() == "space"
    ]
    free = [axis for axis in "XYZ" if axis not in letters]
    for i, axis in zip(reversed(space), free, strict=False):
        letters[i] = axis
    return "".join(letters)


def _unit(entry: Any) -> str:
    return str(entry["unit"]) if isinstance(entry, Mapping) and entry.get("unit") else PIXEL


def _combined(
    transforms: list[Mapping[str, Any]], dimensions: int, name: str
) -> tuple[list[float], list[float], tuple[str, ...]]:
    """Return scale and translation of transforms that are applied one after another."""
    scale, origin = [1.0] * dimensions, [0.0] * dimensions
    ignored = []
    for transform in transforms:
        kind = str(transform.get("type"))
        values = _vector(transform.get(kind), dimensions)
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or not values:
            ignored.append(kind)
        elif kind == "scale":
            scale = [s * v for s, v in zip(scale, values, strict=True)]
            origin = [o * v for o, v in zip(origin, values, strict=True)]
        else:
            origin = [o + v for o, v in zip(origin, values, strict=True)]
    if not ignored:
        return scale, origin, ()
    return (
        scale,
        origin,
        (f"{name} states coordinate transformations that are not used: {', '.join(ignored)}.",),
    )


def _vector(values: Any, dimensions: int) -> list[float]:
    """Return numbers, one for each dimension; empty if the values are anything else."""
    if not isinstance(values, (list, tuple)) or len(values) != dimensions:
        return []
    numbers = all(isinstance(value, (int, float)) for value in values)
    return [float(value) for value in values] if numbers else []


def _channel_names(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    ome = attributes.get("ome", attributes)
    omero = ome.get("omero") or attributes.get("omero") or {}
    channels = omero.get("channels") if isinstance(omero, Mapping) else None
    if not isinstance(channels, list):
        return ()
    names = tuple(
        str(channel.get("label") or "") if isinstance(channel, Mapping) else ""
        for channel in channels
    )
    return names if any(names) else ()


def invalid_notes(attributes: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a note if metadata of version 0.4 or 0.5 break the specification."""
    from ome_zarr_models import v04, v05
    from pydantic import ValidationError

    ome = attributes.get("ome")
    try:
        if ome is not None:
            version = str(ome.get("version"))
            if version == "0.5":
                v05.image.ImageAttrs.model_validate(
                    {"version": version, "multiscales": ome["multiscales"]}
                )
            return ()
        images = attributes["multiscales"]
        version = str(images[0].get("version"))
        if version == "0.4":
            v04.image.ImageAttrs.model_validate({"multiscales": images})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return (
            f"The metadata of {name} do not follow OME-Zarr {version} ({place}: {first['msg']}): "
            "they are read as far as possible.",
        )
    return ()
