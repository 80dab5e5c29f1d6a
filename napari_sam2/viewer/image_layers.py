"""Stacks, intensity and sessions from napari image layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import UNNAMED, axes_from_names
from napari_sam2.images.calibration import SPATIAL, Calibration
from napari_sam2.images.intensity import PRIMARIES, WHITE, Color, Intensity, Limits
from napari_sam2.images.readers.arrays import ChannelArrays
from napari_sam2.images.stack import Stack, open_stack
from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.viewer.layers.opened_file import layer_path, opened_file

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_sam2.images.coordinates import LayerCoordinates
    from napari_sam2.inference.protocol import Predictor

SESSION_PATH = "napari-sam2 session"
"""Key of a layer's metadata: the folder of the session that it was opened from."""
_BY_DIMENSIONS = {2: "YX", 3: "TYX", 4: "TZYX"}


def layer_axes(image: Image, dims_labels: Sequence[str] = (), along: str | None = None) -> str:
    """Name the axes of an image layer.

    Parameters
    ----------
    image : Image
        The layer. Its own axis labels are used, else those of the viewer's sliders, else the
        order time, depth, row, column. A single slider with a unit of length is depth.
    dims_labels : sequence of str
        Names of the viewer's axes; the last ones are the layer's.
    along : str or None
        Axis of the single slider of an image without axis labels, as chosen by the user.

    Returns
    -------
    str
        One letter per dimension, upper case, with S for the samples of an RGB layer.

    Raises
    ------
    UserError
        If the layer has a channel axis, or more dimensions than time, depth, row and column.
    """
    axes = _named_axes(image, dims_labels) or _default_axes(image, along)
    if "C" in axes or "S" in axes:
        raise UserError(
            f"The layer {image.name!r} has a channel axis. Split it into one layer for each "
            "channel (right-click the layer, Split Stack), then choose the channels here."
        )
    return axes + ("S" if image.rgb else "")


def _named_axes(image: Image, dims_labels: Sequence[str]) -> str | None:
    """Return the axes that the layer or the viewer's sliders name, None if neither names all."""
    named = axes_from_names(image.axis_labels)
    viewer = axes_from_names(dims_labels[-image.ndim :])
    return next((n for n in (named, viewer) if len(n) == image.ndim and UNNAMED not in n), None)


def _default_axes(image: Image, along: str | None) -> str:
    if image.ndim not in _BY_DIMENSIONS:
        raise UserError(
            f"The layer {image.name!r} has {image.ndim} dimensions. Split it into layers of at "
            "most four dimensions: t, z, y and x."
        )
    axes = _BY_DIMENSIONS[image.ndim]
    if image.ndim == 3:
        depth = str(image.units[0]) not in ("pixel", "dimensionless") and _is_length(image.units[0])
        first = along.upper() if along and along.upper() in "TZ" else ("Z" if depth else "T")
        axes = first + axes[1:]
    return axes


def _is_length(unit: Any) -> bool:
    return "[length]" in getattr(unit, "dimensionality", {})


def axis_choices(image: Image, dims_labels: Sequence[str] = ()) -> list[str]:
    """Return the axes that objects of a layer can be propagated along, the default one first.

    ``"t,z"`` is among them for several time points with several planes at each. A single slider
    without a name may be t or z.

    Parameters
    ----------
    image, dims_labels
        See :func:`layer_axes`.
    """
    try:
        axes = layer_axes(image, tuple(dims_labels)).replace("S", "").lower()
    except UserError:
        return []
    if len(axes) == 2:
        return ["t"]
    first = [axis for axis in "tz" if axis in axes]
    # Without a name, a single slider may be the other one.
    unnamed = len(axes) == 3 and _named_axes(image, tuple(dims_labels)) is None
    other = ["z" if first == ["t"] else "t"] if unnamed and len(first) == 1 else []
    shape = _levels(image)[0].shape
    series = first == ["t", "z"] and all(shape[axes.index(axis)] > 1 for axis in first)
    return [*first, *other, *([TIME_AND_DEPTH] if series else []), "y", "x"]


