"""Candidates in the widget: found, limited, clicked, accepted, stopped, and failures."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QMessageBox

from napari_sam2._qt.candidates import panel as candidate_panel
from napari_sam2.candidates import everything
from napari_sam2.candidates.candidate import CandidateSource
from napari_sam2.inference.sam2_predictor import load_predictor
from napari_sam2.session.candidates import session_search
from napari_sam2.viewer.layers.layer_set import LayerRole
from tests.helpers.scenes import movie, straight
from tests.helpers.session_states import state_of
from tests.helpers.text_detectors import BrightDetector
from tests.helpers.viewer_model import click

OpenWidget = Callable[..., Any]
PLACES = ((20, 20), (20, 70), (60, 30))
IMAGES = movie((80, 96), [straight(place, (0, 1), 4) for place in PLACES])
SCORES = (0.9, 0.6, 0.3)
"""The detector's; with the predicted IoU 0.9 these are scores of 0.90, 0.73 and 0.52."""


class SlowDetector(BrightDetector):
    """Takes its time for each phrase, so that a search can be stopped between them."""

    def detect(self, image: Any, phrase: str, min_score: float) -> Any:
        time.sleep(0.1)
        return super().detect(image, phrase, min_score)


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> BrightDetector:
    made = BrightDetector("disk", scores=SCORES)
    monkeypatch.setattr(session_search, "load_text_detector", lambda *_: made)
    return made


def opened(open_widget: OpenWidget, **options: Any) -> Any:
    """Return a user who sees the first frame of the movie."""
    user = open_widget(IMAGES, **options)
    user.viewer.dims.set_point(0, 0)
    return user


def choose(user: Any, phrase: str) -> Any:
    """Choose the search by text, and return the panel."""
    panel = user.widget.candidates
    panel.section.expand(animate=False)
    panel.source.setCurrentIndex(panel.source.findData(CandidateSource.TEXT))
    panel.phrase.setText(phrase)
    return panel


def find(user: Any, phrase: str = "disk") -> Any:
    panel = choose(user, phrase)
    panel.search.click()
    user.settle()
    return panel


def layer(user: Any) -> Any:
    return user.sync.layers.find(LayerRole.CANDIDATES)


def at(plane: np.ndarray) -> list[int]:
    return [int(plane[y, x]) for y, x in PLACES]


def state(user: Any) -> Any:
    """Return the session without the object that waits for its first click."""
    found = state_of(user.sync.session)
    used = user.sync.used_objects()
    return {**found, "objects": [item for item in found["objects"] if item.id in used]}


@pytest.mark.slow
def test_everything_is_found_accepted_undone_and_redone(
    open_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everything, "GRID_SIDE", 8)
    user = opened(open_widget)
    panel = user.widget.candidates
    assert not panel.accept_all.isEnabled()
    panel.search.click()
    user.settle()
    assert user.notice.startswith("3 candidates on frame 0.")
    assert panel.accept_all.text() == "Accept all (3)"
    assert "Click a candidate" in user.widget.status.next.text()
    assert user.viewer.layers.selection.active is layer(user)
    before, steps = state(user), len(user.sync.sessions.history)
    panel.accept_all.click()
    user.settle()
    assert sorted(at(user.drafts()[0])) == [1, 2, 3]
    assert user.notice == "3 objects made of candidates."
    assert len(user.sync.sessions.history) == steps + 1
    assert not panel.accept_all.isEnabled()
    user.controller.undo()
    user.settle()
    assert state(user) == before
    assert panel.accept_all.text() == "Accept all (3)"
    user.controller.redo()
    user.settle()
    assert sorted(at(user.drafts()[0])) == [1, 2, 3]
    assert not panel.accept_all.isEnabled()


def test_the_score_limits_what_is_shown_and_accepted(
    open_widget: OpenWidget, detector: BrightDetector
) -> None:
    user = opened(open_widget)
    panel = find(user)
    assert panel.accept_all.text() == "Accept all (3)"
    panel.score.setValue(70)
    assert (panel.score_text.text(), at(layer(user).data[0])) == ("0.70", [1, 3, 0])
    panel.score.setValue(80)
    user.settle()
    assert panel.accept_all.text() == "Accept all (1)"
    panel.max_area.setValue(10)
    assert at(layer(user).data[0]) == [0, 0, 0]
    panel.min_area.setValue(20)
    assert "No area lies between" in user.notice
    panel.min_area.setValue(0)
    panel.max_area.setValue(0)
    panel.accept_all.click()
    user.settle()
    assert at(user.drafts()[0]) == [1, 0, 0]


@pytest.mark.slow
def test_a_click_accepts_a_candidate_and_alt_click_rejects_it(
    open_widget: OpenWidget, detector: BrightDetector
) -> None:
    user = opened(open_widget)
    panel = find(user)
    click(user.viewer, 0, *PLACES[1], modifiers=("Alt",))
    click(user.viewer, 0, *PLACES[2])
    user.settle()
    assert at(user.drafts()[0]) == [0, 0, 1]
    assert panel.accept_all.text() == "Accept all (1)"
    panel.accept_all.click()
    user.settle()
    assert at(user.drafts()[0]) == [2, 0, 1]
    user.viewer.dims.set_point(0, 2)
    panel.clear.click()
    user.settle()
    assert layer(user) is None
    user.key("Shift-G")
    user.settle()
    assert at(user.drafts()[1]) == [2, 0, 1]


