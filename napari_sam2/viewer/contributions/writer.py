"""Writer of File > Save: Labels layers with pixel sizes and units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_sam2.images.stack import Stack


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer with pixel sizes, units and origin, in any format of labels.

    Parameters
    ----------
    path : str
        The file; the ending of its name is its format, see :class:`OutputDestination`.
    data : array
        The labels; they are written plane by plane.
    meta : dict
        The layer's metadata, of which scale, units, translate and axis labels are written.

    Returns
    -------
    list of str
        The paths that were written.

    Raises
    ------
    UserError
        If the format is not supported or the file exists.
    """
    from napari_sam2.core.geometry import Window
    from napari_sam2.export.destination import OutputDestination
    from napari_sam2.export.labels import create_label_output, discard_parts, finish_label_output
    from napari_sam2.images.stack import open_stack

    axes = _axes(meta.get("axis_labels", ()), data.ndim)
    stack = open_stack(data, axes=axes)
    output = OutputDestination.parse(Path(path))
    output.check_free()
    largest = max(int(np.asarray(stack.read(i)).max()) for i in _all_planes(stack))
    target = create_label_output(output, _calibrated(stack, meta), [largest])
    for index in _all_planes(stack):
        target.write(index, Window.of(stack.shape), stack.read(index)[0])
    finish_label_output(output, _calibrated(stack, meta), target, [largest])
    discard_parts(output)
    return [path]


def _all_planes(stack: Stack) -> list[tuple[int, ...]]:
    axes = stack.layout.index_axes
    return list(np.ndindex(*(stack.layout.length(axis) for axis in axes)))


def _calibrated(stack: Stack, meta: dict[str, Any]) -> Stack:
    from dataclasses import replace

    from napari_sam2.images.calibration import Calibration

    axes = stack.native_label_axes
    scale = map(float, meta.get("scale", (1.0,) * len(axes)))
    units = map(str, meta.get("units", ("pixel",) * len(axes)))
    origin = map(float, meta.get("translate", (0.0,) * len(axes)))
    calibration = Calibration.of(axes, scale, units, origin=origin)
    return replace(stack, source=replace(stack.source, calibration=calibration))


def _axes(labels: Sequence[str], ndim: int) -> str:
    from napari_sam2.images.axes import UNNAMED, axes_from_names

    named = axes_from_names(labels)
    default = {2: "YX", 3: "TYX", 4: "TZYX"}.get(ndim, "")
    return named if len(named) == ndim and UNNAMED not in named else default
