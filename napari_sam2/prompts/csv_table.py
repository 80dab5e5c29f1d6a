"""Rows of CSV tables, and positions of the layers that napari saves as such tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import floor, isfinite

from napari_sam2.core.errors import UserError
from napari_sam2.images.axes import axes_from_names
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.label_layout import LabelGeometry

AXIS = "axis-"
"""Start of the names of the columns that hold the positions of a layer."""
_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)
"""First line of a table in which Excel states the separator of columns."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row of a table.

    Parameters
    ----------
    number : int
        Line number, counted from 1.
    cells : dict of str to str
        The text in each column, by lower-case name.
    decimal_comma : bool
        Whether a comma may be the decimal separator; it is not in tables separated by commas.
    """

    number: int
    cells: dict[str, str]
    decimal_comma: bool = False

    def value(self, column: str, default: float | None = None) -> float:
        """Return a finite number; ``default`` if the column is missing or empty."""
        text = self.cells.get(column, "")
        if default is not None and not text:
            return default
        try:
            number = float(text.replace(",", ".", 1) if self.decimal_comma else text)
        except ValueError:
            raise UserError(f"{column} is {text!r}, not a number.") from None
        if not isfinite(number):
            raise UserError(f"{column} is {text}, not a finite number.")
        return number

    def integer(self, column: str, default: float | None = None) -> int:
        """Return a whole number; ``default`` if the column is missing or empty."""
        number = self.value(column, default)
        if number != floor(number):
            raise UserError(f"{column} is {number}, not a whole number.")
        return int(number)


def read_rows(text: str, name: str) -> Iterator[CsvRow]:
    """Yield the rows of a table below its header, without empty ones.

    Columns are separated by commas, semicolons or tabs, or as a first line ``sep=;`` states.
    With semicolons or tabs, numbers may have decimal commas.

    Parameters
    ----------
    text : str
        The table.
    name : str
        The file, for messages.

    Raises
    ------
    UserError
        If a column is repeated, or a row has more or fewer values than the header.
    """
    lines = text.lstrip("\ufeff").splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    head = lines[first] if lines else ""
    stated = _SEPARATOR.fullmatch(head.strip(" \r\"'"))
    delimiter = stated[1] if stated else max(",;\t", key=head.count)
    skipped = first + 1 if stated else 0
    reader = csv.reader(lines[skipped:], delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(reader, [])]
    if repeated := [column for column in header if column and header.count(column) > 1]:
        raise UserError(f"{name} has several columns {repeated[0]}: rename or remove all but one.")
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        number = reader.line_num + skipped
        if len(cells) != len(header):
            raise UserError(f"{name}, row {number}: {len(cells)} values in {len(header)} columns.")
        values = [cell.strip() for cell in cells]
        yield CsvRow(number, dict(zip(header, values, strict=True)), delimiter != ",")


@dataclass(frozen=True, slots=True)
class LayerPositions:
    """Finds the positions of the rows of a layer.

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

    def find(self, row: CsvRow) -> tuple[int, FixedPosition, tuple[float, float]]:
        """Return frame, position on the other axes, and (y, x) of a row.

        Raises
        ------
        UserError
            If it lies outside the stack's frames.
        """
        at = {axis: row.value(column) for axis, column in self.columns.items()}
        y, x = (at.pop(axis, 0.0) for axis in self.geometry.plane)
        known = self.geometry.label_axes.lower()
        places = {axis: floor(value + 0.5) for axis, value in at.items() if axis in known}
        frame = places.pop(self.geometry.along, 0)
        if not 0 <= frame < self.geometry.n_frames:
            raise UserError(
                f"frame {frame} is outside the stack's 0 to {self.geometry.n_frames - 1}."
            )
        return frame, tuple(sorted(places.items())), (y, x)


def layer_positions(header: Iterable[str], geometry: LabelGeometry) -> LayerPositions:
    """Return how the columns ``axis-...`` of a layer give positions in a stack.

    Parameters
    ----------
    header : iterable of str
        Names of all columns.
    geometry : LabelGeometry
        The stack.

    Raises
    ------
    UserError
        If the columns do not fit the axes of the stack.
    """
    columns = [column for column in header if column.startswith(AXIS)]
    suffixes = [column.removeprefix(AXIS) for column in columns]
    if all(suffix.isdecimal() for suffix in suffixes):
        axes = _layer_axes(len(columns), geometry)
        return LayerPositions({a: f"{AXIS}{i}" for i, a in enumerate(axes)}, geometry)
    named = axes_from_names(suffixes).lower()
    points = LayerPositions(dict(zip(named, columns, strict=True)), geometry)
    lengths = dict(zip(geometry.label_axes.lower(), geometry.label_shape, strict=True))
    missing = [a for a in points.required if a not in named and lengths.get(a, 1) > 1]
    if missing or len(set(named)) < len(named):
        raise UserError(
            f"The columns {', '.join(columns)} do not name each axis of the stack once: "
            f"{', '.join(AXIS + a for a in geometry.label_axes.lower())}."
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
        f"The positions have {count} axes, the stack has {len(geometry.label_axes)}: "
        f"{geometry.label_axes}."
    )
