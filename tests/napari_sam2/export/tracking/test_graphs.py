"""GEFF and TrackMate files, read back by geff and pytrackmate."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.core.lineage import Lineage
from napari_sam2.export.tracking.geff import write_geff
from napari_sam2.export.tracking.trackmate import write_trackmate
from napari_sam2.images.calibration import Calibration
from tests.helpers.lineages import LINEAGE, PRESENT, label_movie, table_of
from tests.napari_sam2.export.tracking.test_ctc import expected_links

CALIBRATION = Calibration.of("TZYX", (30.0, 2.0, 0.5, 0.25), ("second", *["micrometer"] * 3))
CASES = [
    (PRESENT, LINEAGE),
    ({4: (0, 1), 9: (3, 4), 6: (2,)}, Lineage({9: 4})),
    ({3: (1,)}, Lineage()),
]


@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize(("present", "lineage"), CASES)
def test_geff_reads_the_same_graph(
    tmp_path: Path, present: dict[int, tuple[int, ...]], lineage: Lineage, depth: int
) -> None:
    geff = pytest.importorskip("geff", reason="needs geff")
    from geff.validate.data import ValidationConfig

    table = table_of(label_movie(present, depth), lineage, CALIBRATION)
    write_geff(tmp_path / "tracks.geff", table)
    geff.validate_structure(tmp_path / "tracks.geff")
    checks = ValidationConfig(graph=True, tracklet=True, lineage=True)
    graph, metadata = geff.read(tmp_path / "tracks.geff", data_validation=checks)
    nodes = {n: (d["seg_id"], d["t"]) for n, d in graph.nodes(data=True)}
    assert {(nodes[a], nodes[b]) for a, b in graph.edges} == expected_links(table)
    space = table.movie.space.lower()
    assert {nodes[n]: tuple(d[a] for a in space) for n, d in graph.nodes(data=True)} == {
        (spot.object_id, spot.frame): spot.center for spot in table.spots
    }
    assert {d["lineage"] for _, d in graph.nodes(data=True)} == {
        lineage.founder(i) for i in present
    }
    scales = {axis.name: (axis.scale, axis.scaled_unit) for axis in metadata.axes}
    assert scales["t"] == (30.0, "second")
    assert scales["x"] == (0.25, "micrometer")


def test_geff_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "geff", None)
    with pytest.raises(UserError, match=r"pip install 'napari-sam2\[tracking\]'"):
        write_geff(tmp_path / "tracks.geff", table_of(label_movie(PRESENT)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pytrackmate_reads_the_same_spots_and_tracks(tmp_path: Path) -> None:
    pytrackmate = pytest.importorskip("pytrackmate", reason="needs pytrackmate")
    table = table_of(label_movie(PRESENT, 2), calibration=CALIBRATION)
    path = tmp_path / "tracks.xml"
    write_trackmate(path, table)
    spots = pytrackmate.trackmate_peak_import(str(path), get_tracks=True)
    scale = np.array([2.0, 0.5, 0.25])
    assert len(spots) == len(table.spots)
    by_id = spots.set_index("spot_id")
    for number, spot in enumerate(table.spots):
        row = by_id.loc[number]
        np.testing.assert_allclose(row[["z", "y", "x"]].to_numpy(float), spot.center * scale)
        assert (row["t_stamp"], row["t"]) == (spot.frame, 30.0 * spot.frame)
    families: dict[float, set[int]] = {}
    for number, spot in enumerate(table.spots):
        families.setdefault(by_id.loc[number, "label"], set()).add(spot.object_id)
    assert sorted(map(sorted, families.values())) == [[1, 2, 3], [5], [8]]


def test_trackmate_files_hold_all_links_and_units(tmp_path: Path) -> None:
    table = table_of(label_movie(PRESENT), calibration=CALIBRATION)
    write_trackmate(tmp_path / "tracks.xml", table)
    root = Xml.parse(tmp_path / "tracks.xml").getroot()
    spots = [(spot.object_id, spot.frame) for spot in table.spots]
    edges = {
        (spots[int(e.attrib["SPOT_SOURCE_ID"])], spots[int(e.attrib["SPOT_TARGET_ID"])])
        for e in root.iter("Edge")
    }
    assert edges == expected_links(table)
    model = root.find("Model")
    assert model is not None
    assert model.attrib == {"spatialunits": "µm", "timeunits": "s"}
    radius = float(next(root.iter("Spot")).attrib["RADIUS"])
    assert np.pi * radius**2 == pytest.approx(6 * 0.5 * 0.25)
