"""The dock in a real window: clicks on the canvas, the focus, and what stays in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from napari.qt import get_current_stylesheet
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget

from napari_sam2.viewer.tools import Tool
from tests.helpers.canvas import canvas_widget, click_canvas
from tests.helpers.driver import Driver

OpenWidget = Callable[..., Driver]
pytestmark = pytest.mark.rendering
LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def show(open_widget: OpenWidget) -> Iterator[OpenWidget]:
    """Return a function that opens the widget in a window of 1280 x 800 pixels."""
    shown: list[Driver] = []

    def start(*images: Any, **options: Any) -> Driver:
        user = open_widget(*images, **options)
        shown.append(user)
        user.viewer.window._qt_window.setStyleSheet(get_current_stylesheet())
        user.viewer.window.show()
        user.viewer.window.resize(1280, 800)
        user.viewer.dims.set_point(0, 0)
        user.viewer.fit_to_view()
        QApplication.processEvents()
        return user

    yield start
    for user in shown:
        user.viewer.window._qt_window.hide()


def _click(user: Driver, row: float, column: float, **options: Any) -> None:
    QApplication.processEvents()
    click_canvas(user.viewer, row, column, **options)
    user.settle()


def _prompts(user: Driver) -> int:
    return len(user.sync.session.prompts)


def test_the_first_click_counts_when_the_widget_was_open_before_the_image(
    show: OpenWidget, image: np.ndarray
) -> None:
    user = show()
    user.viewer.add_image(image, axis_labels=("t", "y", "x"))
    user.viewer.add_points(np.array([[0, 20, 20]]), name="Click here first")
    user.until(lambda: user.sync is not None and user.controller.tools.active is Tool.POINT)
    user.viewer.dims.set_point(0, 0)
    user.viewer.fit_to_view()
    assert user.widget.tools.buttons[Tool.POINT].isChecked()
    _click(user, 20, 20)
    assert _prompts(user) == 1
    user.viewer.layers.selection.active = user.sync.images[0]
    assert user.widget.tools.buttons[Tool.POINT].isChecked()
    _click(user, 22, 22)
    assert _prompts(user) == 2
    user.viewer.layers.selection.active = user.viewer.layers["Click here first"]
    assert not user.widget.tools.buttons[Tool.POINT].isChecked()
    user.widget.refresh()
    assert "Shift+K" in user.widget.status.next.text()
    user.viewer.dims.ndisplay = 3
    made = user.widget.tools.buttons[Tool.POINT]
    assert not made.isEnabled()
    assert "2-D" in made.toolTip()


def test_a_click_on_a_mask_selects_its_object(show: OpenWidget, image: np.ndarray) -> None:
    user = show(image)
    _click(user, 20, 20)
    user.key("Y")
    _click(user, 60, 30)
    assert user.widget.state.current == 2
    _click(user, 20, 20, key=CONTROL)
    assert user.widget.state.current == 1
    assert _prompts(user) == 2


def test_keys_work_wherever_the_focus_is(show: OpenWidget, image: np.ndarray) -> None:
    user = show(image)
    _click(user, 20, 20)
    user.viewer.window._qt_window.activateWindow()
    table = user.widget.objects.table
    QTest.mouseClick(
        table.viewport(), LEFT, pos=table.visualItemRect(table.topLevelItem(0)).center()
    )
    for focused in (table, user.widget.images.image, user.widget.images.along):
        user.widget.header.set_folded(False)
        focused.setFocus()
        user.until(lambda focused=focused: QApplication.focusWidget() is focused)
        QTest.keyClick(focused, Qt.Key.Key_K)
        assert not user.widget.state.inside, focused.objectName()
        QTest.keyClick(focused, Qt.Key.Key_K)
    QTest.keyClick(table, Qt.Key.Key_Z, CONTROL)
    user.settle()
    assert _prompts(user) == 0
    field = QLineEdit(user.widget)
    field.show()
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_K)
    assert field.text() == "k"
    assert user.widget.state.inside


def test_ctrl_z_on_the_canvas_undoes_with_the_image_selected(
    show: OpenWidget, image: np.ndarray
) -> None:
    user = show(image)
    _click(user, 20, 20)
    user.viewer.layers.selection.active = user.viewer.layers[0]
    QTest.keyClick(canvas_widget(user.viewer), Qt.Key.Key_Z, CONTROL)
    user.settle()
    assert _prompts(user) == 0
    QTest.keyClick(
        canvas_widget(user.viewer), Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier
    )
    user.settle()
    assert _prompts(user) == 1


def _places(user: Driver) -> list[QPoint]:
    """Return the places of the tools from the top, and of the foot's buttons from the bottom.

    The height of napari's own status bar, below the dock, changes by a pixel in a run.
    """
    QApplication.processEvents()
    widget, bottom = user.widget, QPoint(0, user.widget.height())
    top = [made.mapTo(widget, QPoint(0, 0)) for made in widget.tools.icons]
    foot = widget.foot.findChildren(QPushButton)
    return [*top, *(made.mapTo(widget, QPoint(0, 0)) - bottom for made in foot)]


def test_the_foot_is_visible_and_no_message_moves_a_button(
    show: OpenWidget, image: np.ndarray
) -> None:
    user = show(image, name="an image with a very long name " * 3)
    user.widget.hint.dismiss()
    user.settle()
    before = _places(user)
    for made in user.widget.foot.findChildren(QPushButton):
        assert made.visibleRegion().boundingRect().size() == made.size(), made.text()
    assert user.viewer.window._qt_window.height() <= 800
    user.widget.status.show_notice("A notice that is too long for its place. " * 20)
    assert _places(user) == before
    user.viewer.layers[0].contrast_limits = (30, 90)
    assert len(user.widget.status.notice.buttons) == 1
    assert _places(user) == before
    user.controller.state.fault.emit(_fault())
    assert _places(user) == before
    user.widget.status.clear_error()
    _click(user, 20, 20)
    user.key("G")
    user.settle()
    assert _places(user) == before


def _fault() -> Any:
    from napari_sam2._qt.jobs.error_messages import ErrorMessage

    return ErrorMessage.of(MemoryError("out of memory"))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_and_icons_stand_out_from_the_background(
    show: OpenWidget, image: np.ndarray, theme: str
) -> None:
    user = show(image)
    user.viewer.theme = theme
    QApplication.processEvents()
    try:
        for name in ("sam2_next", "sam2_states", "sam2_tool", "sam2_box"):
            part = user.widget.findChild(QWidget, name)
            assert isinstance(part, QLabel) is (name != "sam2_box")
            assert _contrast(part) > 80, name
    finally:
        user.viewer.theme = "dark"


def _contrast(part: QWidget) -> int:
    """Return the range of gray levels of a widget with what lies behind it."""
    window = part.window()
    picture = window.grab().toImage()
    corner = part.mapTo(window, QPoint(0, 0))
    levels = [
        picture.pixelColor(corner.x() + x, corner.y() + y).lightness()
        for x in range(0, min(part.width(), 120))
        for y in range(part.height())
    ]
    return max(levels) - min(levels)
