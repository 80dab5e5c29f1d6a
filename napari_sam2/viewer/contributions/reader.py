"""Reader of File > Open: image files as lazy, calibrated layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.images.readers.base import LazyArray
    from napari_sam2.images.stack import Stack

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """Return a reader for a path that can be opened as a stack, else None.

    Only the file's header is read.
    """
    from napari_sam2.core.errors import UserError
    from napari_sam2.images.stack import open_stack

    if isinstance(path, list) or not path:
        return None
    try:
        open_stack(path)
    except (UserError, OSError):
        return None
    return read


def read(path: str) -> list[LayerData]:
    """Open a file or folder as image layers, one for each channel, lazily and calibrated.

    The axes have napari's order (time, depth, row, column), whatever their order in the file.

    Returns
    -------
    list of layer data
        For each channel a dask array, or a list of them for the levels of a pyramid, with the
        layer's options and ``"image"``.

    Raises
    ------
    UserError
        If the file cannot be opened.
    """
    from napari_sam2.images.stack import open_stack

    stack = open_stack(path)
    axes = napari_order(stack.axes)
    order = [stack.axes.index(axis) for axis in axes]
    levels = [_dask(level, stack.axes).transpose(order) for level in stack.source.levels]
    channel = stack.layout.channel_axis
    data: Any = levels if len(levels) > 1 else levels[0]
    options: dict[str, Any] = {
        "name": stack.name,
        **calibration(stack),
        "multiscale": len(levels) > 1,
    }
    if channel == "S":
        return [(data, {**options, "rgb": True}, "image")]
    if channel == "C":
        return [(data, {**options, "channel_axis": axes.index("C")}, "image")]
    return [(data, options, "image")]


def napari_order(axes: str) -> str:
    """Return axes in the order time, channels, depth, rows, columns, RGB samples."""
    return "".join(sorted(axes, key="TCZYXS".index))


def calibration(stack: Stack) -> dict[str, Any]:
    """Return pixel sizes, units, axis labels and the affine of a stack, as layer options.

    The axes have napari's order. The affine does not contain the pixel sizes, which are the
    layer's scale.
    """
    axes = napari_order(stack.label_axes)
    order = [stack.label_axes.index(axis) for axis in axes]
    options: dict[str, Any] = {
        "scale": tuple(stack.scale[i] for i in order),
        "units": tuple(_unit(stack.units[i]) for i in order),
        "axis_labels": tuple(axes.lower()),
    }
    spatial = sum(axis in "XYZ" for axis in axes)
    if stack.affine is not None and len(stack.affine) == spatial + 1:
        options["affine"] = _affine(stack, axes)
    return options


def _affine(stack: Stack, axes: str) -> NDArray[np.float64]:
    """Return the affine (n + 1, n + 1) from scaled axes to the world, with time unchanged."""
    spatial = "".join(axis for axis in stack.label_axes if axis in "XYZ")
    assert stack.affine is not None
    whole = np.eye(len(axes) + 1)
    at = [axes.index(axis) for axis in spatial] + [len(axes)]
    whole[np.ix_(at, at)] = stack.affine
    sizes = [stack.scale[stack.label_axes.index(axis)] for axis in spatial]
    whole[:, at[:-1]] /= sizes
    return whole


def _unit(unit: str) -> str:
    import pint

    try:
        pint.Unit(unit)
    except Exception:
        return "pixel"
    return unit


def _dask(array: LazyArray, axes: str) -> Any:
    import dask.array as da

    chunks = array.chunks or _planes(array.shape, axes)
    return da.from_array(  # type: ignore[no-untyped-call]
        array, chunks=chunks, asarray=False, fancy=False, meta=np.empty(0, array.dtype)
    )


def _planes(shape: Sequence[int], axes: str) -> tuple[int, ...]:
    return tuple(n if axis in "YXS" else 1 for axis, n in zip(axes, shape, strict=True))
