"""Export of tracks from labels and from saved sessions, by the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_sam2.cli.app import run
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.storage.session_archive import pack_session
from tests.helpers.label_outputs import write_labels_inside
from tests.helpers.lineages import LINEAGE, PRESENT, label_movie
from tests.napari_sam2.session.history.test_edit_history import click
from tests.napari_sam2.session.storage.test_session_folder import save_in


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, label_movie(PRESENT).astype(np.uint16), metadata={"axes": "TYX"})
    return path


def saved(folder: Path) -> SessionGroup:
    """Return a session in which object 1 has divided into object 2 on frame 2."""
    sessions = save_in(folder)
    session = sessions[()]
    click(session, 1, 0)
    list(session.propagate())
    session.divide(1, 2)
    for object_id in (1, 2):
        session.accept(object_id)
    return sessions


def parents_in(path: Path) -> dict[int, int]:
    rows = pd.read_csv(path).dropna(subset="parent")
    return {int(i): int(p) for i, p in zip(rows.id, rows.parent, strict=True)}


def test_labels_with_a_table_of_parents(labels: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "parents.csv", tmp_path / "out.csv"
    table.write_text("id,parent\n2,1\n3,1\n99,1\n")
    command = ["export", str(labels), "--format", "lineage", "--output", str(out)]
    assert run([*command, "--lineage", str(table)]) == 0
    assert parents_in(out) == LINEAGE.parents
    assert run([*command, "--lineage", str(out), "--overwrite"]) == 0
    assert parents_in(out) == LINEAGE.parents


@pytest.mark.parametrize(
    ("kind", "name"), [("ctc", "01_RES"), ("tracks", "a.csv"), ("trackmate", "a.xml")]
)
def test_an_output_is_replaced_only_on_demand(
    labels: Path, tmp_path: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").mkdir()
    out = tmp_path / "results" / name
    command = ["export", str(labels), "--format", kind, "--output", str(out)]
    assert run(command) == 0
    assert out.exists()
    assert run(command) == 2
    assert "exists" in capsys.readouterr().err
    assert run([*command, "--overwrite"]) == 0


def test_a_folder_of_other_files_is_not_replaced(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    command = ["export", str(labels), "--format", "ctc", "--output", str(tmp_path / "mine")]
    assert run([*command, "--overwrite"]) == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "all of it"


@pytest.mark.parametrize("packed", [False, True])
def test_a_session_gives_its_accepted_objects_and_parents(
    tmp_path: Path, packed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions = saved(tmp_path)
    session = sessions[()]
    session.reopen(2, [3])
    expected = {i.id: i.parent for i in sessions.objects if i.parent}
    assert sessions.folder is not None
    path = sessions.folder.path
    assert path is not None
    sessions.close()
    source = pack_session(path) if packed else path
    out = tmp_path / "lineage.csv"
    command = ["export", str(source), "--format", "lineage", "--output", str(out)]
    assert run(command) == 0
    assert "not accepted are left out, of object 2" in capsys.readouterr().err
    assert parents_in(out) == expected == {2: 1}
    rows = pd.read_csv(out).set_index("id")
    assert tuple(rows.loc[1, ["first", "last"]]) == (0, 1)
    assert tuple(rows.loc[2, ["first", "last"]]) == (2, 2)
    assert run([*command, "--drafts", "--overwrite"]) == 0
    assert pd.read_csv(out).set_index("id").loc[2, "last"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "geff", "--output", "a.csv"], "Give a name that ends in .geff"),
        (["--format", "tracks", "--output", "no/a.csv"], "There is no folder"),
        (["--format", "tracks", "--output", "a.csv", "--drafts"], "--drafts is for a session"),
        (["--format", "tracks", "--output", "a.csv", "--axes", "ZYX"], "is not a time series"),
        (["--format", "ctc", "--output", "labels.tif", "--overwrite"], "not an earlier ctc"),
    ],
)
def test_bad_input_is_refused_with_advice(
    labels: Path,
    options: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "geff" in options:
        pytest.importorskip("geff", reason="needs geff")
    monkeypatch.chdir(labels.parent)
    assert run(["export", str(labels), *options]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in labels.parent.iterdir()) == ["labels.tif"]


def test_a_session_without_accepted_masks_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions = save_in(tmp_path)
    click(sessions[()], 1, 0)
    assert sessions.folder is not None
    path = sessions.folder.path
    sessions.close()
    out = tmp_path / "a.csv"
    assert run(["export", str(path), "--format", "tracks", "--output", str(out)]) == 2
    assert "Accept objects first" in capsys.readouterr().err
    assert not out.exists()


def test_the_labels_inside_an_ome_zarr_are_exported(tmp_path: Path) -> None:
    path = write_labels_inside(tmp_path, label_movie(PRESENT).astype(np.uint16))
    out = tmp_path / "out.csv"
    assert run(["export", str(path), "--format", "lineage", "--output", str(out)]) == 0
    assert set(pd.read_csv(out).id) == set(PRESENT)


def test_guessed_axes_of_labels_are_reported(tmp_path: Path, capsys) -> None:
    np.save(tmp_path / "l.npy", label_movie(PRESENT).astype(np.uint16))
    out = tmp_path / "out.csv"
    command = ["export", str(tmp_path / "l.npy"), "--format", "tracks", "--output", str(out)]
    assert run(command) == 0
    assert "read as TYX" in capsys.readouterr().err
