"""The hint for those who open the widget for the first time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtWidgets import QAbstractButton, QLabel

from napari_sam2.viewer.preferences import read_preferences
from napari_sam2.viewer.tools import Tool

OpenWidget = Callable[..., Any]


def test_it_is_there_at_first_and_says_the_keys(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    hint = user.widget.hint
    assert not hint.isHidden()
    for word in ("Click", "<b>G</b>", "<b>N</b>", "<b>W</b>", "Alt+click"):
        assert word in hint.text.text()


def test_once_dismissed_it_does_not_come_back(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.widget.hint.got_it.click()
    assert user.widget.hint.isHidden()
    assert not read_preferences().hint
    assert open_widget(image).widget.hint.isHidden()


def test_who_has_accepted_an_object_needs_it_no_more(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    assert not user.widget.hint.isHidden()
    user.key("N")
    user.settle()
    assert user.widget.hint.isHidden()
    assert not read_preferences().hint


def test_it_is_kept_on_disk(
    open_widget: OpenWidget, image: np.ndarray, napari_settings: Callable[[], None]
) -> None:
    open_widget(image).widget.hint.dismiss()
    napari_settings()
    assert not read_preferences().hint


def test_the_next_step_follows_the_tool(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    following = user.widget.status.next
    user.until(lambda: following.text() == "Click the middle of an object.", 5000)
    user.viewer.layers.selection.clear()
    user.until(lambda: following.text().startswith("Choose the point tool (Shift+K)"), 5000)
    user.widget.tools.use(Tool.POINT)
    user.until(lambda: following.text() == "Click the middle of an object.", 5000)


def test_a_notice_covers_an_error_until_it_is_dismissed(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    status = open_widget(image).widget.status
    status.show_error("The disk is full.")
    status.show_notice("Object 1 is accepted.")
    assert [status.error.isHidden(), status.notice.isHidden()] == [True, False]
    status._dismiss.click()
    assert [status.error.isHidden(), status.notice.isHidden()] == [False, True]
    status._dismiss.click()
    assert [status.error.isHidden(), status.notice.isHidden()] == [True, True]
    assert status.error.text() == status.notice.text() == ""


def test_the_widget_uses_the_words_of_the_glossary(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    widget = open_widget(image).widget
    parts = [part for kind in (QLabel, QAbstractButton) for part in widget.findChildren(kind)]
    texts = [text.lower() for part in parts for text in (part.text(), part.toolTip())]
    table = widget.objects.table
    texts += [table.headerItem().text(i).lower() for i in range(table.columnCount())]
    texts += [action.text().lower() for action in table.menu_of(1).actions()]
    odd = ("worst", "doubt", "look again", "sharpen", "cover accepted", "seed", "follow")
    assert [(word, text) for word in odd for text in texts if word in text] == []
