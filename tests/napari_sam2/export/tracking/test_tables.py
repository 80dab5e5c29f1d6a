"""Tables of tracks and parents: a napari Tracks layer takes them, and parents are read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.tables import (
    read_lineage_csv,
    write_lineage_csv,
    write_tracks_csv,
)
from tests.helpers.lineages import LINEAGE, PRESENT, label_movie, lineages, table_of


def test_a_tracks_layer_takes_the_table_and_its_graph(tmp_path: Path) -> None:
    from napari.layers import Tracks

    write_tracks_csv(tmp_path / "tracks.csv", table_of(label_movie(PRESENT, 2)))
    table = pd.read_csv(tmp_path / "tracks.csv")
    linked = table.dropna(subset="parent").drop_duplicates("track_id")
    graph = {int(c): [int(p)] for c, p in zip(linked.track_id, linked.parent, strict=True)}
    layer = Tracks(table[["track_id", "t", "z", "y", "x"]].to_numpy(), graph=graph)
    found = {int(i): tuple(layer.data[layer.data[:, 0] == i, 1].astype(int)) for i in PRESENT}
    assert found == PRESENT
    assert {child: parent for child, (parent,) in layer.graph.items()} == LINEAGE.parents


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=lineages())
def test_a_lineage_is_read_back(tmp_path: Path, drawn: tuple[np.ndarray, Lineage]) -> None:
    labels, lineage = drawn
    table = table_of(labels, lineage)
    write_lineage_csv(tmp_path / "lineage.csv", table)
    assert read_lineage_csv(tmp_path / "lineage.csv") == lineage
    rows = pd.read_csv(tmp_path / "lineage.csv")
    spans = {i: (first, last) for i, _, first, last in rows.itertuples(index=False)}
    assert spans == table.spans


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,mother\n1,2\n", "no column parent"),
        ("", "no column id nor parent"),
        ("id,parent\n2,1\nx,1\n", "line 3: 'x' is no object id"),
        ("id,parent\n2,1.5\n", "'1.5' is no object id"),
        ("id,parent\n0,1\n", "ids start at 1"),
        ("id,parent\n2,-1\n", "ids start at 1"),
        ("id,parent\n2,1\n2,3\n", "object 2 has two parents"),
        ("id,parent\n2,1\n1,2\n", "circle"),
    ],
)
def test_tables_that_are_no_lineage_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "lineage.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_lineage_csv(tmp_path / "lineage.csv")
