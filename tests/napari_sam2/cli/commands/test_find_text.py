"""Finding by text from the command line, with the files of a text model."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.candidates.target import SearchTarget
from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.session.factory import create_session_group
from napari_sam2.workflows.search.find import FindJob, find_candidates
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight
from tests.helpers.session_states import state_of

IMAGES = movie((80, 96), [straight((20, 20), (1, 2), 8), straight((60, 30), (0, 2), 8)])


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, IMAGES, metadata={"axes": "TYX"}, imagej=True)
    return path


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files of a folder."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_phrase_gives_masks_on_one_frame(
    source: Path, text_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    labels, prompts = tmp_path / "found.tif", tmp_path / "found.json"
    find = ["find", str(source), "--text-model", str(text_model), "--frame", "3", "--find"]
    assert run([*find, 'text:"Red Car";"disk"', "--output", str(labels)]) == ExitCode.DONE
    found = tifffile.imread(labels)
    assert [bool(plane.any()) for plane in found] == [frame == 3 for frame in range(8)]
    assert f"{found.max()} objects found" in capfd.readouterr().err
    assert run([*find, "text:disk", "--output", str(prompts)]) == ExitCode.DONE
    objects = json.loads(prompts.read_text())["objects"]
    scores = [item["score"] for item in objects]
    assert scores == sorted(scores, reverse=True)
    assert all(0.5 <= score <= 1 for score in scores)


def test_a_phrase_is_segmented_through_the_movie(
    source: Path, text_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.tif"
    options = ["--find", "text:disk", "--text-model", str(text_model), "--output", str(labels)]
    assert run(["segment", str(source), *options, "--find-every", "3"]) == ExitCode.DONE
    found = tifffile.imread(labels)
    assert found[0].any()
    assert found[-1].any()
    assert "found on frame 0" in capfd.readouterr().err


@pytest.mark.parametrize("command", ["find", "segment"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("empty", "holds no text model"),
        ("clip", 'of the kind "clip"'),
        ("weights", "cannot be loaded"),
        ("words", "does not know all words"),
        ("nothing", "Lower --min-score"),
        ("extra", "pip install 'napari-sam2[text]'"),
    ],
)
def test_a_wrong_model_changes_no_file(
    source: Path,
    text_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
    damage: str,
    words: str,
) -> None:
    folder = Path(shutil.copytree(text_model, tmp_path / "copy"))
    options = ["--find", "text:машина" if damage == "words" else "text:disk"]
    if damage == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
    elif damage == "clip":
        (folder / "config.json").write_text('{"model_type": "clip"}')
    elif damage == "weights":
        (folder / "model.safetensors").write_bytes(b"")
    elif damage == "nothing":
        options += ["--min-score", "1"]
    elif damage == "extra":
        monkeypatch.setitem(sys.modules, "transformers", None)
    earlier = tmp_path / "labels.tif"
    tifffile.imwrite(earlier, IMAGES)
    before = files(tmp_path)
    given = [*options, "--text-model", str(folder), "--output", str(earlier), "--overwrite"]
    assert run([command, str(source), *given]) == ExitCode.BAD_INPUT
    assert words in capfd.readouterr().err
    assert files(tmp_path) == before
    new = [*options, "--text-model", str(folder), "--output", str(tmp_path / "new.tif")]
    assert run([command, str(source), *new]) == ExitCode.BAD_INPUT
    assert files(tmp_path) == before


def test_a_phrase_with_a_dot_inside_is_refused(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    find = ["find", str(source), "--output", str(tmp_path / "found.tif"), "--find"]
    assert run([*find, "text:car. tree."]) == ExitCode.BAD_INPUT
    assert "Separate phrases by ;" in capfd.readouterr().err


def test_the_session_finds_what_the_command_finds(
    source: Path, text_model: Path, tmp_path: Path
) -> None:
    output, phrase = tmp_path / "found.json", SearchTarget.parse("text:disk")
    outcome = find_candidates(
        FindJob(source=source, output=output, find=phrase, text_model=str(text_model), frame=2)
    )
    stack = open_stack(source)
    labels = DraftAndResultLabels.make(stack)
    sessions = create_session_group(stack, FakePredictor(), choose_intensity(stack), labels)
    session = sessions[()]
    before = state_of(session)
    found = session.search.find(2, phrase, text_model=str(text_model))
    assert [(c.score, c.crop.window) for c in found] == [
        (c.score, c.crop.window) for c in outcome.candidates
    ]
    for ours, theirs in zip(found, outcome.candidates, strict=True):
        np.testing.assert_array_equal(ours.crop.logits, theirs.crop.logits)
    assert state_of(session) == before
