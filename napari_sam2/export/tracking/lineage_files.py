"""Parents of objects, read from files: lineage tables, CTC tracks and GEFF graphs."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO
from pathlib import Path

from napari_sam2.core.atomic_files import read_text
from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.ctc_folder import TRACKS_ENDING
from napari_sam2.export.tracking.geff import check_geff


def read_lineage(path: Path) -> Lineage:
    """Return the parents in a lineage table, a track file of the CTC, or a GEFF graph.

    Raises
    ------
    UserError
        If the file is none of these or is damaged, an object has two parents, or the links form a
        circle.
    """
    name = path.name.lower()
    if name.endswith(".csv"):
        return read_lineage_csv(path)
    if name.endswith(TRACKS_ENDING):
        return read_ctc_tracks(path)
    if name.endswith(".geff"):
        return read_geff_lineage(path)
    raise UserError(
        f"{path.name} holds no lineage that can be read. Give a .csv, {TRACKS_ENDING} or .geff."
    )


def read_ctc_tracks(path: Path) -> Lineage:
    """Return the parents in rows of label, first frame, last frame and parent."""
    parents: dict[int, int] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        where, values = f"{path.name}, line {number}", line.split()
        if not values:
            continue
        if len(values) != 4:
            raise UserError(f"{where}: expected 4 numbers: label, first, last and parent.")
        label, _, _, parent = (_integer(value, where) for value in values)
        _add(parents, label, parent, where)
    return Lineage(parents)


def read_geff_lineage(path: Path) -> Lineage:
    """Return the parents in a graph whose nodes have the property ``seg_id``."""
    check_geff()
    from geff.core_io import read_to_memory

    try:
        graph = read_to_memory(path)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{path.name} is not a GEFF that can be read: {error}") from error
    if "seg_id" not in graph["node_props"]:
        raise UserError(
            f"The nodes in {path.name} have no property seg_id, the label of the object. Write it "
            "with the program that made the graph."
        )
    labels = graph["node_props"]["seg_id"]["values"].tolist()
    by_node = dict(zip(graph["node_ids"].tolist(), labels, strict=True))
    return _from_links((by_node[a], by_node[b]) for a, b in graph["edge_ids"].tolist())


def _from_links(links: Iterable[tuple[int, int]]) -> Lineage:
    parents: dict[int, int] = {}
    for parent, child in links:
        if parent != child:
            _add(parents, int(child), int(parent), "The graph")
    return Lineage(parents)


def _add(parents: dict[int, int], child: int, parent: int, where: str) -> None:
    if child < 1 or parent < 0:
        raise UserError(f"{where}: ids start at 1.")
    if parents.get(child, parent) != parent:
        raise UserError(f"{where}: object {child} has two parents. Keep one of them.")
    if parent:
        parents[child] = parent


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
        _add(parents, child, parent, where)
    return Lineage(parents)


def _integer(text: str | None, where: str) -> int:
    try:
        return int((text or "").strip())
    except ValueError:
        raise UserError(f"{where}: {text!r} is not an object id.") from None
