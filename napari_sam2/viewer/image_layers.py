"""From napari image layers to what a session needs: a stack, and what the model sees of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import UNNAMED, axes_from_words
from napari_sam2.images.intensity import PRIMARIES, WHITE, Colour, Intensity, Limits
from napari_sam2.images.readers.arrays import ChannelArrays
from napari_sam2.images.stack import Stack, open_stack

if TYPE_CHECKING:
    from napari.layers import Image, Labels

_BY_DIMENSIONS = {2: "YX", 3: "TYX", 4: "TZYX"}
_MANY_BYTES = 256 << 20


def layer_axes(image: Image, dims_labels: Sequence[str] = (), along: str | None = None) -> str:
    """Name the axes of an image layer.

    Parameters
    ----------
    image : Image
        Its own axis labels count, then those of the viewer's sliders, then the usual order
        (time, depth, row, column); a lone slider with a unit of length is depth.
    dims_labels : sequence of str
        Names of the viewer's axes; the layer has the last of them.
    along : str or None
        What the user says the lone slider of an image without names is.

    Returns
    -------
    str
        One letter per dimension, upper case, with S for the samples of an RGB layer.

    Raises
    ------
    UserError
        If the layer has a channel axis, or more dimensions than time, depth, row and column.
    """
    named = axes_from_words(image.axis_labels)
    viewer = axes_from_words(dims_labels[-image.ndim :])
    known = next((n for n in (named, viewer) if len(n) == image.ndim and UNNAMED not in n), None)
    axes = known or _guess(image, along)
    if "C" in axes or "S" in axes:
        raise UserError(
            f"The layer {image.name!r} has a channel axis. Split it into one layer per channel "
            "(right-click the layer, Split Stack), then choose the channels here."
        )
    return axes + ("S" if image.rgb else "")


def _guess(image: Image, along: str | None) -> str:
    if image.ndim not in _BY_DIMENSIONS:
        raise UserError(
            f"The layer {image.name!r} has {image.ndim} dimensions: name its axes t, z, y and x, "
            "or split it into layers of at most four dimensions."
        )
    axes = _BY_DIMENSIONS[image.ndim]
    if image.ndim == 3:
        depth = str(image.units[0]) not in ("pixel", "dimensionless") and _is_length(image.units[0])
        first = along.upper() if along and along.upper() in "TZ" else ("Z" if depth else "T")
        axes = first + axes[1:]
    return axes


def _is_length(unit: Any) -> bool:
    return "[length]" in getattr(unit, "dimensionality", {})


def stack_from_layers(
    images: Sequence[Image],
    *,
    along: str | None = None,
    at: Mapping[str, int] | None = None,
    dims_labels: Sequence[str] = (),
) -> Stack:
    """Open image layers as one stack, each layer a channel; nothing is read or changed.

    Parameters
    ----------
    images : sequence of Image
        Layers of equal shape; multiscale and lazy ones too.
    along : str or None
        The propagated axis; None takes t, else z.
    at : mapping or None
        Positions on the other axes.
    dims_labels : sequence of str
        Names of the viewer's axes.

    Raises
    ------
    UserError
        If the layers do not go together or cannot be read as a stack.
    """
    first = images[0]
    axes = layer_axes(first, dims_labels, along)
    for other in images[1:]:
        if (
            other.rgb
            or first.rgb
            or tuple(_levels(other)[0].shape) != tuple(_levels(first)[0].shape)
        ):
            raise UserError(
                f"The channels {first.name!r} and {other.name!r} differ in shape or are RGB: "
                "choose grey layers of the same shape."
            )
    levels = _levels(first)
    if len(images) > 1:
        parts = [_levels(image) for image in images]
        count = min(map(len, parts))
        levels = [ChannelArrays(tuple(part[i] for part in parts)) for i in range(count)]
        axes = "C" + axes
    stack = open_stack(
        levels if len(levels) > 1 else levels[0], axes=axes, along=along, at=dict(at or {})
    )
    return replace(stack, source=replace(stack.source, **_facts(first, stack.label_axes)))


def _levels(image: Image) -> list[Any]:
    return list(image.data) if image.multiscale else [image.data]


def _facts(image: Image, axes: str) -> dict[str, Any]:
    path = image.source.path
    here = path is not None and Path(path).exists()
    return {
        "name": image.name,
        "scale": dict(zip(axes, map(float, image.scale), strict=True)),
        "units": dict(zip(axes, map(str, image.units), strict=True)),
        "files": (Path(path),) if here and path is not None else (),
    }


def intensity_from_layers(images: Sequence[Image]) -> Intensity:
    """Return contrast limits, gamma and colours as the layers show them now.

    A colour map that is no ramp of one colour counts as grey.
    """
    if images[0].rgb:
        top = 255.0 if images[0].dtype == np.uint8 else 1.0
        if images[0].dtype == np.uint16:
            top = 65535.0
        return Intensity(((0.0, top),) * 3, colors=PRIMARIES, origin="the full range")
    limits = tuple(_rising(image.contrast_limits) for image in images)
    gamma = tuple(float(image.gamma) for image in images)
    colors = (WHITE,) if len(images) == 1 else tuple(_colour(image) for image in images)
    return Intensity(limits, gamma, colors, origin="the layer")


def _rising(limits: Sequence[float]) -> Limits:
    low, high = float(limits[0]), float(limits[1])
    return (low, high) if low < high else (low, low + 1)


def _colour(image: Image) -> Colour:
    stops = np.asarray(image.colormap.colors)[:, :3]
    if len(stops) != 2 or stops[0].max() > 0:
        return WHITE
    red, green, blue = (float(value) for value in stops[-1])
    return red, green, blue


def layer_transform(image: Image | Labels) -> dict[str, Any]:
    """Return where a layer lies in the world, as arguments for another layer of its axes."""
    return {
        "scale": tuple(image.scale),
        "translate": tuple(image.translate),
        "rotate": image.rotate,
        "shear": image.shear,
        "affine": image.affine.affine_matrix,
        "units": image.units,
        "axis_labels": image.axis_labels,
    }


def is_lazy(image: Image) -> bool:
    """Whether the pixels are read when they are shown."""
    return not isinstance(_levels(image)[0], np.ndarray)


def is_large(image: Image) -> bool:
    """Whether labels of the image should not lie in memory uncompressed."""
    return int(np.prod(_levels(image)[0].shape)) * 2 > _MANY_BYTES
