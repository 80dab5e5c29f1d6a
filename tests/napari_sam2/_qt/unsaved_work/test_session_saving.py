"""The user is asked what to do when the disk is full, and the session continues in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_sam2._qt.jobs.error_messages import Remedy
from napari_sam2.session.saved_sessions import open_session_folder
from tests.helpers.session_states import state_of
from tests.napari_sam2.masks.test_database import fill_disk

OpenWidget = Callable[..., Any]
LONG = "x" * 50_000


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notifications would raise in tests."""
    monkeypatch.setattr("napari_sam2._qt.segment_track.show_error", lambda text: None)


@pytest.fixture
def user(open_widget: OpenWidget, image: np.ndarray) -> Any:
    """A user whose disk is full."""
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    assert "in memory" not in user.widget.status.states.text()
    fill_disk(user.sync.sessions.folder._database)
    user.sync.session.rename(1, LONG)
    user.widget.refresh()
    return user


def press(user: Any, remedy: Remedy) -> None:
    """Press a button below the error, and wait until the session is saved or cannot be."""
    (button,) = [b for b in user.widget.status.remedies if b.text() == remedy.value]
    button.click()
    user.until(lambda: user.widget.saving.idle)
    user.widget.refresh()


def test_the_session_continues_and_the_user_is_asked(user: Any) -> None:
    folder = user.sync.sessions.folder
    assert "disk is full" in user.error
    assert str(folder.path) in user.error
    assert user.notice == ""
    expected = [Remedy.SAVE_AGAIN, Remedy.OTHER_FOLDER, Remedy.UNSAVED]
    assert [b.text() for b in user.widget.status.remedies] == [r.value for r in expected]
    user.key("G")
    user.settle()
    assert all(user.drafts()[t, 20 + t, 20 + 2 * t] == 1 for t in range(8))
    press(user, Remedy.UNSAVED)
    assert user.error == ""
    assert "session only in memory" in user.widget.status.states.text()
    user.click(0, 60, 30)
    user.settle()
    assert user.error == ""


def test_it_is_saved_again_where_it_was_once_there_is_space(user: Any) -> None:
    folder = user.sync.sessions.folder
    press(user, Remedy.SAVE_AGAIN)
    assert "disk is full" in user.error
    folder._database._file.execute("PRAGMA max_page_count = 1000000")
    press(user, Remedy.SAVE_AGAIN)
    assert user.error == ""
    assert user.notice == f"The session is saved in {folder.path}."
    assert "in memory" not in user.widget.status.states.text()


def test_it_is_saved_in_another_folder(
    user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    chosen = iter(["", str(tmp_path / "other")])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: next(chosen))
    press(user, Remedy.OTHER_FOLDER)
    assert user.error != ""
    press(user, Remedy.OTHER_FOLDER)
    sessions = user.sync.sessions
    assert sessions.folder.path.parent == tmp_path / "other"
    assert not sessions.unsaved
    user.click(0, 60, 30)
    user.settle()
    copy = shutil.copytree(sessions.folder.path, tmp_path / "copy")
    opened = open_session_folder(copy, sessions.stack, sessions.predictor)
    assert state_of(opened.sessions[()]) == state_of(sessions[()])
    opened.sessions.close()


def test_another_image_has_its_own_folder(user: Any, image: np.ndarray) -> None:
    user.widget.status.clear_error()
    other = user.viewer.add_image(image[:, ::-1].copy(), name="other")
    user.controller.begin([other])
    user.settle()
    user.click(0, 60, 30)
    user.settle()
    assert not user.sync.sessions.unsaved
    assert user.error == ""
