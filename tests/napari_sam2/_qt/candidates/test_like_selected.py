"""Objects like the selected ones: examples, marks that rank again, and what cannot be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam2.candidates import everything
from napari_sam2.candidates.candidate import CandidateSource
from napari_sam2.inference.sam2_predictor import load_predictor
from napari_sam2.viewer.layers.layer_set import LayerRole
from tests.helpers.session_states import state_of
from tests.helpers.viewer_model import click

OpenWidget = Callable[..., Any]
SIDE, FRAMES = 16, 2
SQUARES = ((8, 8), (8, 40), (8, 72), (8, 104))
BARS = ((50, 10), (50, 60), (75, 10), (75, 60))
SCORE = 0.65
"""With one mark of each kind, squares have scores of 0.76, and bars of 0.56 and less."""


def _images() -> np.ndarray:
    images = np.full((FRAMES, 96, 128), 20, np.uint8)
    for y, x in SQUARES:
        images[:, y : y + SIDE, x : x + SIDE] = 120
    for y, x in BARS:
        images[:, y : y + 8, x : x + 40] = 220
    return images


@pytest.fixture
def user(open_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a user who has clicked a square and selected it."""
    monkeypatch.setattr(everything, "GRID_SIDE", 12)
    opened = open_widget(_images())
    opened.viewer.dims.set_point(0, 0)
    return opened


def choose(user: Any) -> Any:
    panel = user.widget.candidates
    panel.section.expand(animate=False)
    panel.source.setCurrentIndex(panel.source.findData(CandidateSource.EXAMPLE))
    panel.score.setValue(round(100 * SCORE))
    return panel


def find(user: Any) -> Any:
    """Click the first square, and search for objects like it."""
    user.click(0, 16, 16)
    user.settle()
    user.widget.refresh()
    panel = choose(user)
    panel.search.click()
    user.settle()
    return panel


def offered(user: Any, places: Any, width: int) -> list[int]:
    """Return for each place 0 without a candidate, 1 for an open one, and 2 for a rejected one."""
    plane = user.sync.layers.find(LayerRole.CANDIDATES).data[0]
    values = [int(plane[y + 4, x + width // 2]) for y, x in places]
    return [value and 2 - value % 2 for value in values]


def test_objects_like_a_selected_one_are_found_without_a_second_encoding(user: Any) -> None:
    panel = find(user)
    assert panel.about_examples.isVisibleTo(panel.section)
    assert not panel.text_form.isVisibleTo(panel.section)
    assert offered(user, SQUARES, SIDE) == [0, 1, 1, 1]
    assert offered(user, BARS, 40) == [1, 1, 1, 1]
    encodings = user.sync.session.encodings
    click(user.viewer, 0, BARS[0][0] + 4, BARS[0][1] + 20, modifiers=("Alt",))
    user.settle()
    assert offered(user, BARS, 40) == [2, 0, 0, 0]
    assert user.notice == "3 candidates after ranking again, with 1 counter-example."
    assert offered(user, SQUARES, SIDE) == [0, 1, 1, 1]
    panel.accept_all.click()
    user.settle()
    found = user.drafts()[0]
    assert len({int(found[y + 4, x + 4]) for y, x in SQUARES} - {0}) == len(SQUARES)
    assert not any(found[y + 4, x + 20] for y, x in BARS)
    assert user.sync.session.encodings == encodings


def test_an_accepted_candidate_ranks_the_others_again_until_it_is_undone(user: Any) -> None:
    panel = find(user)
    review = panel.jobs.review
    before = {number: one.score for number, one in review.found.items()}
    click(user.viewer, 0, BARS[0][0] + 4, BARS[0][1] + 20)
    user.settle()
    after = {number: one.score for number, one in review.found.items()}
    other = review.found.keys() & before.keys()
    assert max(after[n] - before[n] for n in other) > 0.02
    user.controller.undo()
    user.settle()
    user.widget.refresh()
    user.settle()
    assert {number: one.score for number, one in review.found.items()} == before


def test_objects_without_masks_are_no_examples(user: Any) -> None:
    before = state_of(user.sync.session)
    choose(user).search.click()
    user.settle()
    assert user.notice.startswith("Select objects that have masks in the table of objects")
    assert user.sync.layers.find(LayerRole.CANDIDATES) is None
    assert state_of(user.sync.session) == before


def test_a_frame_without_anything_alike_keeps_the_session(user: Any) -> None:
    user.click(0, 16, 16)
    user.settle()
    user.widget.refresh()
    panel = choose(user)
    panel.min_area.setValue(5000)
    panel.search.click()
    user.settle()
    assert user.notice.startswith("Nothing new on frame 0 looks like object 1. Select other")


def test_the_mask_of_the_nearest_frame_is_the_example(user: Any) -> None:
    user.click(0, 16, 16)
    user.settle()
    user.viewer.dims.set_point(0, 1)
    user.widget.refresh()
    panel = choose(user)
    panel.search.click()
    user.settle()
    assert panel.jobs.review.frame == 1
    assert offered(user, SQUARES, SIDE) == [1, 1, 1, 1]


@pytest.mark.slow
def test_objects_like_a_selected_one_are_found_by_the_real_model(open_widget: OpenWidget) -> None:
    user = open_widget(_images())
    user.viewer.dims.set_point(0, 0)
    user.sync.sessions.set_predictor(load_predictor("micro", "cpu"))
    panel = find(user)
    encodings = user.sync.session.encodings
    squares, bars = offered(user, SQUARES, SIDE), offered(user, BARS, 40)
    assert sum(squares) >= 2
    for (y, x), shown in zip(BARS, bars, strict=True):
        if shown and offered(user, ((y, x),), 40) == [1]:
            click(user.viewer, 0, y + 4, x + 20, modifiers=("Alt",))
            user.settle()
    assert 1 not in offered(user, BARS, 40)
    panel.accept_all.click()
    user.settle()
    assert user.sync.session.encodings == encodings
    found = user.drafts()[0]
    assert not any(found[y + 4, x + 20] for y, x in BARS)
    assert sum(bool(found[y + 8, x + 8]) for y, x in SQUARES) >= 3
