"""``napari-sam2 info``: show the axes, shape and values of an input, and how it is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from napari_sam2.images.intensity import Intensity
    from napari_sam2.images.stack import Stack

_PERCENTILES = (0.1, 1, 50, 99, 99.9)


def info(
    source: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="File, folder or URL; several images are frames."),
    ],
    axes: Annotated[str | None, typer.Option(help="One letter per dimension: TCZYX.")] = None,
    along: Annotated[str | None, typer.Option(help="Axis to propagate along: t, z, y, x.")] = None,
    at: Annotated[list[str] | None, typer.Option(help="Fixed position, e.g. z=3.")] = None,
    channel: Annotated[list[int] | None, typer.Option(help="Channel to read; repeatable.")] = None,
    scene: Annotated[
        str | None, typer.Option(metavar="NAME|N", help="Which image, if a file holds several.")
    ] = None,
) -> None:
    """Show scenes, axes, channels, sizes, position and values of INPUT, and how it is read."""
    from rich.console import Console

    from napari_sam2.images.intensity import choose_intensity
    from napari_sam2.images.stack import open_stack

    inputs = source[0] if len(source) == 1 else tuple(source)
    stack = open_stack(inputs, axes=axes, along=along, at=at, channels=channel, scene=scene)
    console = Console()
    intensity = choose_intensity(stack)
    console.print(summary(stack, intensity))
    for note in (*stack.notes, *intensity.notes):
        console.print(f"Note: {note}", markup=False, highlight=False)


def summary(stack: Stack, intensity: Intensity) -> Table:
    """Return a table with the properties of a stack; reads at most 32 chunks."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(stack.name), show_header=False, title_justify="left")
    parts = (_array_rows, _place_rows, _layout_rows, partial(_value_rows, intensity=intensity))
    for name, value in (row for rows in parts for row in rows(stack)):
        table.add_row(name, escape(value))
    return table


def _array_rows(stack: Stack) -> Iterator[tuple[str, str]]:
    from napari_sam2.images.readers.base import list_scenes

    source = stack.source
    if len(source.scenes) > 1:
        chosen = "" if source.scene is None else f"; {source.scene} is read"
        yield "scenes", f"{list_scenes(source.scenes, 20)}{chosen}"
    turned = f", in the file {stack.native_axes}" if stack.native_axes != stack.axes else ""
    yield "axes", f"{stack.axes}{turned}"
    yield "shape", " x ".join(map(str, stack.full_shape))
    size = float(math.prod(stack.full_shape)) * stack.dtype.itemsize
    bits = f" ({source.significant_bits} bits used)" if source.significant_bits else ""
    yield "type", f"{stack.dtype}{bits}{' RGB' if stack.rgb else ''}, {_bytes(size)} in all"
    if source.fill_value is not None:
        yield "no data", f"{source.fill_value:g}"
    if source.display_window is not None:
        yield "window of the file", "{:g} to {:g}".format(*source.display_window)


def _place_rows(stack: Stack) -> Iterator[tuple[str, str]]:
    import numpy as np

    axes = stack.label_axes.lower()
    steps = zip(axes, stack.scale, stack.units, strict=True)
    yield "scale", ", ".join(f"{axis} {step:g} {unit}" for axis, step, unit in steps)
    if any(stack.origin):
        places = zip(axes, stack.origin, stack.units, strict=True)
        yield "origin", ", ".join(f"{axis} {place:g} {unit}" for axis, place, unit in places)
    if stack.affine is not None:
        yield "orientation", _orientation(stack)
        yield "affine", np.array2string(stack.affine, precision=4, suppress_small=True)


def _orientation(stack: Stack) -> str:
    """Return for each spatial axis the side of the body that lies nearest to its end."""
    import numpy as np

    assert stack.affine is not None
    ends = (("left", "right"), ("back", "front"), ("feet", "head"))
    found = []
    for axis in (axis for axis in "ZYX" if axis in stack.axes):
        direction = stack.affine[:3, "ZYX".index(axis)]
        world = int(np.argmax(np.abs(direction)))
        found.append(f"{axis.lower()} to the {ends[world][int(direction[world] > 0)]}")
    return ", ".join(found)


def _layout_rows(stack: Stack) -> Iterator[tuple[str, str]]:
    rows, columns = stack.plane
    height, width = stack.shape
    yield "frames", f"{stack.n_frames} along {stack.along}"
    yield "plane", f"{height} x {width} ({rows}, {columns})"
    yield "channels", _channels(stack)
    yield "chunks", _chunks(stack)
    if len(stack.levels) > 1:
        yield "pyramid", ", ".join(f"1/{factor}" for factor in stack.levels)
    yield "labels", f"{stack.label_axes}, {' x '.join(map(str, stack.label_shape))}"


def _chunks(stack: Stack) -> str:
    """Return the smallest part that can be read, as rows x columns of a plane and in bytes."""
    if stack.source.levels[0].chunks is None:
        return "none: parts of a plane are read by themselves"
    return f"{' x '.join(map(str, stack.chunk_shape))} pixels, {_bytes(stack.chunk_bytes)}"


def _channels(stack: Stack) -> str:
    names = stack.source.channel_names
    read = ", ".join(
        f"{number} ({names[number]})" if number < len(names) else str(number)
        for number in stack.layout.channels
    )
    axis = stack.layout.channel_axis
    count = stack.layout.length(axis) if axis else 1
    return read if stack.n_channels == count else f"{read} of {count}"


def _value_rows(stack: Stack, intensity: Intensity) -> Iterator[tuple[str, str]]:
    import numpy as np

    from napari_sam2.images.contrast_limits.sampling import sample_values

    for number, values in zip(stack.layout.channels, sample_values(stack), strict=True):
        levels = np.percentile(values.astype(float), _PERCENTILES) if values.size else ()
        points = (f"{p:g} %: {value:g}" for p, value in zip(_PERCENTILES, levels, strict=False))
        title = f"percentiles{f' {number}' if stack.n_channels > 1 else ''}"
        yield title, ", ".join(points) or "no finite values"
    pairs = ", ".join(f"{low:g} to {high:g}" for low, high in dict.fromkeys(intensity.limits))
    yield "shown", f"{pairs} ({intensity.origin})"


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"
