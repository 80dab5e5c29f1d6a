"""Divisions, tracks and their export in the widget."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog

from napari_sam2.export.tracking.formats import TrackingFormat
from napari_sam2.tracking.division.division import Division
from napari_sam2.viewer.layers.layer_set import LayerRole

OpenWidget = Callable[..., Any]
IMAGE = np.full((7, 64, 80), 20, np.uint8)
IMAGE[:, 50:60, 60:70] = 200


def cells() -> np.ndarray:
    """Return labels of cells 1 and 3, which become two from frame 3 and 4 on; 1 falls into parts.

    The daughters of 3 differ in size, so that this division has a lower score.
    """
    labels = np.zeros(IMAGE.shape, np.uint16)
    labels[:3, 10:22, 20:40] = 1
    labels[3:, 10:22, 15:25] = 1
    labels[3:, 10:22, 34:44] = 1
    labels[:4, 40:50, 10:30] = 3
    labels[4:, 40:50, 10:23] = 3
    labels[4:, 40:50, 25:30] = 4
    return labels


@pytest.fixture
def user(open_widget: OpenWidget) -> Any:
    """A user with tracked cells."""
    made = open_widget(IMAGE)
    for frame, plane in enumerate(cells()):
        made.sync.session.import_labels(frame, plane)
    made.settle()
    return made


def rows(user: Any) -> list[str]:
    shown = user.widget.lineage.list
    return [shown.item(at).text() for at in range(shown.count())]


def parents(user: Any) -> dict[int, int]:
    return dict(user.sync.sessions.objects.lineage.parents)


def tracks(user: Any) -> Any:
    return user.sync.layers.find(LayerRole.TRACKS)


def test_divisions_are_listed_after_a_run_and_accepted_in_one_step(user: Any) -> None:
    panel = user.widget.lineage
    assert not panel.accept.isEnabled()
    user.sync.start_object()
    user.click(0, 55, 65)
    user.key("G")
    user.settle()
    assert [row.split("  ")[1] for row in rows(user)] == [
        "Object 1 falls into parts on frame 3.",
        "Object 4 begins on frame 4 where object 3 was.",
    ]
    assert panel.section.text() == "Divisions and tracks (2)"
    panel.list.itemClicked.emit(panel.list.item(1))
    assert user.sync.dims.frame == 4
    assert user.widget.state.current == 3
    steps = len(user.sync.sessions.history)
    panel.score.setValue(0)
    panel.accept_all.click()
    user.settle()
    assert user.notice == "2 divisions accepted, with 4 daughters."
    assert len(user.sync.sessions.history) == steps + 1
    assert parents(user) == {4: 3, 6: 3, 7: 1, 8: 1}
    assert rows(user) == []
    user.controller.undo()
    user.settle()
    assert parents(user) == {}
    np.testing.assert_array_equal(np.where(user.labels() < 5, user.labels(), 0), cells())


@pytest.mark.slow
def test_one_division_or_those_of_a_high_score_are_accepted(user: Any) -> None:
    panel = user.widget.lineage
    panel.accept_all.setEnabled(True)
    panel.accept_all.click()
    assert "No division has this score" in user.notice
    panel.find_divisions.click()
    user.settle()
    assert user.notice == "2 divisions found. Click one to see it."
    scores = [division.score for division in panel.divisions.found]
    assert scores[0] > 0.9 > 0.4 > scores[1]
    panel.score.setValue(0.9)
    panel.accept_all.click()
    user.settle()
    assert set(parents(user).values()) == {1}
    assert len(rows(user)) == 1
    user.sync.session.lock(3, [5])
    panel.list.setCurrentRow(0)
    panel.accept.click()
    user.settle()
    assert "0 divisions accepted" in user.notice
    assert "locked on frame 5" in user.notice
    assert panel.divisions.found == (Division(3, 4, (4,)),)
    user.sync.session.unlock(3, [5])
    panel.list.setCurrentRow(0)
    panel.accept.click()
    user.settle()
    assert set(parents(user).values()) == {1, 3}


def test_tracks_are_shown_on_request_and_follow_edits(user: Any) -> None:
    table = user.widget.objects.table
    menu = table.menu_of(1)
    assert tracks(user) is None
    [show] = [a for a in menu.actions() if a.text() == "Show the tracks of all objects"]
    show.trigger()
    user.settle()
    layer = tracks(user)
    assert layer.name.startswith("SAM 2 tracks: ")
    assert layer.graph == {}
    assert set(layer.data[:, 0]) == {1, 3, 4}
    np.testing.assert_allclose(layer.data[0], [1, 0, 15.5, 29.5])
    panel = user.widget.lineage
    panel.find_divisions.click()
    user.settle()
    panel.score.setValue(0)
    panel.accept_all.click()
    user.settle()
    user.settle()
    layer = tracks(user)
    assert {child: [int(p) for p in ps] for child, ps in layer.graph.items()} == {
        4: [3], 5: [3], 6: [1], 7: [1],
    }  # fmt: skip
    founders = dict(zip(layer.data[:, 0], layer.features["lineage"], strict=True))
    assert founders == {1: 1, 3: 3, 4: 3, 5: 3, 6: 1, 7: 1}
    colors = dict(zip(layer.data[:, 0], map(tuple, layer.track_colors), strict=True))
    assert colors[1] == colors[6] == colors[7] != colors[3] == colors[4] == colors[5]
    user.controller.undo()
    user.settle()
    user.settle()
    assert tracks(user).graph == {}
    for object_id in (1, 3, 4):
        user.sync.session.delete_object(object_id)
    user.settle()
    user.settle()
    assert tracks(user) is None
    assert user.notice == "There are no tracks, as there is no mask. Propagate objects first."


def test_divisions_and_tracks_are_not_offered_along_z(open_widget: OpenWidget) -> None:
    user = open_widget(IMAGE, axis_labels=("z", "y", "x"))
    user.settle()
    assert not user.widget.lineage.divisions.possible
    user.widget.lineage.divisions.find()
    user.widget.lineage.tracks.show()
    user.settle()
    assert "is not a time series" in user.notice
    assert user.widget.foot.tracks.filters() == {}


def save_as(user: Any, monkeypatch: pytest.MonkeyPatch, path: Path, kind: TrackingFormat) -> None:
    """Choose a file and a format of tracks in the dialog of "Save as"."""
    filters = {found: text for text, found in user.widget.foot.tracks.filters().items()}
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), filters[kind]))
    user.widget.foot.save_as.click()
    user.settle()


def test_tracks_are_exported_from_the_save_dialog(
    user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = user.sync.session
    session.divide(3, 4, [4])
    save_as(user, monkeypatch, tmp_path / "labels.tif", TrackingFormat.LINEAGE)
    assert user.notice.startswith(f"4 objects, 2 with a parent, written to {tmp_path}")
    with (tmp_path / "labels.csv").open() as file:
        found = {int(row["id"]): row["parent"] for row in csv.DictReader(file)}
    assert found == {1: "", 3: "", 4: "3", 5: "3"}
    save_as(user, monkeypatch, tmp_path / "01_RES", TrackingFormat.CTC)
    lines = (tmp_path / "01_RES" / "res_track.txt").read_text().split("\n")
    assert "4 4 6 3" in lines
    masks = tifffile.imread(sorted((tmp_path / "01_RES").glob("mask*.tif")))
    np.testing.assert_array_equal(masks > 0, cells() > 0)
    save_as(user, monkeypatch, tmp_path / "tracks", TrackingFormat.TRACKS)
    assert (tmp_path / "tracks.csv").is_file()
    save_as(user, monkeypatch, tmp_path / "tracks.xml", TrackingFormat.TRACKMATE)
    assert (tmp_path / "tracks.xml").is_file()
    assert user.error == ""


@pytest.mark.slow
def test_what_cannot_be_exported_is_explained_and_nothing_is_written(
    user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = user.sync.session
    session.reopen(4)
    save_as(user, monkeypatch, tmp_path / "a.csv", TrackingFormat.LINEAGE)
    assert "not accepted are left out, of object 4" in user.notice
    for object_id in (1, 3):
        session.reopen(object_id)
    save_as(user, monkeypatch, tmp_path / "b.csv", TrackingFormat.LINEAGE)
    assert "no accepted mask. Accept objects first" in user.error
    for object_id in (1, 3, 4):
        session.accept(object_id)
    monkeypatch.setitem(__import__("sys").modules, "geff", None)
    save_as(user, monkeypatch, tmp_path / "c.geff", TrackingFormat.GEFF)
    assert "pip install" in user.error
    assert {path.name for path in tmp_path.iterdir()} - {"user", "cache"} == {"a.csv"}
