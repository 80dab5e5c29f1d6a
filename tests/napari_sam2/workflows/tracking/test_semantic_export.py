"""Semantic labels of sessions, and classes in label files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_sam2.cli.app import run
from napari_sam2.core.errors import UserError
from napari_sam2.export.classes.object_classes import ObjectClasses
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import save_labels
from napari_sam2.images.stack import open_stack
from tests.napari_sam2.workflows.tracking.test_export import saved


@pytest.fixture
def session(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """Return a saved session of two accepted objects with classes, and its labels."""
    sessions = saved(tmp_path)
    sessions[()].set_class(1, "zebra")
    sessions[()].set_class(2, "ant, red")
    labels = np.asarray(sessions.labels.array).copy()
    assert sessions.folder is not None
    path = sessions.folder.path
    assert path is not None
    sessions.close()
    return path, labels


@pytest.mark.parametrize(
    "name",
    ["c.tif", *(pytest.param(f"c.{e}", marks=pytest.mark.slow) for e in ("nii.gz", "ome.zarr"))],
)
def test_pixels_have_the_values_of_their_classes(session, tmp_path: Path, name: str) -> None:
    path, labels = session
    output = tmp_path / name
    command = ["export", str(path), "--format", "semantic", "--output", str(output)]
    assert run(command) == 0
    table = pd.read_csv(tmp_path / f"{name}.classes.csv")
    assert table.to_numpy().tolist() == [[1, "ant, red", 1], [2, "zebra", 1]]
    expected = np.array([0, 2, 1])[labels]
    opened = output / "labels" / "objects" if name == "c.ome.zarr" else output
    stack = open_stack(
        opened, axes=None if name == "c.ome.zarr" else "TYX" if "nii" not in name else None
    )
    found = np.stack([stack.read(stack.index(frame))[0] for frame in range(stack.n_frames)])
    np.testing.assert_array_equal(found, expected)
    assert run(command) == 2
    assert run([*command, "--overwrite"]) == 0


def test_objects_without_a_class_are_reported(tmp_path: Path, capsys) -> None:
    sessions = saved(tmp_path)
    sessions[()].set_class(1, "nucleus")
    assert sessions.folder is not None
    path = sessions.folder.path
    sessions.close()
    output = tmp_path / "c.tif"
    assert run(["export", str(path), "--format", "semantic", "--output", str(output)]) == 0
    shown = capsys.readouterr().err
    assert "Objects without a class are background: 2" in shown
    assert "1 object of 1 class written" in shown.replace("\n", " ")


def test_tracks_of_objects_with_classes_have_a_note(session, tmp_path: Path, capsys) -> None:
    output = tmp_path / "a.csv"
    assert run(["export", str(session[0]), "--format", "tracks", "--output", str(output)]) == 0
    assert "a.csv stores no classes" in " ".join(capsys.readouterr().err.split())


def test_a_session_without_classes_is_refused(tmp_path: Path, capsys) -> None:
    sessions = saved(tmp_path)
    assert sessions.folder is not None
    path = sessions.folder.path
    sessions.close()
    output = tmp_path / "c.tif"
    command = ["export", str(path), "--format", "semantic", "--output", str(output)]
    assert run(command) == 2
    assert "No object has a class" in capsys.readouterr().err
    assert run([*command, "--axes", "TYX"]) == 2
    assert "no effect" in capsys.readouterr().err
    assert not output.exists()


def test_coco_and_ome_zarr_hold_the_classes_of_objects(tmp_path: Path) -> None:
    sessions = saved(tmp_path)
    sessions[()].set_class(2, "nucleus")
    classes = ObjectClasses.of(sessions.objects)
    parts = (sessions.stack, sessions.labels, sessions.masks, "", classes)
    save_labels(tmp_path / "o.coco.json", *parts)
    content = json.loads((tmp_path / "o.coco.json").read_text())
    names = {item["id"]: item["name"] for item in content["categories"]}
    found = {item["track_id"]: names[item["category_id"]] for item in content["annotations"]}
    assert found == {1: "object", 2: "nucleus"}
    save_labels(tmp_path / "o.ome.zarr", *parts)
    described = json.loads(
        (tmp_path / "o.ome.zarr" / "labels" / "objects" / "zarr.json").read_text()
    )
    label = described["attributes"]["ome"]["image-label"]
    assert label["properties"] == [{"label-value": 1}, {"label-value": 2, "class": "nucleus"}]
    assert "stores no classes" in classes.note(OutputDestination.parse(tmp_path / "o.tif"))
    sessions.close()


@pytest.mark.parametrize(
    ("name", "ids", "words"),
    [
        ("two\nlines", (1,), "line break"),
        ("\ud800", (1,), "cannot hold"),
        ("object", (1, 2), "category"),
    ],
)
def test_names_that_a_format_cannot_hold(tmp_path: Path, name, ids, words) -> None:
    output = OutputDestination.parse(tmp_path / "o.coco.json")
    with pytest.raises(UserError, match=words):
        ObjectClasses({1: name}).check(output, ids)
    ObjectClasses({1: name}).check(OutputDestination.parse(tmp_path / "o.tif"), ids)