@pytest.mark.slow
def test_accepted_candidates_are_there_when_the_image_is_opened_again(
    open_widget: OpenWidget, detector: BrightDetector
) -> None:
    user = opened(open_widget, name="cells")
    find(user).accept_all.click()
    user.settle()
    before = state_of(user.sync.session)["masks"]
    user.widget.begin()
    user.settle()
    assert len(before) == 3
    assert state_of(user.sync.session)["masks"] == before
    assert user.widget.candidates.jobs.review is None
    assert user.sync.undo()
    user.settle()
    assert not user.drafts().any()


def test_a_search_is_stopped_and_changes_nothing(
    open_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_search, "load_text_detector", lambda *_: SlowDetector())
    user = opened(open_widget)
    before = state_of(user.sync.session)
    choose(user, "; ".join(["disk"] * 20)).search.click()
    user.until(lambda: user.widget.state.searching)
    user.widget.refresh()
    assert user.widget.foot.stop.isEnabled()
    assert not user.widget.candidates.search.isEnabled()
    assert "Searching the frame" in user.widget.status.next.text()
    user.widget.foot.stop.click()
    user.settle()
    assert user.notice == "The search was stopped; nothing has changed."
    assert layer(user) is None
    assert state_of(user.sync.session) == before
    assert user.widget.candidates.search.isEnabled()


def test_a_phrase_that_finds_nothing_keeps_the_earlier_candidates(
    open_widget: OpenWidget, detector: BrightDetector
) -> None:
    user = opened(open_widget)
    panel = find(user, "house")
    assert user.notice.startswith('Nothing new on frame 0 fits "house". Try other words')
    assert layer(user) is None
    find(user, "disk")
    find(user, "house")
    assert user.notice.endswith("The earlier candidates are kept.")
    assert panel.accept_all.text() == "Accept all (3)"
    find(user, "disk; ")
    assert "A phrase is empty" in user.notice


def test_failures_of_the_text_model_change_nothing(
    open_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    user = opened(open_widget)
    before = state_of(user.sync.session)
    panel = find(user)
    assert "pip install 'napari-sam2[text]'" in user.error
    panel.text_model.setCurrentText("/no/such/folder")
    find(user)
    assert "There is no text model /no/such/folder" in user.error
    assert state_of(user.sync.session) == before
    assert layer(user) is None
    assert not user.widget.state.searching


@pytest.mark.slow
def test_many_candidates_are_accepted_only_after_a_question(
    open_widget: OpenWidget, detector: BrightDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidate_panel, "MANY", 3)
    asked: list[str] = []
    answers = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Yes]

    def question(parent: Any, title: str, text: str, *_: Any) -> Any:
        asked.append(text)
        return answers[len(asked) - 1]

    monkeypatch.setattr(QMessageBox, "question", question)
    user = opened(open_widget)
    panel = find(user)
    panel.accept_all.click()
    user.settle()
    assert not user.drafts().any()
    assert asked[0].startswith("Make 3 objects?")
    panel.accept_all.click()
    user.settle()
    assert len(asked) == 2
    assert at(user.drafts()[0]) == [1, 2, 3]


def test_cells_are_found_tracked_accepted_and_saved_in_few_actions(
    open_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(everything, "GRID_SIDE", 8)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    user = opened(open_widget)
    user.actions += ["menu Plugins", "Segment and track"]
    panel = user.widget.candidates
    for name, press in (
        ("Find objects", lambda: panel.section.expand(animate=False)),
        ("Find", panel.search.click),
        ("Accept all", panel.accept_all.click),
        *((key, partial(user.key, key)) for key in ("Shift-G", "Shift-N", "W")),
    ):
        press()
        user.settle()
        user.actions += [name] if name not in user.actions else []
    assert len(user.actions) == 8
    [saved] = tmp_path.glob("*.tif")
    labels = tifffile.imread(saved)
    assert sorted(np.unique(labels)) == [0, 1, 2, 3]
    np.testing.assert_array_equal(labels[3] > 0, user.labels()[3] > 0)
    assert all(labels[3, y, x + 3] for y, x in PLACES)


@pytest.mark.slow
def test_cells_are_found_by_the_real_model(open_widget: OpenWidget) -> None:
    user = opened(open_widget)
    user.sync.sessions.set_predictor(load_predictor("micro", "cpu"))
    user.widget.candidates.search.click()
    user.settle()
    user.widget.candidates.accept_all.click()
    user.settle()
    found = user.drafts()[0]
    assert all(at(found))
    assert len(set(at(found))) == len(PLACES)
    assert np.mean((found > 0) == (IMAGES[0] > 100)) > 0.97


@pytest.mark.slow
def test_candidates_end_with_their_session_and_with_the_widget(
    open_widget: OpenWidget, detector: BrightDetector
) -> None:
    user = opened(open_widget)
    find(user)
    user.widget.release()
    assert "SAM 2 candidates" not in "".join(shown.name for shown in user.viewer.layers)
    user.widget.attach()
    assert user.widget.candidates.jobs.review is None
