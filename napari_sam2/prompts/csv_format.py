"""Prompts from CSV tables: plain columns, or a Points or Shapes layer as napari saves it."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_sam2.core.atomic_files import read_text
from napari_sam2.core.errors import UserError
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.masks.label_layout import LabelGeometry
from napari_sam2.prompts.csv_table import AXIS, CsvRow, LayerPositions, layer_positions, read_rows
from napari_sam2.prompts.shapes import outline_prompt
from napari_sam2.prompts.store import PromptStore
from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from napari_sam2.prompts.volume_series.position import check_position

COLUMNS = ("object_id", "frame", "y", "x", "label")
_POSITIONS = ("t", "z")
"""Columns with the position of a prompt; y and x are coordinates on its plane."""
_NOWHERE = (None, "", "0", "0.0")
_Read = TypeVar("_Read")
_Placed = tuple[CsvRow, FixedPosition, Prompt]
_SHAPE_TYPE = "shape-type"
_OUTLINES = ("rectangle", "ellipse", "polygon")


def read_prompts_csv(path: Path, geometry: LabelGeometry) -> PromptStore:
    """Return the prompts of a table.

    Parameters
    ----------
    path : Path
        A table with the columns object_id, frame, y, x and label (1 inside, 0 outside), or a
        Points or Shapes layer as napari saves it. In place of frame there may be a column t or z;
        the other one of them is the position on that axis; if the stack lacks it, the column is
        ignored with a note. The columns axis-0, axis-1, ... of a layer are the label axes of the
        stack in the order T, Z, Y, X, as the layers of this plugin's reader; axis-t, axis-z, axis-y
        and axis-x name them instead. The columns object_id and label of a Points layer are 1 where
        they are missing. Each shape of a Shapes layer is an object: rectangles give boxes, ellipses
        and polygons masks; its id is object_id if there is such a column, else the shape's index
        plus 1. Other columns are ignored. Columns may be separated by semicolons or tabs; numbers
        may then have decimal commas.
    geometry : LabelGeometry
        The stack.

    Raises
    ------
    UserError
        If the file is missing or empty, lacks a column, has a value that is not a number, or a
        shape that encloses nothing; the message gives the row.
    """
    store = PromptStore()
    ignored: set[str] = set()
    for row, position, prompt in _placed(path, geometry):
        ignored |= _unused_positions(row, geometry)
        try:
            check_position(position, geometry)
        except UserError as error:
            raise UserError(f"{path.name}, row {row.number}: {error}") from error
        store.add(prompt)
    store.notes = tuple(
        f"The column {axis} of {path.name} is ignored: the images have no axis {axis}."
        for axis in sorted(ignored)
    )
    return store


def _unused_positions(row: CsvRow, geometry: LabelGeometry) -> set[str]:
    """Return the axes that the images lack, and on which a row states another position than 0."""
    known = {*geometry.label_axes.lower(), geometry.along}
    return {a for a in _POSITIONS if a not in known and row.cells.get(a) not in _NOWHERE}


def read_placed_csv(path: Path, geometry: LabelGeometry) -> dict[FixedPosition, PromptStore]:
    """Return the prompts of a table by their position on the axes that are not propagated.

    Parameters and errors are those of :func:`read_prompts_csv`; the position of the stack does
    not matter.
    """
    stores: dict[FixedPosition, PromptStore] = {}
    for _, position, prompt in _placed(path, geometry):
        store = stores.setdefault(position, PromptStore((), geometry.along, position))
        store.add(prompt)
    return stores


def _placed(path: Path, geometry: LabelGeometry) -> Iterator[_Placed]:
    rows = list(read_rows(_text(path), path.name))
    if not rows:
        raise UserError(f"{path.name} is empty: it holds no prompts.")
    header = rows[0].cells
    if _SHAPE_TYPE in header:
        yield from _shapes(rows, geometry, path.name)
        return
    read: Callable[[CsvRow], tuple[FixedPosition, Prompt]] = partial(_plain, geometry)
    if any(column.startswith(AXIS) for column in header):
        read = partial(_layer_point, layer_positions(header, geometry))
    else:
        _check_columns(header, geometry.along, path.name)
    for row in rows:
        yield (row, *_named(path.name, row, read))


def _text(path: Path) -> str:
    """Return the text of a table; Excel writes UTF-16 with a mark, or the old code page."""
    data = path.read_bytes() if path.is_file() else b""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return read_text(path)
    except UserError:
        if b"\0" in data or not data:
            raise
    # The columns that are read have ASCII names and values.
    return data.decode("latin-1")


def _check_columns(header: Iterable[str], along: str, name: str) -> None:
    known = {*header, "frame"} if along in _POSITIONS and along in header else {*header}
    if missing := [column for column in COLUMNS if column not in known]:
        raise UserError(
            f"{name} lacks the column {missing[0]}: give {', '.join(COLUMNS)}, or a Points or "
            "Shapes layer as napari saves it (axis-0, axis-1, ...)."
        )


def _plain(geometry: LabelGeometry, row: CsvRow) -> tuple[FixedPosition, PointPrompt]:
    along = geometry.along
    frame = row.integer("frame" if "frame" in row.cells else along)
    if along in _POSITIONS and row.cells.get(along) and row.integer(along) != frame:
        raise UserError(f"frame is {frame}, but {along} is {row.integer(along)}. Remove one.")
    others = [a for a in _POSITIONS if a in geometry.label_axes.lower() and a != along]
    position = tuple((axis, row.integer(axis)) for axis in others if row.cells.get(axis))
    yx = (row.value("y"), row.value("x"))
    return position, PointPrompt(row.integer("object_id"), frame, yx, row.integer("label"))


def _layer_point(positions: LayerPositions, row: CsvRow) -> tuple[FixedPosition, PointPrompt]:
    frame, position, yx = positions.find(row)
    label = row.integer("label", 1)
    return position, PointPrompt(row.integer("object_id", 1), frame, yx, label)


def _shapes(rows: Sequence[CsvRow], geometry: LabelGeometry, name: str) -> Iterator[_Placed]:
    """Yield the prompt of each shape; its vertices are rows with the same index."""
    positions = layer_positions(rows[0].cells, geometry)
    indices = [_named(name, row, _shape_index) for row in rows]
    order = sorted(range(len(rows)), key=indices.__getitem__)
    for _, numbers in groupby(order, key=indices.__getitem__):
        shape = [rows[number] for number in numbers]
        yield (shape[0], *_shape(shape, positions, name))


def _shape_index(row: CsvRow) -> int:
    return row.integer("index")


def _shape(
    rows: Sequence[CsvRow], positions: LayerPositions, name: str
) -> tuple[FixedPosition, BoxPrompt | MaskPrompt]:
    first, shape = rows[0], positions.geometry.shape
    kind = first.cells[_SHAPE_TYPE].lower()
    places = [_named(name, row, positions.find) for row in rows]
    try:
        if kind not in _OUTLINES:
            raise UserError(f"A {kind} has no inside. Draw a rectangle, an ellipse or a polygon.")
        if len({(frame, position) for frame, position, _ in places}) > 1:
            raise UserError(f"The {kind} lies on several frames. Draw it on one frame.")
        object_id = first.integer("object_id", first.integer("index") + 1)
        yx = np.array([yx for _, _, yx in places])
        prompt = outline_prompt(yx, kind, object_id, places[0][0], shape)
        prompt = _clipped(prompt, shape) if isinstance(prompt, BoxPrompt) else prompt
        if prompt is None:
            raise UserError(f"The {kind} encloses no pixel of the plane. Delete it.")
    except UserError as error:
        raise UserError(f"{name}, row {first.number}: {error}") from error
    return places[0][1], prompt


def _clipped(box: BoxPrompt, shape: tuple[int, int]) -> BoxPrompt | None:
    """Return the part of a box on the plane; None if there is none."""
    (y0, x0), (y1, x1) = box.yx0, box.yx1
    low, high = (max(y0, 0.0), max(x0, 0.0)), (min(y1, shape[0]), min(x1, shape[1]))
    if low[0] >= high[0] or low[1] >= high[1]:
        return None
    return BoxPrompt(box.object_id, box.frame, low, high)


def _named(name: str, row: CsvRow, read: Callable[[CsvRow], _Read]) -> _Read:
    """Return what is read from a row; errors name the file and the row."""
    try:
        return read(row)
    except UserError as error:
        raise UserError(f"{name}, row {row.number}: {error}") from error
