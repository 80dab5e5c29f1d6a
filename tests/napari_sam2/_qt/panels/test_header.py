"""The header: it folds once a session has begun, starts a session, and shows the contrast."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam2.viewer.image_layers import layer_transform
from tests.helpers.driver import Driver

OpenWidget = Callable[..., Driver]


@pytest.mark.smoke
def test_it_is_one_line_once_a_session_has_begun(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image, name="movie")
    header = user.widget.header
    assert header.folded
    for word in ("movie", "along t", "fake"):
        assert word in header.line.text()
    user.qtbot.mouseClick(header.line, Qt.MouseButton.LeftButton)
    assert not header.folded


def test_a_changed_shape_is_started_again_without_an_error(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image, name="movie")
    user.click(0, 20, 20)
    user.settle()
    user.viewer.layers["movie"].data = image[:5]
    user.until(lambda: user.sync is None)
    user.widget.refresh()
    assert user.error == ""
    assert "Start" in user.notice
    assert not user.widget.header.folded
    user.qtbot.mouseClick(user.widget.header.start, Qt.MouseButton.LeftButton)
    assert user.sync.sessions.stack.n_frames == 5
    user.widget.refresh()
    assert user.widget.header.start.isHidden()
    assert user.notice == ""


def test_a_removed_image_is_no_error(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image, name="movie")
    user.viewer.layers.remove("movie")
    user.until(lambda: user.sync is None)
    assert user.error == ""
    assert "removed" in user.notice
    user.viewer.add_image(image, name="next")
    user.until(lambda: user.sync is not None)
    assert user.notice == ""


def test_a_changed_contrast_is_given_to_the_model_by_one_click(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image, contrast_limits=(0, 255))
    layer = user.sync.images[0]
    layer.contrast_limits = (20, 90)
    (update,) = user.widget.status.notice.buttons
    assert user.sync.sessions.intensity.limits == ((0, 255),)
    user.qtbot.mouseClick(update, Qt.MouseButton.LeftButton)
    user.settle()
    assert user.sync.sessions.intensity.limits == ((20, 90),)
    assert "20 to 90" in user.widget.header.contrast.text()
    assert not user.widget.header.update_contrast.isEnabled()
    assert user.notice == ""


def test_the_picture_of_the_model_input_is_flipped_like_the_layer(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image, contrast_limits=(0, 255), scale=(1, -1, 1))
    user.viewer.dims.set_point(0, 0)
    advanced = user.widget.advanced
    advanced.show_model_input()
    user.settle()
    picture = advanced.picture.pixmap().toImage()
    rows, columns = image.shape[1:]
    scale = picture.width() / columns
    assert layer_transform(user.sync.images[0])["scale"][1] == -1
    column, row = round(20 * scale), round(20 * scale)
    assert picture.pixelColor(column, picture.height() - 1 - row).lightness() > 150
    assert picture.pixelColor(column, row).lightness() < 100
    assert picture.height() == round(rows * scale)
