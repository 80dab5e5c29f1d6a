"""The preview of the mask that a click would give, shown while the pointer rests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.utils.interactions import mouse_move_callbacks

from napari_sam2.viewer.layers.preview import PREVIEW
from tests.helpers.fakes import FakePredictor
from tests.helpers.viewer_model import click, mouse_event, send

OpenWidget = Callable[..., Any]


def _point_at(user: Any, *data: float, modifiers: tuple[str, ...] = ()) -> None:
    event = mouse_event(user.viewer, "mouse_move", data, modifiers)
    send(user.viewer, mouse_move_callbacks, event)


def _rest(user: Any) -> None:
    """Wait until the pointer has rested and a preview, if any, has been predicted."""
    user.until(lambda: not user.controller.hover.waiting)
    user.settle()


def _previews(user: Any) -> list[Any]:
    return [layer for layer in user.viewer.layers if PREVIEW in layer.metadata and layer.visible]


@pytest.fixture
def hovering(open_widget: OpenWidget) -> OpenWidget:
    def start(*images: Any, **options: Any) -> Any:
        user = open_widget(*images, **options)
        user.viewer.dims.set_point(0, 0)
        user.widget.controller.hover.set_enabled(True)
        user.settle()
        return user

    return start


@pytest.mark.smoke
def test_a_preview_is_the_mask_that_the_click_gives(
    hovering: OpenWidget, image: np.ndarray
) -> None:
    placed = {"scale": (2, 0.5, 0.25), "translate": (0, 7, -3), "rotate": 30}
    user = hovering(image, **placed)
    _point_at(user, 0, 20, 20)
    user.until(lambda: bool(_previews(user)))
    (layer,) = _previews(user)
    rows = np.argwhere(np.asarray(layer.data))
    seen = {tuple(np.round(layer.data_to_world(row), 6)) for row in rows}
    assert not user.drafts().any()
    assert len(user.sync.session.prompts) == 0
    assert len(user.points.data) == 0
    assert user.sync.session.result(1, 0) is None
    assert user.sync.undo() is False
    click(user.viewer, 0, 20, 20)
    assert not _previews(user)
    user.settle()
    given = np.argwhere(user.drafts() == 1)
    world = user.viewer.layers[0].data_to_world
    assert {tuple(np.round(world(row), 6)) for row in given} == seen
    assert user.viewer.layers.selection.active is user.points


def test_off_until_it_is_turned_on(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.viewer.dims.set_point(0, 0)
    _point_at(user, 0, 20, 20)
    _rest(user)
    assert len(user.viewer.layers) == 3
    assert not user.widget.advanced.hover.isChecked()


def test_it_goes_when_the_pointer_leaves_moves_or_the_frame_changes(
    hovering: OpenWidget, image: np.ndarray
) -> None:
    user = hovering(image)
    user.viewer.mouse_over_canvas = True

    def leave() -> None:
        user.viewer.mouse_over_canvas = False

    for go in (leave, lambda: _point_at(user, 0, 50, 60), lambda: user.viewer.dims.set_point(0, 3)):
        user.viewer.dims.set_point(0, 0)
        _point_at(user, 0, 20, 20)
        user.until(lambda: bool(_previews(user)))
        go()
        assert not _previews(user)
    user.settle()


def test_beside_the_image_or_with_another_tool_nothing_is_asked(
    hovering: OpenWidget, image: np.ndarray, predictor: FakePredictor
) -> None:
    user = hovering(image)
    asked = predictor.calls["click"]
    _point_at(user, 0, -9, 20)
    _rest(user)
    user.key("Shift-B")
    _point_at(user, 0, 20, 20)
    _rest(user)
    assert predictor.calls["click"] == asked
    assert not _previews(user)


def test_a_pointer_that_moves_on_asks_once(
    hovering: OpenWidget, image: np.ndarray, predictor: FakePredictor
) -> None:
    user = hovering(image)
    user.click(0, 60, 30)
    user.settle()
    asked = predictor.calls["click"]
    for x in range(12, 21):
        _point_at(user, 0, 20, x)
    user.until(lambda: bool(_previews(user)))
    user.settle()
    once = predictor.calls["click"] - asked
    _point_at(user, 0, 60, 31)
    user.until(lambda: bool(_previews(user)))
    user.settle()
    assert predictor.calls["click"] - asked - once == once


def test_an_answer_that_comes_too_late_is_dropped(
    hovering: OpenWidget, image: np.ndarray, predictor: FakePredictor
) -> None:
    user = hovering(image)
    asked, go_on, usual = threading.Event(), threading.Event(), predictor.predict

    def wait(*args: Any) -> Any:
        asked.set()
        assert go_on.wait(60)
        return usual(*args)

    predictor.predict = wait  # type: ignore[method-assign]
    _point_at(user, 0, 20, 20)
    user.until(asked.is_set)
    user.viewer.mouse_over_canvas = True
    user.viewer.mouse_over_canvas = False
    go_on.set()
    user.settle()
    assert not _previews(user)


def test_a_preview_corrects_what_is_there_and_leaves_it(
    hovering: OpenWidget, image: np.ndarray
) -> None:
    user = hovering(image)
    user.click(0, 20, 20)
    user.settle()
    before = user.drafts().copy()
    _point_at(user, 0, 60, 30)
    user.until(lambda: bool(_previews(user)))
    (layer,) = _previews(user)
    assert layer.data.max() == user.sync.prompt_layers.current == 1
    np.testing.assert_array_equal(user.drafts(), before)
    assert len(user.sync.session.prompts) == 1


def test_nothing_stays_when_it_is_turned_off_or_closed(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    viewer = user.viewer
    viewer.dims.set_point(0, 0)
    before = list(viewer.mouse_drag_callbacks)
    user.widget.controller.hover.set_enabled(True)
    _point_at(user, 0, 20, 20)
    user.until(lambda: bool(_previews(user)))
    user.widget.controller.hover.set_enabled(False)
    assert len(viewer.layers) == 3
    assert not viewer.mouse_move_callbacks
    assert viewer.mouse_drag_callbacks == before
    user.widget.controller.hover.set_enabled(True)
    _point_at(user, 0, 20, 20)
    user.until(lambda: bool(_previews(user)))
    user.widget.release()
    assert len(viewer.layers) == 3
    assert not viewer.mouse_move_callbacks


def test_our_layer_is_not_offered_for_seeding(hovering: OpenWidget, image: np.ndarray) -> None:
    user = hovering(image)
    _point_at(user, 0, 20, 20)
    user.until(lambda: bool(_previews(user)))
    user.widget.refresh()
    assert user.widget.advanced.labels.count() == 0


def test_the_box_in_the_widget_is_remembered(open_widget: OpenWidget, image: np.ndarray) -> None:
    from napari_sam2.viewer.preferences import read_preferences

    user = open_widget(image)
    user.widget.advanced.hover.setChecked(True)
    assert read_preferences().hover
    assert user.viewer.mouse_move_callbacks
    second = open_widget(image)
    assert second.widget.advanced.hover.isChecked()
    assert second.viewer.mouse_move_callbacks
