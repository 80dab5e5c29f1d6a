"""A saved session, replayed headless, packed and opened again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.cli.app import run
from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.prompts.types import MaskPrompt
from napari_sam2.session.saved_sessions import create_saved_sessions, open_session_folder
from napari_sam2.session.storage.session_archive import pack_session, unpack_session
from napari_sam2.tracking.plan import PropagationRequest
from napari_sam2.viewer.contributions.session_reader import get_session_reader
from napari_sam2.workflows.replay import ReplayJob, replay_session
from napari_sam2.workflows.reporter import NullReporter
from tests.helpers.fakes import FakePredictor
from tests.napari_sam2.session.history.test_edit_history import MOVIE, click

PREDICTOR = FakePredictor()


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """The folder of a session, closed, and its labels."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, MOVIE, metadata={"axes": "TYX"}, photometric="minisblack")
    stack = open_stack(path)
    limits = Intensity(((0.0, 255.0),))
    sessions = create_saved_sessions(stack, FakePredictor(), intensity=limits)
    session = sessions[()]
    click(session, 1, 0)
    click(session, 2, 1)
    session.choose(session.preview(2, 1), 1)
    session.prompts.set(2, 3, [MaskPrompt(2, 3, np.ones((5, 5)), (40, 40))])
    session.preview(2, 3)
    for _ in session.propagate(PropagationRequest((1,))):
        pass
    session.lock(1, [2])
    click(session, 1, 3)
    for _ in session.propagate():
        pass
    session.accept(1)
    session.accept(2)
    sessions.check_input()
    labels = np.asarray(sessions.labels.array[...]).copy()
    assert set(np.unique(labels)) == {0, 1, 2}
    assert sessions.folder is not None
    assert sessions.folder.path is not None
    sessions.close()
    return sessions.folder.path, labels


def pages(folder: Path) -> bytes:
    """Return the database without its header, which counts how often it is opened."""
    return (folder / "masks.sqlite").read_bytes()[100:]


def test_replay_gives_the_labels_of_the_session(
    saved: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    folder, labels = saved
    before = pages(folder)
    job = ReplayJob(folder, tmp_path / "again.tif", model=FakePredictor())
    assert replay_session(job, NullReporter()).n_objects == 2
    np.testing.assert_array_equal(tifffile.imread(job.output), labels)
    assert pages(folder) == before
    with pytest.raises(UserError, match="exists"):
        replay_session(job, NullReporter())


def test_replay_of_another_image_needs_consent(
    saved: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    folder, _ = saved
    other = tmp_path / "other" / "cells.tif"
    other.parent.mkdir()
    tifffile.imwrite(
        other, np.roll(MOVIE, 3, axis=2), metadata={"axes": "TYX"}, photometric="minisblack"
    )
    job = ReplayJob(folder, tmp_path / "again.tif", other, FakePredictor())
    with pytest.raises(UserError, match="input: pixel values changed"):
        replay_session(job, NullReporter())
    assert not job.output.exists()
    accepted = ReplayJob(folder, job.output, other, FakePredictor(), accept_changes=True)
    assert replay_session(accepted, NullReporter()).n_objects == 2


def test_a_moved_image_is_found_beside_the_folder_or_asked_for(
    saved: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    folder, labels = saved
    moved = tmp_path / "moved"
    moved.mkdir()
    folder = folder.rename(moved / folder.name)
    image = (tmp_path / "cells.tif").rename(tmp_path / "cells_.tif")
    job = ReplayJob(folder, tmp_path / "again.tif", model=FakePredictor())
    with pytest.raises(UserError, match="give its path"):
        replay_session(job, NullReporter())
    image.rename(moved / "cells.tif")
    replay_session(job, NullReporter())
    np.testing.assert_array_equal(tifffile.imread(job.output), labels)


def test_a_packed_session_opens(saved: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, labels = saved
    assert run(["pack", str(folder)]) == 0
    archive = folder.with_name(folder.name + ".zip")
    job = ReplayJob(archive, tmp_path / "again.tif", model=FakePredictor())
    assert replay_session(job, NullReporter()).n_objects == 2
    unpacked = unpack_session(archive)
    assert unpacked.name == "cells-t-2.sam2-session"
    opened = open_session_folder(unpacked, open_stack(tmp_path / "cells.tif"), FakePredictor())
    opened.sessions.redraw()
    np.testing.assert_array_equal(opened.sessions.labels.array[...], labels)
    with pytest.raises(UserError, match="in use"):
        pack_session(unpacked)
    opened.sessions.close()
    (tmp_path / "x.sam2-session.zip").write_text("no zip")
    with pytest.raises(UserError, match="damaged"):
        unpack_session(tmp_path / "x.sam2-session.zip")


def test_replay_computes_as_the_session_did(
    saved: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, labels = saved
    description = folder / "session.json"
    stored = json.loads(description.read_text())
    assert stored["model"]["dtype"] == "float32"
    stored["model"] |= {"dtype": "bfloat16", "input_size": 256}
    description.write_text(json.dumps(stored))
    asked = []

    def load(model: str, device: str, *, dtype: str, input_size: int | None) -> FakePredictor:
        asked.append((model, dtype, input_size))
        predictor = FakePredictor()
        resized = input_size is not None
        predictor._info = replace(predictor.info, dtype=dtype, resized=resized)
        return predictor

    monkeypatch.setattr(loading, "load_predictor", load)
    output = tmp_path / "again.tif"
    assert run(["replay", str(folder), "--output", str(output)]) == 0
    np.testing.assert_array_equal(tifffile.imread(output), labels)
    again = ["replay", str(folder), "--output", str(output), "--overwrite", "--dtype", "float32"]
    assert run(again) == 2
    assert run([*again, "--accept-changes"]) == 0
    first, second = ("fake", "bfloat16", 256), ("fake", "float32", 256)
    assert asked == [first, second, second]


def test_files_open_in_napari_as_the_image(saved: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, _ = saved
    read = get_session_reader(str(folder))
    assert read is not None
    ((data, options, kind),) = read(str(folder))
    assert kind == "image"
    np.testing.assert_array_equal(np.asarray(data), MOVIE)
    assert str(folder) in options["metadata"].values()
    assert get_session_reader(str(tmp_path)) is None
    archive = pack_session(folder, tmp_path / "sent.sam2-session.zip")
    read = get_session_reader(str(archive))
    assert read is not None
    ((_, options, _),) = read(str(archive))
    assert str(tmp_path / "sent.sam2-session") in options["metadata"].values()


def test_commands_refuse_what_is_no_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["pack"], ["resume"], ["replay", "--output", str(tmp_path / "a.tif")]):
        assert run([*command, str(tmp_path)]) == 2
        assert "There is no session in" in capsys.readouterr().err
