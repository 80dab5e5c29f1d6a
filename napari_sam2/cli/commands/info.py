"""``napari-sam2 info``: show the axes, shape and values of an input, and how it is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from napari_sam2.images.stack import Stack

_PERCENTILES = (0.1, 1, 50, 99, 99.9)


def info(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="File, folder or URL.")],
    axes: Annotated[str | None, typer.Option(help="One letter per dimension: TCZYX.")] = None,
    along: Annotated[str | None, typer.Option(help="Axis to propagate along: t, z, y, x.")] = None,
    at: Annotated[list[str] | None, typer.Option(help="Fixed position, e.g. z=3.")] = None,
    channel: Annotated[list[int] | None, typer.Option(help="Channel to read; repeatable.")] = None,
    scene: Annotated[
        str | None, typer.Option(metavar="NAME|N", help="Image of a file of several.")
    ] = None,
) -> None:
    """Show axes, shape, type, scale and percentiles of INPUT, and how it is read."""
    from rich.console import Console

    from napari_sam2.images.stack import open_stack

    stack = open_stack(source, axes=axes, along=along, at=at, channels=channel, scene=scene)
    console = Console()
    console.print(summary(stack))
    for note in stack.notes:
        console.print(f"Note: {note}", markup=False, highlight=False)


def summary(stack: Stack) -> Table:
    """Return a table with the properties of a stack; reads at most 32 chunks."""
    from rich.table import Table

    table = Table(title=stack.name, show_header=False, title_justify="left")
    for name, value in (*_array_rows(stack), *_layout_rows(stack), *_value_rows(stack)):
        table.add_row(name, value)
    return table


def _array_rows(stack: Stack) -> Iterator[tuple[str, str]]:
    import numpy as np

    size = float(math.prod(stack.full_shape)) * stack.dtype.itemsize
    yield "axes", stack.axes
    yield "shape", " x ".join(map(str, stack.full_shape))
    yield "type", f"{stack.dtype}{' RGB' if stack.rgb else ''}, {_bytes(size)} in all"
    steps = zip(stack.label_axes.lower(), stack.scale, stack.units, strict=True)
    yield "scale", ", ".join(f"{axis} {step:g} {unit}" for axis, step, unit in steps)
    if stack.affine is not None:
        yield "affine", np.array2string(stack.affine, precision=4, suppress_small=True)


def _layout_rows(stack: Stack) -> Iterator[tuple[str, str]]:
    rows, columns = stack.plane
    height, width = stack.shape
    yield "frames", f"{stack.n_frames} along {stack.along}"
    yield "plane", f"{height} x {width} ({rows}, {columns})"
    yield "channels", ", ".join(map(str, stack.layout.channels))
    yield (
        "read by",
        f"{' x '.join(map(str, stack.chunk_shape))} pixels, {_bytes(stack.chunk_bytes)}",
    )
    if len(stack.levels) > 1:
        yield "pyramid", ", ".join(f"1/{factor}" for factor in stack.levels)
    yield "labels", f"{stack.label_axes}, {' x '.join(map(str, stack.label_shape))}"


def _value_rows(stack: Stack) -> Iterator[tuple[str, str]]:
    import numpy as np

    from napari_sam2.images.contrast.sampling import sample_values
    from napari_sam2.images.intensity import choose_intensity

    for number, values in zip(stack.layout.channels, sample_values(stack), strict=True):
        levels = np.percentile(values.astype(float), _PERCENTILES) if values.size else ()
        points = (f"{p:g} %: {value:g}" for p, value in zip(_PERCENTILES, levels, strict=False))
        title = f"percentiles{f' {number}' if stack.n_channels > 1 else ''}"
        yield title, ", ".join(points) or "no finite values"
    intensity = choose_intensity(stack)
    pairs = ", ".join(f"{low:g} to {high:g}" for low, high in dict.fromkeys(intensity.limits))
    yield "shown", f"{pairs} ({intensity.origin})"


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:.4g} TiB"