def stack_from_layers(
    images: Sequence[Image],
    *,
    along: str | None = None,
    at: Mapping[str, int] | None = None,
    dims_labels: Sequence[str] = (),
) -> Stack:
    """Open image layers as one stack, each layer a channel; no pixels are read.

    Parameters
    ----------
    images : sequence of Image
        Layers of equal shape; they may be multiscale or lazy.
    along : str or None
        The propagated axis; None selects t, else z.
    at : mapping or None
        Positions on the other axes.
    dims_labels : sequence of str
        Names of the viewer's axes.

    Raises
    ------
    UserError
        If the layers differ in shape or cannot be read as a stack.
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
                f"The channels {first.name!r} and {other.name!r} differ in shape or are RGB. "
                "Choose grayscale layers of the same shape."
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
    path = layer_path(first)
    files = (Path(path),) if path is not None and Path(path).exists() else ()
    calibration = layer_calibration(first, stack.native_label_axes)
    source = replace(stack.source, name=first.name, calibration=calibration, files=files)
    return replace(stack, source=source)


def _levels(image: Image) -> list[Any]:
    return list(image.data) if image.multiscale else [image.data]


def layer_calibration(image: Image | Labels, axes: str) -> Calibration:
    """Return the pixel sizes and the place of a layer.

    Parameters
    ----------
    image : Image or Labels
        The layer.
    axes : str
        Upper-case letter of each of its dimensions.
    """
    corner, directions = _to_world(image)
    units = tuple(map(str, image.units))
    scale = tuple(map(float, image.scale))
    if np.allclose(directions, np.diag(scale), rtol=1e-9, atol=0):
        return Calibration.of(axes, scale, units, origin=map(float, corner))
    spatial = [axis for axis in SPATIAL if axis in axes]
    at = [axes.index(axis) for axis in spatial]
    rows, columns = ["XYZ".index(axis) for axis in spatial], [SPATIAL.index(a) for a in spatial]
    affine = np.eye(4)[[2, 1, 0, 3]]
    affine[np.ix_(rows, columns)] = directions[np.ix_(at, at)]
    affine[rows, 3] = corner[at]
    origin = [0.0 if axis in SPATIAL else float(corner[axes.index(axis)]) for axis in axes]
    return Calibration.of(axes, scale, units, affine, origin)


def _to_world(image: Image | Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the world position of the first pixel, and the steps along each axis as columns."""
    points = np.vstack([np.zeros(image.ndim), np.eye(image.ndim)])
    corner, *ends = (np.asarray(image.data_to_world(point), np.float64) for point in points)
    return corner, np.stack([end - corner for end in ends], axis=1)


def plane_directions(image: Image, grid: LayerCoordinates) -> tuple[int, int]:
    """Return the directions of a plane's rows and columns in the world: 1, or -1 if flipped.

    Parameters
    ----------
    image : Image
        The layer.
    grid : LayerCoordinates
        Its axes.
    """
    _, directions = _to_world(image)
    at = [grid.axes.index(axis) for axis in grid.plane]
    down, right = (-1 if directions[i, i] < 0 else 1 for i in at)
    return down, right


def intensity_from_layers(images: Sequence[Image]) -> Intensity:
    """Return the contrast limits, gamma and colors that the layers show now.

    A colormap that is not a ramp from black to one color is replaced by gray.
    """
    if images[0].rgb:
        top = 255.0 if images[0].dtype == np.uint8 else 1.0
        if images[0].dtype == np.uint16:
            top = 65535.0
        return Intensity(((0.0, top),) * 3, colors=PRIMARIES, origin="the full range")
    limits = tuple(_increasing(image.contrast_limits) for image in images)
    gamma = tuple(float(image.gamma) for image in images)
    colors = (WHITE,) if len(images) == 1 else tuple(_color(image) for image in images)
    return Intensity(limits, gamma, colors, origin="the layer")


def _increasing(limits: Sequence[float]) -> Limits:
    low, high = float(limits[0]), float(limits[1])
    return (low, high) if low < high else (low, low + 1)


def _color(image: Image) -> Color:
    stops = np.asarray(image.colormap.colors)[:, :3]
    if len(stops) != 2 or stops[0].max() > 0:
        return WHITE
    red, green, blue = (float(value) for value in stops[-1])
    return red, green, blue


def layer_transform(image: Image | Labels) -> dict[str, Any]:
    """Return the transform of a layer as arguments for another layer with the same axes."""
    return {
        "scale": tuple(image.scale),
        "translate": tuple(image.translate),
        "rotate": image.rotate,
        "shear": image.shear,
        "affine": image.affine.affine_matrix,
        "units": image.units,
        "axis_labels": image.axis_labels,
    }


def opening_notes(images: Sequence[Image]) -> tuple[str, ...]:
    """Return the notes on the files of layers that the reader of this plugin opened."""
    files = [file for image in images if (file := opened_file(image)) is not None]
    return tuple(dict.fromkeys(note for file in files for note in file.notes))


def create_sessions(stack: Stack, images: Sequence[Image], predictor: Predictor) -> SessionGroup:
    """Return sessions on image layers in memory, with the contrast and colors of the layers.

    Parameters
    ----------
    stack : Stack
        The layers as one stack, see :func:`stack_from_layers`.
    images : sequence of Image
        The layers.
    predictor : Predictor
        The model.
    """
    labels = DraftAndResultLabels.make(stack)
    return SessionGroup(stack, predictor, intensity_from_layers(images), labels)
