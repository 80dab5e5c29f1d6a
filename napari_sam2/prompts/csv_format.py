"""Points from CSV tables: plain columns, or a Points layer as napari saves it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import floor, isfinite
from pathlib import Path

from napari_sam2.core.atomic_files import read_text
from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import axes_from_names
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import PointPrompt

COLUMNS = ("object_id", "frame", "y", "x", "label")
_AXIS = "axis-"


def read_prompts_csv(path: Path, geometry: LabelGeometry) -> PromptStore:
    """Return the points of a table.

    Parameters
    ----------
    path : Path
        A table with the columns object_id, frame, y, x and label (1 inside, 0 outside), or a
        Points layer as napari saves it. The columns axis-0, axis-1, ... of a Points layer are the
        label axes of the stack in the order T, Z, Y, X, as the layers of this plugin's reader;
        axis-t, axis-z, axis-y and axis-x name them instead. Its properties object_id and label
        are 1 where they are missing. Other columns are ignored.
    geometry : LabelGeometry
        The stack.

    Raises
    ------
    UserError
        If the file is missing or empty, lacks a column, or has a value that is not a number; the
        message gives the row.
    """
    rows = list(_rows(read_text(path), path.name))
    if not rows:
        raise UserError(f"{path.name} is empty: it holds no points.")
    header = rows[0].cells
    layer = any(column.startswith(_AXIS) for column in header)
    read = _napari(header, geometry) if layer else _plain
    if read is _plain:
        _check_columns(header, path.name)
    points = []
    for row in rows:
        try:
            points.append(read(row))
        except UserError as error:
            raise UserError(f"{path.name}, row {row.number}: {error}") from error
    return PromptStore(points)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row and its line number, counted from 1."""

    number: int
    cells: dict[str, str]

    def value(self, column: str, default: float | None = None) -> float:
        text = self.cells.get(column, "")
        if default is not None and not text:
            return default
        try:
            number = float(text)
        except ValueError:
            raise UserError(f"{column} is {text!r}, not a number.") from None
        if not isfinite(number):
            raise UserError(f"{column} is {text}, not a finite number.")
        return number

    def integer(self, column: str, default: float | None = None) -> int:
        number = self.value(column, default)
        if number != floor(number):
            raise UserError(f"{column} is {number}, not a whole number.")
        return int(number)


def _rows(text: str, name: str) -> Iterator[_Row]:
    first = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(reader, [])]
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise UserError(
                f"{name}, row {reader.line_num}: {len(cells)} values in {len(header)} columns."
            )
        values = [cell.strip() for cell in cells]
        yield _Row(reader.line_num, dict(zip(header, values, strict=True)))


def _check_columns(header: Iterable[str], name: str) -> None:
    if missing := [column for column in COLUMNS if column not in header]:
        raise UserError(
            f"{name} lacks the column {missing[0]}: give {', '.join(COLUMNS)}, or a Points layer "
            "as napari saves it (axis-0, axis-1, ...)."
        )


def _plain(row: _Row) -> PointPrompt:
    return PointPrompt(
        row.integer("object_id"),
        row.integer("frame"),
        (row.value("y"), row.value("x")),
        row.integer("label"),
    )


@dataclass(frozen=True, slots=True)
class _NapariPoints:
    """Reads rows of a Points layer.

    Parameters
    ----------
    columns : dict of str to str
        The column of each axis, by lower-case letter.
    geometry : LabelGeometry
        The stack.
    """

    columns: dict[str, str]
    geometry: LabelGeometry

    @property
    def required(self) -> tuple[str, ...]:
        """Axes that decide where a point lies."""
        return self.geometry.along, *self.geometry.plane

    def __call__(self, row: _Row) -> PointPrompt:
        at = {axis: row.value(column) for axis, column in self.columns.items()}
        frame = floor(at.get(self.geometry.along, 0.0) + 0.5)
        y, x = (at.get(axis, 0.0) for axis in self.geometry.plane)
        self._check_fixed(at, frame)
        object_id, label = row.integer("object_id", 1), row.integer("label", 1)
        return PointPrompt(object_id, frame, (y, x), label)

    def _check_fixed(self, at: dict[str, float], frame: int) -> None:
        if not 0 <= frame < self.geometry.n_frames:
            raise UserError(
                f"frame {frame} is outside the stack's 0 to {self.geometry.n_frames - 1}."
            )
        index = self.geometry.index(frame)
        others = [a for a in self.geometry.label_axes.lower() if a not in self.geometry.plane]
        for axis, position in zip(others, index, strict=True):
            if axis in at and floor(at[axis] + 0.5) != position:
                raise UserError(f"the point lies on {axis}={at[axis]:g}, not on {axis}={position}.")


def _napari(header: Iterable[str], geometry: LabelGeometry) -> _NapariPoints:
    columns = [column for column in header if column.startswith(_AXIS)]
    suffixes = [column.removeprefix(_AXIS) for column in columns]
    if all(suffix.isdecimal() for suffix in suffixes):
        axes = _layer_axes(len(columns), geometry)
        return _NapariPoints({a: f"{_AXIS}{i}" for i, a in enumerate(axes)}, geometry)
    named = axes_from_names(suffixes).lower()
    points = _NapariPoints(dict(zip(named, columns, strict=True)), geometry)
    lengths = dict(zip(geometry.label_axes.lower(), geometry.label_shape, strict=True))
    missing = [a for a in points.required if a not in named and lengths.get(a, 1) > 1]
    if missing or len(set(named)) < len(named):
        raise UserError(
            f"The columns {', '.join(columns)} do not name each axis of the stack once: "
            f"{', '.join(_AXIS + a for a in geometry.label_axes.lower())}."
        )
    return points


def _layer_axes(count: int, geometry: LabelGeometry) -> str:
    """Return the axes of a layer with a number of dimensions, in the order of napari's sliders."""
    lengths = dict(zip(geometry.label_axes, geometry.label_shape, strict=True))
    long = "".join(axis for axis in geometry.label_axes if lengths[axis] > 1)
    plane = "".join(geometry.plane).upper() if geometry.n_frames == 1 else ""
    for axes in (geometry.label_axes, geometry.axes.removesuffix("S"), long, plane):
        if len(axes) == count:
            return axes.lower()
    raise UserError(
        f"The points have {count} axes, the stack has {len(geometry.label_axes)}: "
        f"{geometry.label_axes}."
    )
