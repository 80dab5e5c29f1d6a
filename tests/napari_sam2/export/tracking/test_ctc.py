"""Folders of the Cell Tracking Challenge, read back by traccuracy and py-ctcmetrics."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking import ctc
from napari_sam2.export.tracking.ctc import Segment, ctc_notes, split_at_gaps, write_ctc
from napari_sam2.export.tracking.track_table import TrackTable
from tests.helpers.lineages import LINEAGE, PRESENT, label_movie, lineages, table_of

Node = tuple[int, int]


def expected_links(table: TrackTable) -> set[tuple[Node, Node]]:
    """Return links as pairs of (object id, frame)."""
    spots = [(spot.object_id, spot.frame) for spot in table.spots]
    return {(spots[a], spots[b]) for a, b in table.links()}


def links_of_traccuracy(folder: Path, segments: Iterable[Segment]) -> set[tuple[Node, Node]]:
    """Return links that traccuracy reads, with labels replaced by object ids."""
    traccuracy = pytest.importorskip("traccuracy.loaders", reason="needs traccuracy")
    names = {s.label: s.object_id for s in segments}
    graph = traccuracy.load_ctc_data(str(folder), run_checks=True).graph
    nodes = {n: (names[d["segmentation_id"]], d["t"]) for n, d in graph.nodes(data=True)}
    return {(nodes[a], nodes[b]) for a, b in graph.edges}


def test_gaps_divide_tracks_into_segments() -> None:
    table = table_of(label_movie(PRESENT))
    assert [(s.label, s.object_id, s.first, s.last, s.parent) for s in split_at_gaps(table)] == [
        (1, 1, 0, 2, 0),
        (2, 2, 3, 4, 1),
        (3, 3, 3, 3, 1),
        (5, 5, 4, 4, 0),
        (8, 8, 2, 7, 0),
        (9, 3, 6, 7, 3),
    ]
    assert "earlier one as parent: 9 (object 3)" in ctc_notes(table)[0]


@pytest.mark.parametrize("depth", [0, 3])
def test_traccuracy_reads_the_same_masks_and_links(tmp_path: Path, depth: int) -> None:
    labels = label_movie(PRESENT, depth)
    table = table_of(labels)
    write_ctc(tmp_path / "01_RES", table)
    segments = split_at_gaps(table)
    assert links_of_traccuracy(tmp_path / "01_RES", segments) == expected_links(table)
    names = {s.label: s.object_id for s in segments} | {0: 0}
    files = sorted((tmp_path / "01_RES").glob("mask*.tif"))
    assert [file.name for file in files] == [f"mask{t:03d}.tif" for t in range(8)]
    read = np.stack([tifffile.imread(file) for file in files])
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(np.vectorize(names.get)(read), labels)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_ctcmetrics_finds_them_valid(tmp_path: Path) -> None:
    pytest.importorskip("ctc_metrics", reason="needs py-ctcmetrics")
    from ctc_metrics.scripts.validate import validate_sequence

    write_ctc(tmp_path / "01_RES", table_of(label_movie(PRESENT)))
    assert validate_sequence(str(tmp_path / "01_RES"))["Valid"] == 1


@settings(max_examples=40, deadline=None)
@given(lineages())
def test_segments_have_no_gap_and_keep_all_links(drawn: tuple[np.ndarray, Lineage]) -> None:
    labels, lineage = drawn
    table = table_of(labels, lineage)
    segments = {s.label: s for s in split_at_gaps(table)}
    links = set()
    for segment in segments.values():
        frames = range(segment.first, segment.last + 1)
        for frame in frames:
            assert (labels[frame] == segment.object_id).any()
        links |= {((segment.object_id, f), (segment.object_id, f + 1)) for f in frames[:-1]}
        if segment.parent:
            before = segments[segment.parent]
            links.add(((before.object_id, before.last), (segment.object_id, segment.first)))
    assert links == expected_links(table)


def test_ids_of_more_than_16_bit_are_numbered_anew(tmp_path: Path) -> None:
    labels = label_movie({70_000: (0, 1), 4: (0, 1, 2), 70_001: (2,)})
    table = table_of(labels, Lineage({70_001: 70_000}))
    assert [(s.label, s.object_id, s.parent) for s in split_at_gaps(table)] == [
        (1, 4, 0),
        (2, 70_000, 0),
        (3, 70_001, 2),
    ]
    assert "numbered from 1" in ctc_notes(table)[0]
    write_ctc(tmp_path / "out", table)
    assert np.unique(tifffile.imread(tmp_path / "out" / "mask002.tif")).tolist() == [0, 1, 3]


def test_too_many_tracks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctc, "MAX_LABEL", 5)
    with pytest.raises(UserError, match=r"There are 6 tracks.* Export GEFF"):
        split_at_gaps(table_of(label_movie(PRESENT)))


def test_a_parent_that_still_exists_is_refused() -> None:
    with pytest.raises(UserError, match=r"Object 8 still exists on frame 7.*End each parent"):
        table_of(label_movie(PRESENT), Lineage({**LINEAGE.parents, 5: 8}))
