"""Tables of tracks and of parents as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from napari_sam2.core.atomic_files import read_text, write_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.track_table import TrackTable

LINEAGE_COLUMNS = ("id", "parent", "first", "last")


def write_tracks_csv(path: Path, table: TrackTable) -> None:
    """Write one row for each object and frame: the data of a napari Tracks layer.

    The first columns are ``track_id``, ``t`` and the position in pixels; ``parent`` is the graph
    of the layer, empty for objects without a parent.
    """
    parents = table.lineage.parents
    columns = ("track_id", "t", *table.movie.space.lower(), "parent")
    rows = ([s.object_id, s.frame, *s.center, parents.get(s.object_id)] for s in table.spots)
    _write(path, columns, rows)


def write_lineage_csv(path: Path, table: TrackTable) -> None:
    """Write one row for each object: its id, its parent (empty for none), its frames."""
    parents = table.lineage.parents
    rows = ([i, parents.get(i), span.first, span.last] for i, span in table.spans.items())
    _write(path, LINEAGE_COLUMNS, rows)


def read_lineage_csv(path: Path) -> Lineage:
    """Return the parents in a table with the columns ``id`` and ``parent``.

    A parent that is empty or 0 is none; other columns are ignored.

    Raises
    ------
    UserError
        If a column is missing, a value is no id, an object has two parents, or the links form a
        circle.
    """
    reader = csv.DictReader(StringIO(read_text(path)))
    missing = [name for name in ("id", "parent") if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(
            f"{path.name} has no column {' nor '.join(missing)}. A lineage table has the columns "
            "id and parent."
        )
    parents: dict[int, int] = {}
    for row in reader:
        where = f"{path.name}, line {reader.line_num}"
        child, parent = _integer(row["id"], where), _integer(row["parent"] or "0", where)
        if child < 1 or parent < 0:
            raise UserError(f"{where}: ids start at 1.")
        if parents.get(child, parent) != parent:
            raise UserError(f"{where}: object {child} has two parents. Keep one of them.")
        if parent:
            parents[child] = parent
    return Lineage(parents)


def _integer(text: str | None, where: str) -> int:
    try:
        return int((text or "").strip())
    except ValueError:
        raise UserError(f"{where}: {text!r} is no object id.") from None


def _write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())
