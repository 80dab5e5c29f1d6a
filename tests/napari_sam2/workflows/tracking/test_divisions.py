"""``segment --divisions`` reports divisions, or writes daughters with their parents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr

from napari_sam2.cli.app import run
from napari_sam2.workflows.reporter import RecordingReporter
from napari_sam2.workflows.tracking.divisions import DivisionMode, write_divisions
from tests.helpers.dividing_cells import dividing_cells
from tests.helpers.scenes import session_of


def session_with(labels: np.ndarray):
    """Return a session whose masks are these labels."""
    session = session_of((labels > 0).astype(np.uint8) * 200)
    for frame, plane in enumerate(labels):
        session.import_labels(frame, plane)
    return session


def test_daughters_and_their_parents_are_written_and_masks_stay(tmp_path: Path) -> None:
    cells = dividing_cells(seed=4)
    labels = cells.labels.copy()
    for parent in cells.divisions:
        labels[labels == cells.lineage.daughters(parent)[0]] = parent
    session = session_with(labels)
    reporter = RecordingReporter(None)
    for _ in range(2):
        ids = write_divisions(
            session, session.labels, DivisionMode.AUTO, tmp_path / "l.csv", reporter
        )
        written = np.asarray(session.labels.array)
        assert set(ids) == set(np.unique(written)) - {0}
        rows = pd.read_csv(tmp_path / "l.csv")
        assert sorted(rows.id) == sorted(ids)
        assert rows.parent.count() == 2 * len(cells.divisions)
        np.testing.assert_array_equal(written > 0, labels > 0)
    assert session.masks.objects() == tuple(np.unique(labels[labels > 0]))
    assert len(reporter.messages) == 2 * len(cells.divisions)


def test_flagged_divisions_change_nothing(tmp_path: Path) -> None:
    labels = np.zeros((8, 40, 60), np.uint16)
    labels[:, 10:22, 5:17] = 1
    labels[4:, 10:22, 11:17] = 2
    session = session_with(labels)
    reporter = RecordingReporter(None)
    ids = write_divisions(session, session.labels, DivisionMode.FLAG, None, reporter)
    assert ids == (1, 2)
    assert reporter.messages == ["Division: Object 2 begins on frame 4 where object 1 was."]
    np.testing.assert_array_equal(session.labels.array, labels)


def test_the_command_writes_labels_and_lineage(tmp_path: Path) -> None:
    cells = np.zeros((5, 64, 64), np.uint8)
    cells[:1, 20:36, 10:40] = 1
    cells[1:, 20:36, 10:22] = 1
    cells[1:, 20:36, 28:40] = 1
    for name, pixels in (("movie", cells * 180 + 20), ("cells", cells)):
        tifffile.imwrite(tmp_path / f"{name}.tif", pixels, metadata={"axes": "TYX"})
    command = ["segment", str(tmp_path / "movie.tif"), "--prompts", str(tmp_path / "cells.tif")]
    command += ["--output", str(tmp_path / "labels.zarr"), "--along", "t"]
    command += ["--divisions", "auto", "--lineage", str(tmp_path / "lineage.csv")]
    assert run(command) == 0
    assert run([*command, "--resume"]) == 0
    labels = zarr.open_array(tmp_path / "labels.zarr", mode="r")[...]
    np.testing.assert_array_equal(labels > 0, cells > 0)
    assert {tuple(np.unique(plane)) for plane in labels} == {(0, 1), (0, 2, 3)}
    assert (tmp_path / "lineage.csv").read_text().split() == [
        "id,parent,first,last",
        "1,,0,0",
        "2,1,1,4",
        "3,1,1,4",
    ]
    assert run(command) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--divisions", "auto"], "needs --lineage FILE.csv"),
        (["--lineage", "l.csv"], "--lineage is for --divisions auto only"),
        (["--divisions", "flag", "--along", "y"], "Divisions are found along t only"),
        (["--divisions", "auto", "--lineage", "l.txt"], "Give a .csv file"),
        (["--divisions", "auto", "--lineage", "no/l.csv"], "in a folder that exists"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("movie.tif", np.zeros((5, 32, 32), np.uint8), metadata={"axes": "TYX"})
    Path("clicks.csv").write_text("object_id,frame,y,x,label\n1,0,28,20,1\n")
    command = ["segment", "movie.tif", "--prompts", "clicks.csv", "--output", "labels.zarr"]
    assert run([*command, *options]) == 2
    assert message in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clicks.csv", "movie.tif"]
