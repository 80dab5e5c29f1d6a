"""Predictions after clicks: corrections, candidates, several objects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.helpers.fakes import FakePredictor

OpenWidget = Callable[..., Any]
MODEL_METHODS = ("encode", "predict", "add_prompts", "track", "add_masks")


def test_correction_is_one_click_and_one_key(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.settle()
    user.key("N")
    user.settle()
    user.select(1)
    user.actions.clear()
    user.click(4, 60, 38)
    user.settle()
    user.key("G")
    user.settle()
    assert user.actions == ["click", "G"]
    assert user.drafts()[4, 60, 38] == 1


def test_candidates_cycle_with_one_key(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    areas = {int((user.drafts()[0] == 1).sum())}
    for _ in range(2):
        user.key("Q")
        user.settle()
        areas.add(int((user.drafts()[0] == 1).sum()))
    assert len(areas) == 3


def test_several_objects_and_a_new_one_while_the_first_is_followed(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.key("N")
    user.click(0, 60, 30)
    user.key("G")
    user.key("N")
    user.settle()
    assert user.labels()[7, 27, 34] == 1
    assert user.labels()[7, 60, 44] == 2
    assert user.actions[3:] == ["click", "G", "N"]


@pytest.fixture
def callers(predictor: FakePredictor, monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """Threads that called the model, by what they asked of it."""
    seen: dict[str, set[int]] = {}

    def noting(name: str) -> Callable[..., Any]:
        usual = getattr(predictor, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            seen.setdefault(name, set()).add(threading.get_ident())
            return usual(*args, **kwargs)

        return call

    for name in MODEL_METHODS:
        monkeypatch.setattr(predictor, name, noting(name))
    return seen


def test_the_model_never_runs_in_the_gui_thread(
    open_widget: OpenWidget, image: np.ndarray, callers: dict[str, set[int]]
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.key("Q")
    user.settle()
    user.key("G")
    user.settle()
    user.click(4, 24, 28)
    user.key("G")
    user.settle()
    user.key("U")
    user.key("N")
    user.settle()
    user.select(1)
    user.widget.advanced.show_model_input()
    user.settle()
    assert {"encode", "predict", "add_prompts", "track"} <= set(callers)
    assert all(threading.get_ident() not in threads for threads in callers.values())


def test_undo_new_pixels_and_seeding_do_not_wait_for_the_model(
    open_widget: OpenWidget, image: np.ndarray, predictor: FakePredictor
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    asked, go_on, usual = threading.Event(), threading.Event(), predictor.predict

    def wait(*args: Any) -> Any:
        asked.set()
        go_on.wait(60)
        return usual(*args)

    predictor.predict = wait  # type: ignore[method-assign]
    user.click(0, 60, 30)
    user.until(asked.is_set)
    waiter = threading.Timer(60, go_on.set)
    waiter.start()
    user.key("U")
    user.viewer.layers[0].data = image.copy()
    user.viewer.add_labels(np.eye(80, 96, dtype=np.uint8)[None].repeat(8, 0), name="mine")
    user.widget.refresh()
    user.widget.advanced.start_from_labels()
    assert not go_on.is_set()
    go_on.set()
    waiter.cancel()
    user.settle()
    assert user.drafts()[0, 20, 20] == 1
    assert user.drafts()[0, 60, 30] == 0


def test_an_undo_beats_the_answer_that_is_under_way(
    open_widget: OpenWidget, image: np.ndarray, predictor: FakePredictor
) -> None:
    user = open_widget(image)
    asked, go_on, usual = threading.Event(), threading.Event(), predictor.predict

    def wait(*args: Any) -> Any:
        asked.set()
        assert go_on.wait(60)
        return usual(*args)

    user.settle()
    predictor.predict = wait  # type: ignore[method-assign]
    user.click(0, 20, 20)
    user.until(asked.is_set)
    user.key("U")
    go_on.set()
    user.settle()
    assert not user.drafts().any()
    assert user.sync.session.result(1, 0) is None
