"""The find command: labels and prompts of everything on a frame."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.inference.text_detector import Detection
from napari_sam2.workflows.search import plane_search
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight

IMAGES = movie((80, 96), [straight((20, 20), (1, 2), 8), straight((60, 30), (0, 2), 8)])


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, IMAGES, metadata={"axes": "TYX"}, imagej=True)
    return path


def test_labels_of_one_frame(source, tmp_path, capfd) -> None:
    output = tmp_path / "labels.tif"
    arguments = ["find", str(source), "--frame", "3", "--output", str(output)]
    assert run(arguments) == ExitCode.DONE
    labels = tifffile.imread(output)
    assert labels.shape == IMAGES.shape
    assert [bool(plane.any()) for plane in labels] == [frame == 3 for frame in range(8)]
    assert set(np.unique(labels)) == {0, 1, 2}
    assert np.mean((labels[3] > 0) == (IMAGES[3] > 100)) > 0.99
    assert "2 objects found" in capfd.readouterr().err
    assert run(arguments) == ExitCode.BAD_INPUT
    assert "--overwrite" in capfd.readouterr().err
    assert run([*arguments, "--overwrite"]) == ExitCode.DONE


def test_prompts_with_scores_can_be_segmented(source, tmp_path) -> None:
    prompts, labels = tmp_path / "candidates.json", tmp_path / "labels.tif"
    assert run(["find", str(source), "--output", str(prompts)]) == ExitCode.DONE
    objects = json.loads(prompts.read_text())["objects"]
    assert [item["id"] for item in objects] == [1, 2]
    assert all(0.5 <= item["score"] <= 1 for item in objects)
    arguments = ["segment", str(source), "--prompts", str(prompts), "--output", str(labels)]
    assert run(arguments) == ExitCode.DONE
    assert np.mean((tifffile.imread(labels) > 0) == (IMAGES > 100)) > 0.99


def test_segment_follows_what_it_finds_on_the_first_frame(source, tmp_path, capfd) -> None:
    labels = tmp_path / "labels.tif"
    arguments = ["segment", str(source), "--find", "everything", "--output", str(labels)]
    assert run([*arguments, "--range", "2:8"]) == ExitCode.DONE
    found = tifffile.imread(labels)
    assert not found[:2].any()
    assert np.mean((found[2:] > 0) == (IMAGES[2:] > 100)) > 0.99
    assert "2 objects found on frame 2" in capfd.readouterr().err
    assert run([*arguments, "--max-objects", "1", "--overwrite"]) == ExitCode.DONE
    assert set(np.unique(tifffile.imread(labels))) == {0, 1}
    assert run([*arguments, "--max-objects", "1", "--resume"]) == ExitCode.DONE
    assert run([*arguments, "--max-objects", "2", "--resume"]) == ExitCode.BAD_INPUT
    assert "max_objects" in capfd.readouterr().err


def test_objects_are_found_by_text(source, tmp_path, monkeypatch, capfd) -> None:
    class Detector:
        def detect(self, image, phrase, min_score):
            at = {"disk": (8, 8, 32, 32), "lower disk": (48, 18, 72, 42)}
            return (Detection(at[phrase], 0.7),) if phrase in at else ()

    monkeypatch.setattr(plane_search, "load_text_detector", lambda *_: Detector())
    labels = tmp_path / "labels.tif"
    arguments = ["segment", str(source), "--output", str(labels), "--find"]
    assert run([*arguments, 'text:"disk";"lower disk"']) == ExitCode.DONE
    assert np.mean((tifffile.imread(labels) > 0) == (IMAGES > 100)) > 0.99
    assert run([*arguments, "text:house", "--overwrite"]) == ExitCode.BAD_INPUT
    assert "Nothing was found" in capfd.readouterr().err
    empty = tmp_path / "candidates.json"
    find = ["find", str(source), "--output", str(empty), "--find", "text:house"]
    assert run(find) == ExitCode.BAD_INPUT
    assert "fits text:house" in capfd.readouterr().err
    assert not empty.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--prompts FILE or --find"),
        (["--find", "everything", "--prompts", "clicks.json"], "one of them"),
        (["--find", "everything", "--min-area", "100000"], "Nothing was found"),
        (["--find", "everything", "--min-size", "100000"], "--min-size"),
    ],
)
def test_a_segmentation_without_prompts_has_a_message(
    source, tmp_path, monkeypatch, capfd, options, words
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["segment", str(source), "--output", "labels.tif", *options]) == ExitCode.BAD_INPUT
    assert words in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frame", "8"], "no frame 8"),
        (["--min-score", "2"], "from 0 to 1"),
        (["--find", "cells"], "does not know"),
        (["--find", "text:"], "phrase is empty"),
        (["--find", "text:cell", "--text-model", "dino"], "no text model dino"),
        (["--find", "text:cell", "--diameter", "20"], "no effect on a search by text"),
        (["--text-model", "dino"], "no effect without a phrase"),
        (["--output", "labels.xyz"], "labels.xyz"),
        (["--output", "missing/candidates.json"], "no folder"),
    ],
)
def test_bad_options_write_nothing(source, tmp_path, monkeypatch, capfd, options, words) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    given = options if "--output" in options else [*options, "--output", "labels.tif"]
    assert run(["find", str(source), *given]) == ExitCode.BAD_INPUT
    assert words in capfd.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_objects_are_found_by_example(source, tmp_path, capfd) -> None:
    everything, like = tmp_path / "everything.json", tmp_path / "like.tif"
    assert run(["find", str(source), "--output", str(everything)]) == ExitCode.DONE
    find = ["find", str(source), "--output", str(like), "--frame", "2", "--find"]
    assert run([*find, "like:1", "--prompts", str(everything)]) == ExitCode.DONE
    labels = tifffile.imread(like)
    assert labels[2].any()
    assert not labels[[0, 1]].any()
    for options, words in (
        (["like:9", "--prompts", str(everything)], "no object 9"),
        (["like:1"], "--prompts FILE"),
        (["everything", "--prompts", str(everything)], "--prompts has no effect"),
    ):
        assert run([*find, *options, "--overwrite"]) == ExitCode.BAD_INPUT
        assert words in capfd.readouterr().err


def test_what_is_found_elsewhere_keeps_its_position(source, tmp_path, capfd) -> None:
    series = np.stack([tifffile.imread(source)] * 2, axis=1)
    path, found = tmp_path / "series.ome.tif", tmp_path / "found.json"
    tifffile.imwrite(path, series, metadata={"axes": "TZYX"}, photometric="minisblack")
    model = ["--model", "micro", "--device", "cpu"]
    assert run(["find", str(path), "--at", "z=1", "--output", str(found), *model]) == ExitCode.DONE
    masks = [mask for item in json.loads(found.read_text())["objects"] for mask in item["masks"]]
    assert {mask["z"] for mask in masks} == {1}
    command = ["segment", str(path), "--prompts", str(found), *model]
    labels = tmp_path / "labels.tif"
    assert run([*command, "--output", str(labels)]) == ExitCode.BAD_INPUT
    assert "Choose z=1" in capfd.readouterr().err
    assert run([*command, "--at", "z=1", "--output", str(labels)]) == ExitCode.DONE
    written = tifffile.imread(labels)
    assert written[:, 1].any()
    assert not written[:, 0].any()
