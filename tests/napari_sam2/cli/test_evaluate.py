"""The evaluate command: its table, its CSV file and bad inputs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.inference import sam2_predictor as loading
from sam2_model.errors import SAM2Error
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight


class Overrunning(FakePredictor):
    """Predicts an object on all frames after it has disappeared."""

    def track(self, encoding, frame, states, *, reverse, zoomed=False):
        steps = super().track(encoding, frame, states, reverse=reverse, zoomed=zoomed)
        if all(step.object_score > 0 for step in steps):
            self.last = steps
        return self.last


@pytest.fixture
def stacks(tmp_path: Path) -> tuple[Path, Path]:
    """Write two discs, the second of which is gone from frame 4 on, and their labels."""
    first, second = straight((20, 20), (0, 2), 8), straight((60, 60), (0, 0), 8)
    second[4:] = np.nan
    images = movie((80, 96), [first, second])
    labels = sum((movie((80, 96), [p]) > 100) * v for p, v in ((first, 5), (second, 9)))
    tifffile.imwrite(tmp_path / "images.tif", images, metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "labels.tif", labels.astype(np.uint16))
    return tmp_path / "images.tif", tmp_path / "labels.tif"


def use(monkeypatch: pytest.MonkeyPatch, predictor: FakePredictor) -> None:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: predictor)


def evaluated(stacks: tuple[Path, Path], *options: str) -> ExitCode | int:
    images, labels = map(str, stacks)
    return run(["evaluate", "--images", images, "--labels", labels, "--model", "micro", *options])


def values(shown: str) -> dict[str, str]:
    """Read the printed table."""
    cells = (line.strip(" │┃").split("│") for line in shown.splitlines() if "│" in line)
    return {row[0].strip(): row[1].strip() for row in cells if len(row) == 2}


@pytest.mark.parametrize("prompt", ["point", "box", "mask"])
def test_the_table_and_the_rows(stacks, tmp_path, monkeypatch, capsys, prompt) -> None:
    pytest.importorskip("ctc_metrics")
    use(monkeypatch, FakePredictor())
    rows = tmp_path / "rows.csv"
    options = ("--prompt", prompt, "--along", "t", "--tracks", "--csv", str(rows))
    assert evaluated(stacks, *options) == ExitCode.DONE
    table = values(capsys.readouterr().out)
    assert float(table["IoU, later frames"]) > 0.8
    assert (table["frames overrun"], table["objects"]) == ("0", "2")
    assert float(table["left empty where absent"]) == 1
    assert table["identity switches"] == "0"
    with rows.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert {(row["object_id"], row["frame"]) for row in written} == {
        (str(k), str(t)) for k in (5, 9) for t in range(8)
    }


def test_predictions_on_frames_without_the_object_are_counted(stacks, monkeypatch, capsys) -> None:
    use(monkeypatch, Overrunning())
    assert evaluated(stacks, "--along", "t", "--view", "full") == ExitCode.DONE
    assert int(values(capsys.readouterr().out)["frames overrun"]) == 4


def test_a_volume_is_propagated_in_both_directions(stacks, monkeypatch, capsys) -> None:
    predictor = FakePredictor()
    use(monkeypatch, predictor)
    assert evaluated(stacks, "--axes", "ZYX", "--along", "z") == ExitCode.DONE
    assert {reverse for _, reverse in predictor.tracked} == {False, True}
    assert "Dice of whole objects" in values(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("--labels", "absent.tif", "There is no label image"),
        ("--images", "absent.tif", "absent.tif"),
        ("--view", "zoom:2", "Cannot read the view"),
        ("--along", "q", "q"),
    ],
)
def test_bad_input(stacks, monkeypatch, capsys, name, value, message) -> None:
    use(monkeypatch, FakePredictor())
    assert evaluated(stacks, name, value) == ExitCode.BAD_INPUT
    assert message in capsys.readouterr().err


def test_labels_of_another_size(stacks, tmp_path, monkeypatch, capsys) -> None:
    use(monkeypatch, FakePredictor())
    tifffile.imwrite(tmp_path / "small.tif", np.ones((8, 40, 40), np.uint16))
    assert evaluated((stacks[0], tmp_path / "small.tif"), "--along", "t") == ExitCode.BAD_INPUT
    assert "(8, 40, 40)" in capsys.readouterr().err


def compared(stacks: tuple[Path, Path], models: str, *options: str) -> ExitCode | int:
    images, labels = map(str, stacks)
    return run(["evaluate", "--images", images, "--labels", labels, "--models", models, *options])


def test_models_stand_side_by_side(stacks, tmp_path, monkeypatch, capsys) -> None:
    made = {"micro": FakePredictor(), "tiny": Overrunning()}
    monkeypatch.setattr(loading, "load_predictor", lambda model, *_, **__: made[model])
    rows = tmp_path / "rows.csv"
    options = ("--along", "t", "--view", "full", "--csv", str(rows))
    assert compared(stacks, "micro, tiny", *options) == ExitCode.DONE
    shown = capsys.readouterr().out
    cells = [line.strip(" │┃").split("│") for line in shown.splitlines() if "│" in line]
    table = {name.strip(): [value.strip() for value in found] for name, *found in cells}
    assert table["frames overrun"] == ["0", "4"]
    assert all(float(value) > 0 for value in table["memory of the process, GB"])
    assert len(table["seconds"]) == 2
    with rows.open(newline="") as file:
        written = [row["model"] for row in csv.DictReader(file)]
    assert (written.count("micro"), written.count("tiny")) == (16, 16)


def test_a_model_that_fails_leaves_the_table_of_those_before(stacks, monkeypatch, capsys) -> None:
    def load(model: str, *_: object, **__: object) -> FakePredictor:
        if model == "tiny":
            raise SAM2Error("The download failed.")
        return FakePredictor()

    monkeypatch.setattr(loading, "load_predictor", load)
    assert compared(stacks, "micro,tiny", "--along", "t") != ExitCode.DONE
    shown = capsys.readouterr()
    assert "micro" in shown.out
    assert "The download failed" in shown.err


@pytest.mark.parametrize(
    ("models", "words"),
    [("micro", "at least two"), ("micro,micro", "twice"), ("micro,absent.pt", "no model")],
)
def test_models_are_checked_before_one_is_loaded(stacks, models, words, capsys) -> None:
    assert compared(stacks, models) == ExitCode.BAD_INPUT
    assert words in capsys.readouterr().err
    assert compared(stacks, "micro,tiny", "--model", "micro") == ExitCode.BAD_INPUT
    assert "not both" in capsys.readouterr().err


def test_the_rows_never_replace_an_input(stacks, tmp_path, monkeypatch, capsys) -> None:
    use(monkeypatch, FakePredictor())
    before = [path.read_bytes() for path in stacks]
    predicted = ["evaluate", "--labels", str(stacks[1]), "--predicted", str(stacks[0])]
    for path in stacks:
        assert evaluated(stacks, "--along", "t", "--csv", str(path)) == ExitCode.BAD_INPUT
        assert compared(stacks, "micro,tiny", "--csv", str(path)) == ExitCode.BAD_INPUT
        assert run([*predicted, "--csv", str(path)]) == ExitCode.BAD_INPUT
        assert "would replace the input" in capsys.readouterr().err
    assert [path.read_bytes() for path in stacks] == before


def test_the_folder_of_the_rows_is_checked_before_a_model_is_loaded(stacks, tmp_path, capsys):
    missing = tmp_path / "absent" / "rows.csv"
    assert evaluated(stacks, "--along", "t", "--csv", str(missing)) == ExitCode.BAD_INPUT
    assert "There is no folder" in capsys.readouterr().err


def test_labels_of_one_plane_are_no_ground_truth_of_all_frames(stacks, tmp_path, capsys) -> None:
    plane = tifffile.imread(stacks[1])[0]
    tifffile.imwrite(tmp_path / "plane.tif", plane)
    assert evaluated((stacks[0], tmp_path / "plane.tif"), "--along", "t") == ExitCode.BAD_INPUT
    assert "one plane, but the stack has 8 frames" in capsys.readouterr().err


def test_what_is_guessed_or_left_out_of_the_images_is_reported(
    stacks, tmp_path, monkeypatch, capsys
) -> None:
    use(monkeypatch, FakePredictor())
    images, labels = map(tifffile.imread, stacks)
    for name, values in (("images", images), ("labels", labels)):
        series = np.stack([values, values[::-1]], axis=1)
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif",
            series,
            metadata={"axes": "TZYX"},
            photometric="minisblack",
        )
    series = (tmp_path / "images.ome.tif", tmp_path / "labels.ome.tif")
    assert evaluated(series, "--along", "t") == ExitCode.DONE
    assert "Axis z is fixed at 0 of 0..1" in capsys.readouterr().err
    assert evaluated(series, "--along", "t", "--at", "z=1") == ExitCode.DONE
    assert "Axis z" not in capsys.readouterr().err
