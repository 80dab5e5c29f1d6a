"""What holds the GUI thread: the model never does, and the stopwatch counts what is ours."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam2.prompts.types import PointPrompt
from tests.helpers.fakes import FakePredictor
from tests.helpers.stopwatch import Stopwatch

OpenWidget = Callable[..., Any]
MODEL = ("encode", "click", "condition", "track", "remember")


class Clock:
    """Goes on when it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def test_what_is_apart_does_not_count() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    draw = watch.apart(clock.pass_by)

    def draw_twice() -> None:
        draw(2)
        watch.apart(draw)(3)

    def inner() -> None:
        clock.pass_by(0.25)
        watch.apart(draw_twice)()

    def outer() -> None:
        clock.pass_by(1)
        watch.timed(inner)()

    watch.timed(outer)()
    draw(100)
    spent = {name.rpartition(".")[2]: seconds for name, seconds in watch.longest.items()}
    assert spent == {"inner": 0.25, "outer": 1.25}


def test_the_longest_is_kept_and_errors_pass() -> None:
    clock = Clock()
    watch = Stopwatch(clock)

    def wait(seconds: float) -> None:
        clock.pass_by(seconds)
        if seconds > 2:
            raise ValueError("too long")

    timed = watch.timed(wait)
    for seconds in (1, 2, 0.5):
        timed(seconds)
    with pytest.raises(ValueError, match="too long"):
        timed(3)
    assert list(watch.longest.values()) == [3]


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

    for name in MODEL:
        monkeypatch.setattr(predictor, name, noting(name), raising=False)
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
    user.sync.select(1)
    user.widget.extras.look_again()
    user.settle()
    assert {"encode", "click", "condition", "track"} <= set(callers)
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
    user.widget.extras.seed_now()
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


def test_the_list_reads_all_prompts_once_however_many_objects(
    open_widget: OpenWidget, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = open_widget(image)
    user.settle()
    store = user.sync.session.prompts
    for object_id in range(1, 60):
        user.sync.sessions.objects.add(object_id)
        store.add(PointPrompt(object_id, object_id % 8, (20, 20), 1))
    passes = []
    usual = type(store).__iter__

    def read(self: Any) -> Any:
        passes.append(self)
        return usual(self)

    monkeypatch.setattr(type(store), "__iter__", read)
    monkeypatch.setattr(type(store), "frames", lambda *_: pytest.fail("one pass is enough"))
    user.widget.objects.show_objects()
    assert passes == [store]
    rows = user.widget.objects
    assert [rows.topLevelItem(i).text(1) for i in range(59)] == ["1"] * 59
