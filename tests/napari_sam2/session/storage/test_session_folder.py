"""Saved sessions: reopened at any moment they are as they were, also after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import Intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.database import SCHEMA_VERSION, Database
from napari_sam2.masks.mask import MaskStatus
from napari_sam2.session.saved_sessions import (
    create_saved_sessions,
    find_sessions,
    open_session_folder,
)
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.storage.run_folder import RunFolder
from napari_sam2.session.storage.session_folder import SessionFolder
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.fakes import FakePredictor
from tests.helpers.session_states import replayed, state_of
from tests.napari_sam2.session.history.test_edit_history import (
    EDIT,
    EDITS,
    FULL,
    MOVIE,
    click,
    edit,
)

INTENSITY = Intensity(((0.0, 255.0),))
SAMPLE = Path(__file__).parent / "samples" / "run_version_1.zip"


def save_in(folder: Path) -> SessionGroup:
    """Return new sessions that are saved in a folder."""
    image = folder / "cells.npy"
    np.save(image, MOVIE)
    stack = open_stack(MOVIE, axes="TYX", along="t")
    stack = replace(stack, source=replace(stack.source, files=(image,)))
    return create_saved_sessions(stack, FakePredictor(), intensity=INTENSITY, settings=FULL)


def reopen(sessions: SessionGroup) -> SessionGroup:
    assert sessions.folder is not None
    assert sessions.folder.path is not None
    sessions.folder.close()
    opened = open_session_folder(sessions.folder.path, sessions.stack, FakePredictor())
    assert opened.differences == ()
    opened.sessions.redraw()
    return opened.sessions


def test_no_file_before_the_first_edit(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    heard: list[str] = []
    assert sessions.folder is not None
    sessions.folder.created.connect(heard.append)
    with sessions.history.unrecorded():
        sessions[()].add_object()
    assert [path.name for path in tmp_path.iterdir()] == ["cells.npy"]
    click(sessions[()], 1, 0)
    assert sessions.folder.path == tmp_path / "cells-t.sam2-session"
    assert heard == [f"The session is saved in {sessions.folder.path}."]
    assert [item.id for item in reopen(sessions).objects] == [1]


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=st.lists(EDIT, min_size=1, max_size=5), undone=st.integers(0, 3))
def test_save_and_reopen_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, edits: Any, undone: int
) -> None:
    sessions = save_in(tmp_path_factory.mktemp("saved"))
    click(sessions[()], 1, 1)
    first = state_of(sessions[()])
    for kind, object_id, frame in edits:
        edit(sessions[()], kind, object_id, frame)
    last = state_of(sessions[()])
    for _ in range(undone):
        sessions.history.undo()
    state, titles = state_of(sessions[()]), _titles(sessions)
    sessions = reopen(sessions)
    assert state_of(sessions[()]) == state
    assert _titles(sessions) == titles
    while sessions.history.redo() is not None:
        pass
    assert state_of(sessions[()]) == last
    sessions = reopen(sessions)
    while len(sessions.history) > 1:
        sessions.history.undo()
    assert state_of(sessions[()]) == first
    assert sessions.folder is not None
    sessions.folder.close()


def _titles(sessions: SessionGroup) -> tuple[Any, ...]:
    history = sessions.history
    return len(history), history.undo_title, history.redo_title


def test_candidates_and_corrections_survive(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    session = sessions[()]
    click(session, 1, 0)
    session.choose(session.preview(1, 0), 1)
    list(session.propagate(PropagationRequest((1,))))
    click(session, 1, 2)
    before = state_of(session)
    assert [state.corrected is not None for _, state in session.prompts.predictions.items()] == [
        False,
        True,
    ]
    assert state_of(reopen(sessions)[()]) == before


def test_changed_image_and_model_are_reported(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    click(sessions[()], 1, 0)
    sessions.check_input()
    folder = sessions.folder
    assert folder is not None
    assert folder.path is not None
    folder.close()
    stack, predictor = open_stack(255 - MOVIE, axes="TYX", along="t"), FakePredictor()
    predictor._info = replace(predictor.info, weights_hash="other")
    opened = open_session_folder(folder.path, stack, predictor)
    assert [difference.part.value for difference in opened.differences] == ["model", "input"]
    opened.sessions.folder.close()  # type: ignore[union-attr]
    with pytest.raises(UserError, match="Open the image of the session"):
        open_session_folder(folder.path, open_stack(MOVIE[:2], axes="TYX"), predictor)


def test_a_folder_that_cannot_be_written_falls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "user"
    monkeypatch.setattr(
        "napari_sam2.session.storage.session_location.data_folder", lambda: elsewhere
    )
    stack = open_stack(MOVIE, axes="TYX", along="t")
    # A path below a file cannot be written by anyone.
    (tmp_path / "file").write_text("")
    source = replace(stack.source, files=(tmp_path / "file" / "cells.tif",))
    stack = replace(stack, source=source)
    sessions = create_saved_sessions(stack, FakePredictor(), intensity=INTENSITY)
    click(sessions[()], 1, 0)
    assert sessions.folder is not None
    assert sessions.folder.path is not None
    assert sessions.folder.path.parent == elsewhere
    (elsewhere2 := tmp_path / "other").write_text("")
    monkeypatch.setattr(
        "napari_sam2.session.storage.session_location.data_folder", lambda: elsewhere2
    )
    sessions = create_saved_sessions(stack, FakePredictor(), intensity=INTENSITY)
    heard: list[OSError] = []
    assert sessions.folder is not None
    sessions.folder.not_saved.connect(heard.append)
    click(sessions[()], 1, 0)
    assert [str(elsewhere2) in str(error) for error in heard] == [True]
    assert sessions.unsaved
    assert sessions[()].result(1, 0) is not None
    elsewhere2.unlink()
    assert sessions.folder.save().parent == elsewhere2
    assert not sessions.unsaved


def test_in_use_missing_damaged_and_newer_are_refused(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    click(sessions[()], 1, 0)
    assert sessions.folder is not None
    path = sessions.folder.path
    assert path is not None
    with pytest.raises(UserError, match="in use"):
        SessionFolder.open(path)
    sessions.folder.close()
    with pytest.raises(UserError, match="no session"):
        SessionFolder.open(tmp_path)
    document = json.loads((path / "session.json").read_text())
    (path / "session.json").write_text(json.dumps({**document, "version": 99}))
    with pytest.raises(UserError, match="schema version 99"):
        SessionFolder.open(path)
    (path / "session.json").write_text(
        json.dumps({**document, "settings": {"view": "auto", "x": 1}})
    )
    with pytest.raises(UserError, match="settings is damaged"):
        SessionFolder.open(path)


def test_a_run_folder_of_version_1_opens_and_is_upgraded(tmp_path: Path) -> None:
    with zipfile.ZipFile(SAMPLE) as archive:
        archive.extractall(tmp_path)
    path = tmp_path / "run.sam2"
    for _ in range(2):
        with RunFolder.open(path) as run:
            assert [len(run.masks.indices(object_id)) for object_id in run.masks.objects()] == [
                3,
                1,
            ]
            assert run.masks.get(2, (1,)).status is MaskStatus.LOCKED
            assert run.journal.last_checkpoint() == b"state"
            assert len(run.describe().prompts[0].prompts) == 2
    database = Database(path / "masks.sqlite")
    assert database.rows("SELECT number FROM version") == [(SCHEMA_VERSION,)]
    with database.transaction() as connection:
        connection.execute("UPDATE version SET number = 99")
    database.close()
    with pytest.raises(UserError, match="schema version 99"):
        RunFolder.open(path)


def test_a_session_of_version_2_opens_without_a_complete_log(tmp_path: Path) -> None:
    with zipfile.ZipFile(SAMPLE.with_name("session_version_2.zip")) as archive:
        archive.extractall(tmp_path)
    path, stack = tmp_path / "cells-t.sam2-session", open_stack(MOVIE, axes="TYX", along="t")
    for _ in range(2):
        sessions = open_session_folder(path, stack, FakePredictor()).sessions
        session = sessions[()]
        assert session.objects[2].name == "cell"
        assert session.masks.get(1, (2,)).status is MaskStatus.LOCKED
        assert session.masks.get(2, (2,)).status is MaskStatus.ACCEPTED
        assert sessions.folder is not None
        assert not sessions.folder.actions.complete
        sessions.history.undo()
        sessions.history.redo()
        sessions.close()


def edit_until_killed(folder: Path) -> None:
    """Make edits of all kinds, and report each when it is done, until the process is killed."""
    sessions = save_in(folder)
    session, random = sessions[()], Random(3)
    kinds = ["click", "paint", "propagate", *sorted(EDITS)]
    for number in range(1000):
        if number % len(kinds) == 0:
            click(session, 1, 0)
            click(session, 2, 1)
        kind, object_id = kinds[number % len(kinds)], random.randint(1, 2)
        if kind == "propagate":
            with suppress(UserError):
                for result in session.propagate(PropagationRequest((1, 2))):
                    print("frame", result.object_id, result.frame, result.area, flush=True)
        else:
            edit(session, kind, object_id, random.randint(0, 3))
        print("done", number, kind.replace(" ", "-"), len(sessions.history), flush=True)


@pytest.mark.parametrize("lines", [2, 12, 40])
def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path, lines: int) -> None:
    code = (
        f"import sys; from pathlib import Path; from {__name__} import edit_until_killed;"
        "edit_until_killed(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).parents[4]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        heard = [process.stdout.readline().split() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        heard += [line.split() for line in process.stdout.read().splitlines()]
    stack = open_stack(MOVIE, axes="TYX", along="t")
    opened = open_session_folder(tmp_path / "cells-t.sam2-session", stack, FakePredictor())
    session, history = opened.sessions[()], opened.sessions.history
    opened.sessions.redraw()
    done = [line for line in heard if line[0] == "done" and len(line) == 4]
    assert len(history) >= int(done[-1][-1])
    assert state_of(replayed(opened.sessions)[()]) == state_of(session)
    for line in heard[heard.index(done[-1]) :]:
        if line[0] == "frame" and len(line) == 4:
            assert session.result(int(line[1]), int(line[2])) is not None
    while history.undo() is not None:
        pass
    assert len(session.prompts) == 0
    assert session.masks.infos() == ()
    assert list(session.objects) == []
    opened.sessions.folder.close()  # type: ignore[union-attr]
    shutil.rmtree(tmp_path / "cells-t.sam2-session")


def test_all_positions_of_a_movie_of_volumes_come_back(tmp_path: Path) -> None:
    stack = open_stack(np.stack([MOVIE, MOVIE], axis=1), axes="TZYX", along="t")
    image = tmp_path / "cells.npy"
    image.write_bytes(b"0")
    stack = replace(stack, source=replace(stack.source, files=(image,)))
    sessions = create_saved_sessions(stack, FakePredictor(), intensity=INTENSITY)
    low, high = sessions[(("z", 0),)], sessions[(("z", 1),)]
    click(low, 1, 0)
    click(high, 1, 2)
    high.delete_object(1)
    sessions = reopen(sessions)
    step = sessions.history.undo()
    assert step is not None
    assert step.planes == {(2, 1)}
    assert sessions[(("z", 1),)].result(1, 2) is not None
    assert sessions[(("z", 0),)].result(1, 0) is not None


def test_threads_that_click_run_and_undo_do_not_block_each_other(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    session = sessions[()]
    click(session, 1, 0)
    click(session, 2, 0)
    start = state_of(session)
    errors: list[BaseException] = []

    def repeat(work: Any) -> None:
        try:
            for number in range(6):
                work(number)
        except BaseException as error:
            errors.append(error)

    def undo(_: int) -> None:
        with suppress(UserError):
            if sessions.history.undo_title == "Rename object 1":
                sessions.history.undo()

    works = (
        lambda number: click(session, 2, number % 4),
        lambda _: list(session.propagate(PropagationRequest((1,)))),
        lambda number: session.accept(1) if number % 2 else session.reopen(1),
        lambda number: 1 not in session.objects or session.rename(1, f"name {number}"),
        undo,
    )
    threads = [Thread(target=repeat, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []
    end = state_of(session)
    fresh = reopen(sessions)
    assert state_of(fresh[()]) == end
    while len(fresh.history) > 2:
        fresh.history.undo()
    assert state_of(fresh[()]) == start


def test_the_last_session_of_the_same_shape_is_found(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    assert find_sessions(sessions.stack) == ()
    click(sessions[()], 1, 0)
    assert sessions.folder is not None
    first = sessions.folder.path
    assert first is not None
    second = save_in(tmp_path)
    click(second[()], 1, 0)
    assert second.folder is not None
    assert second.folder.path is not None
    os.utime(first / "masks.sqlite", (1, 1))
    assert find_sessions(sessions.stack) == (second.folder.path, first)
    cropped = open_stack(MOVIE[:3], axes="TYX", along="t")
    cropped = replace(cropped, source=replace(cropped.source, files=(tmp_path / "cells.npy",)))
    assert find_sessions(cropped) == ()
    shutil.copytree(first, first.with_name("cells-t-old.sam2-session"))
    assert len(find_sessions(sessions.stack)) == 2
