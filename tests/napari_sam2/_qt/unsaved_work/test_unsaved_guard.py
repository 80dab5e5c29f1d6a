"""The question before a window is closed with a session that could not be saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_sam2.session.storage.session_folder import SessionFolder

OpenWidget = Callable[..., Any]
LOCATION = "napari_sam2.session.storage.session_location.user_data_path"


def close(user: Any) -> bool:
    """Close the window as its button does, and return whether it was closed."""
    return bool(user.widget.window().close())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[QMessageBox.StandardButton]:
    """The answers to the next questions, the first at the end."""
    answers: list[QMessageBox.StandardButton] = []
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop())
    return answers


@pytest.mark.smoke
def test_a_session_that_cannot_be_saved_is_not_lost_without_a_question(
    open_own_widget: OpenWidget,
    image: np.ndarray,
    asked: list[QMessageBox.StandardButton],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(LOCATION, lambda *_, **__: tmp_path / "file" / "below")
    user = open_own_widget(image)
    user.click(0, 20, 20)
    user.settle()
    assert user.sync.sessions.unsaved
    buttons = QMessageBox.StandardButton
    asked[:] = [buttons.Cancel]
    assert not close(user)
    assert user.sync.session.result(1, 0) is not None
    chosen = iter(["", str(tmp_path / "file"), str(tmp_path)])
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: next(chosen))
    monkeypatch.setattr(QMessageBox, "warning", lambda *_: None)
    for _ in range(2):
        asked[:] = [buttons.Save]
        assert not close(user)
    asked[:] = [buttons.Save]
    user.press_title_bar("Close")
    window = user.dock.window() if user.widget.parent() else user.viewer.window._qt_window
    sessions = user.viewer.layers[-1].metadata["napari_sam2"].sessions
    assert window.close()
    assert asked == []
    assert SessionFolder.exists(sessions.folder.path)
    assert sessions.folder.path.parent == tmp_path


def test_saved_sessions_are_closed_without_a_question(
    open_own_widget: OpenWidget, image: np.ndarray, asked: list[QMessageBox.StandardButton]
) -> None:
    user = open_own_widget(image)
    user.click(0, 20, 20)
    user.settle()
    assert not user.sync.sessions.unsaved
    assert close(user)


def test_work_that_is_to_be_discarded_is(
    open_own_widget: OpenWidget,
    image: np.ndarray,
    asked: list[QMessageBox.StandardButton],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(LOCATION, lambda *_, **__: tmp_path / "file" / "below")
    user = open_own_widget(image)
    user.click(0, 20, 20)
    user.settle()
    asked[:] = [QMessageBox.StandardButton.Discard]
    assert close(user)
    assert asked == []
