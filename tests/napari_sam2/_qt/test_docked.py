"""What is left when the dock is closed or hidden by its title bar, and what comes back."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.helpers.driver import Driver, plugin_threads

OpenWidget = Callable[..., Driver]


def test_the_close_button_ends_the_run_and_gives_the_keys_back(
    open_widget: OpenWidget, image: np.ndarray, slow: Callable[[Any], None]
) -> None:
    user = open_widget(image)
    slow(user)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.until(lambda: user.drafts()[1].any())
    sync, gone = user.sync, weakref.ref(user.widget)
    user.press_title_bar("Close")
    assert plugin_threads() == []
    assert not user.viewer.keymap
    assert str(sync.layers.points.layer.mode) == "pan_zoom"
    assert not sync.layers.drafts.data[7].any()
    user.widget = user.dock = None
    user.until(lambda: gc.collect() >= 0 and gone() is None, 20000)


def test_a_widget_that_is_opened_again_continues_the_session(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    first = open_widget(image)
    first.click(0, 20, 20)
    first.settle()
    sync = first.sync
    first.press_title_bar("Close")
    again = Driver.open(first.viewer, first.qtbot, sync.sessions.predictor, first.folder)
    assert again.sync is sync
    again.key("G")
    again.settle()
    assert again.drafts()[7, 27, 34] == 1
    again.viewer.layers.remove(sync.layers.drafts)
    assert "drafts" in again.notice
    again.press_title_bar("Close")


def test_the_other_viewer_keeps_its_keys(open_widget: OpenWidget, image: np.ndarray) -> None:
    first, second = open_widget(image), open_widget(image)
    first.press_title_bar("Close")
    second.click(0, 20, 20)
    second.key("G")
    second.settle()
    assert second.drafts()[7, 27, 34] == 1


@pytest.mark.rendering
def test_a_hidden_dock_is_released_until_it_is_shown(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.viewer.window.show()
    user.click(0, 20, 20)
    user.settle()
    user.press_title_bar("Float")
    user.qtbot.wait(50)
    assert user.viewer.keymap
    user.press_title_bar("Hide")
    user.until(lambda: not user.viewer.keymap)
    assert plugin_threads() == []
    user.dock.show()
    user.until(lambda: bool(user.viewer.keymap))
    user.key("G")
    user.settle()
    assert user.drafts()[7, 27, 34] == 1
