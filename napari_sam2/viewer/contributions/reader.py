"""Reader of File > Open: image files as lazy, calibrated layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Image
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


def add_images(viewer: Any, path: str, session: Path | None = None) -> list[Image]:
    """Open a file, a folder or a URL as layers of a viewer, and return them.

    Parameters and errors are those of :func:`read`.
    """
    added: list[Image] = []
    for data, options, _ in read(path, session):
        layers = viewer.add_image(data, **options)
        added += layers if isinstance(layers, list) else [layers]
    return added


def read(path: str, session: Path | None = None) -> list[LayerData]:
    """Open a file or folder as image layers, one for each channel, lazily and calibrated.

    The axes have the order time, depth, row, column, whatever their order in the file. Contrast
    limits and colors are those that the model is shown by the command line. Notes about what was
    assumed or left out are shown as notifications, and again when a session begins on a layer.

    Parameters
    ----------
    path : str
        A file, a folder or a URL.
    session : Path or None
        The folder of the session that the widget continues on these layers; None for none.

    Returns
    -------
    list of layer data
        A dask array, or a list of them for the levels of a pyramid, with the layer's options and
        ``"image"``.

    Raises
    ------
    UserError
        If the file cannot be opened.
    """
    from napari.utils.notifications import show_info

    from napari_sam2.images.layout import position_notes
    from napari_sam2.images.stack import open_stack
    from napari_sam2.viewer.image_layers import SESSION_PATH
    from napari_sam2.viewer.layers.opened_file import METADATA_KEY, OpenedFile

    stack = open_stack(path)
    appearance, notes = _appearance(stack)
    # A layer has all positions on all axes.
    fixed = position_notes(stack.layout, dict(stack.layout.fixed))
    notes = (*(note for note in stack.notes if note not in fixed), *notes)
    for note in notes:
        show_info(note)
    levels = [_dask(level, stack.axes) for level in stack.source.levels]
    channel = stack.layout.channel_axis
    data: Any = levels if len(levels) > 1 else levels[0]
    options: dict[str, Any] = {
        "name": stack.name,
        **calibration(stack),
        "multiscale": len(levels) > 1,
        "metadata": {METADATA_KEY: OpenedFile(str(path), notes)},
    }
    if session is not None:
        options["metadata"][SESSION_PATH] = str(session)
    if channel == "S":
        return [(data, {**options, "rgb": True}, "image")]
    options |= appearance
    if channel == "C":
        options["channel_axis"] = stack.axes.index("C")
        if len(stack.source.channel_names) == stack.n_channels:
            options["name"] = [f"{stack.name} - {name}" for name in stack.source.channel_names]
    return [(data, options, "image")]


def _appearance(stack: Stack) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return contrast limits, colors of several channels, and notes about the limits.

    They are empty for RGB and if no sample can be read.
    """
    from napari.utils import Colormap

    from napari_sam2.core.errors import StackReadError
    from napari_sam2.images.intensity import choose_intensity

    if stack.layout.channel_axis == "S":
        return {}, ()
    try:
        intensity = choose_intensity(stack)
    except StackReadError:
        return {}, ()
    if stack.layout.channel_axis != "C":
        return {"contrast_limits": intensity.limits[0]}, intensity.notes
    maps = [Colormap([(0, 0, 0), color]) for color in intensity.colors]
    return {"contrast_limits": list(intensity.limits), "colormap": maps}, intensity.notes


def calibration(stack: Stack) -> dict[str, Any]:
    """Return pixel sizes, units, axis labels and the place of a stack, as layer options.

    The affine, if there is one, does not contain the pixel sizes, which are the layer's scale.
    """
    options: dict[str, Any] = {
        "scale": stack.scale,
        "units": tuple(_unit(unit) for unit in stack.units),
        "axis_labels": tuple(stack.label_axes.lower()),
        "translate": stack.origin,
    }
    if stack.affine is not None:
        options["affine"] = layer_affine(stack.affine, stack.label_axes, stack.scale)
    return options


def layer_affine(
    affine: NDArray[np.float64], axes: str, scale: Sequence[float]
) -> NDArray[np.float64]:
    """Return the affine of a layer whose world has the axes of its data, with time unchanged.

    Parameters
    ----------
    affine : NDArray[np.float64]
        Affine of the stack, from z, y, x indices to the world's x, y, z.
    axes : str
        Axes of the layer.
    scale : sequence of float
        Its pixel sizes, which are divided out.
    """
    spatial = [axis for axis in axes if axis in "ZYX"]
    columns = ["ZYX".index(axis) for axis in spatial] + [3]
    rows = ["XYZ".index(axis) for axis in spatial] + [3]
    at = [axes.index(axis) for axis in spatial] + [len(axes)]
    whole = np.eye(len(axes) + 1)
    sizes = [scale[axes.index(axis)] for axis in spatial] + [1.0]
    whole[np.ix_(at, at)] = affine[np.ix_(rows, columns)] / sizes
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
