"""A disk that fills in the middle of a session: it continues in memory until it is saved again."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.session.session_group import SessionGroup
from napari_sam2.session.storage import session_folder
from napari_sam2.session.storage.session_folder import SessionFolder
from napari_sam2.tracking.plan import PropagationRequest
from tests.helpers.session_states import state_of
from tests.napari_sam2.masks.test_database import fill_disk
from tests.napari_sam2.session.history.test_edit_history import EDIT, click, edit
from tests.napari_sam2.session.storage.test_session_folder import reopen, save_in

LONG = "x" * 50_000
"""A name that does not fit into the free space of the file."""


def folder_of(sessions: SessionGroup) -> SessionFolder:
    assert sessions.folder is not None
    return sessions.folder


def listen(sessions: SessionGroup) -> list[OSError]:
    heard: list[OSError] = []
    folder_of(sessions).not_saved.connect(heard.append)
    return heard


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=st.lists(EDIT, min_size=1, max_size=5), pages_left=st.integers(0, 20))
def test_wherever_the_disk_is_full_edits_undo_and_redo_stay(
    tmp_path_factory: pytest.TempPathFactory, edits: Any, pages_left: int
) -> None:
    sessions = save_in(tmp_path_factory.mktemp("full"))
    listen(sessions)
    click(sessions[()], 1, 1)
    first = state_of(sessions[()])
    fill_disk(folder_of(sessions)._database, pages_left)
    for kind, object_id, frame in edits:
        edit(sessions[()], kind, object_id, frame)
    last = state_of(sessions[()])
    if sessions.unsaved:
        # A new name: the file of the session is still full.
        folder_of(sessions).create_in(tmp_path_factory.mktemp("other"))
    sessions = reopen(sessions)
    assert state_of(sessions[()]) == last
    while len(sessions.history) > 1:
        sessions.history.undo()
    assert state_of(sessions[()]) == first
    folder_of(sessions).close()


def test_a_reopened_session_is_saved(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    click(sessions[()], 1, 0)
    sessions = reopen(sessions)
    heard = listen(sessions)
    click(sessions[()], 1, 3)
    assert not sessions.unsaved
    assert heard == []


def test_the_user_hears_of_it_once_and_scripts_get_the_error(tmp_path: Path) -> None:
    sessions = save_in(tmp_path)
    sessions[()].add_object()
    click(sessions[()], 1, 0)
    fill_disk(folder_of(sessions)._database)
    with pytest.raises(OSError, match="full"):
        sessions[()].rename(1, LONG)
    assert not sessions.unsaved
    heard = listen(sessions)
    sessions[()].rename(1, LONG)
    list(sessions[()].propagate(PropagationRequest((1,))))
    click(sessions[()], 2, 3)
    assert [error.errno for error in heard] == [errno.ENOSPC]
    assert sessions.unsaved
    assert sessions.objects[1].name == LONG
    assert len(sessions.masks.indices(1)) == sessions.stack.n_frames


def test_a_description_that_cannot_be_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sessions = save_in(tmp_path)
    click(sessions[()], 1, 0)
    with monkeypatch.context() as patch:
        patch.setattr(session_folder, "write_text", full)
        with pytest.raises(OSError, match="No space"):
            sessions.set_predictor(sessions.predictor)
        heard = listen(sessions)
        sessions.set_predictor(sessions.predictor)
        assert len(heard) == 1
        assert sessions.unsaved
        with pytest.raises(OSError, match="No space"):
            folder_of(sessions).save()
        assert sessions.unsaved
    assert folder_of(sessions).save() == folder_of(sessions).path
    assert not sessions.unsaved
    last = state_of(sessions[()])
    assert state_of(reopen(sessions)[()]) == last


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of half a megabyte."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("Only the administrator of a Linux system can mount a small disk.")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    sessions = save_in(small_disk)
    heard = listen(sessions)
    sessions[()].add_object()
    click(sessions[()], 1, 0)
    saved = state_of(sessions[()])
    assert heard == []
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while shutil.disk_usage(small_disk).free:
            file.write(b"x" * 4096)
    sessions[()].rename(1, LONG)
    list(sessions[()].propagate(PropagationRequest((1,))))
    click(sessions[()], 2, 3)
    assert [error.errno for error in heard] == [errno.ENOSPC]
    with pytest.raises(OSError, match="full"):
        folder_of(sessions).save()
    filler.unlink()
    folder_of(sessions).save()
    last = state_of(sessions[()])
    assert last != saved
    sessions = reopen(sessions)
    assert state_of(sessions[()]) == last
    folder_of(sessions).close()
