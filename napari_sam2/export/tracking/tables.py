"""Tables of tracks and of parents as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path

from napari_sam2.core.atomic_files import write_text
from napari_sam2.core.lineage import FrameSpan, Lineage
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
    write_lineage_rows(path, table.spans, table.lineage)


def write_lineage_rows(path: Path, spans: Mapping[int, FrameSpan], lineage: Lineage) -> None:
    """Write the table of :func:`write_lineage_csv` for objects with these frames."""
    rows = ([i, lineage.parent(i), span.first, span.last] for i, span in spans.items())
    _write(path, LINEAGE_COLUMNS, rows)


def _write(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())
