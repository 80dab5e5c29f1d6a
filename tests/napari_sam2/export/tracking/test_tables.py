"""Tables of tracks and parents: a napari Tracks layer takes them, and parents are read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.ctc import write_ctc
from napari_sam2.export.tracking.ctc_folder import find_ctc_tracks, open_ctc_masks
from napari_sam2.export.tracking.geff import write_geff
from napari_sam2.export.tracking.lineage_files import read_lineage, read_lineage_csv
from napari_sam2.export.tracking.tables import write_lineage_csv, write_tracks_csv
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
        ("id,parent\n2,1\nx,1\n", "line 3: 'x' is not an object id"),
        ("id,parent\n2,1.5\n", "'1.5' is not an object id"),
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


def test_parents_are_read_from_tracks_of_the_challenge_and_graphs(tmp_path: Path) -> None:
    pytest.importorskip("geff", reason="needs geff")
    table = table_of(label_movie({**PRESENT, 3: (3, 4)}))
    write_ctc(tmp_path / "01_RES", table)
    write_geff(tmp_path / "tracks.geff", table)
    assert find_ctc_tracks(tmp_path / "01_RES") == tmp_path / "01_RES" / "res_track.txt"
    assert read_lineage(tmp_path / "01_RES" / "res_track.txt") == LINEAGE
    assert read_lineage(tmp_path / "tracks.geff") == LINEAGE
    (tmp_path / "bad_track.txt").write_text("1 0 4\n")
    with pytest.raises(UserError, match=r"bad_track.txt, line 1: expected 4 numbers"):
        read_lineage(tmp_path / "bad_track.txt")
    (tmp_path / "empty.geff").mkdir()
    with pytest.raises(UserError, match=r"empty.geff is not a GEFF"):
        read_lineage(tmp_path / "empty.geff")
    with pytest.raises(UserError, match=r"Give a .csv, _track.txt or .geff"):
        read_lineage(tmp_path / "lineage.txt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "mask003.tif").unlink(), "no mask of frame 3"),
        (lambda folder: (folder / "mask003.tif").rename(folder / "cells.tif"), "not a mask of the"),
        (lambda folder: (folder / "mask003.tif").write_bytes(b""), "cannot be read"),
    ],
)
def test_folders_of_the_challenge_that_are_incomplete_are_refused(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    write_ctc(tmp_path / "01_RES", table_of(label_movie(PRESENT)))
    change(tmp_path / "01_RES")
    with pytest.raises(UserError, match=message):
        open_ctc_masks(tmp_path / "01_RES")
