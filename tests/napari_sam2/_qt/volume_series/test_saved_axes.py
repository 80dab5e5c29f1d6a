"""The axes of a session come back with its image: of a file, of an array, and of a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.session.storage.session_archive import pack_session
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.viewer.contributions.commands import open_image
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.open_layers import open_layers
from tests.helpers.volume_series import AXES, NucleiSeries

OpenWidget = Callable[..., Any]


@pytest.fixture
def movie(tmp_path: Path, series: NucleiSeries) -> Path:
    """The series as a file."""
    tifffile.imwrite(tmp_path / "movie.tif", series.image, metadata={"axes": "TZYX"})
    return tmp_path / "movie.tif"


def opened(open_widget: OpenWidget, path: Path) -> Any:
    """A user who has opened a file, and waits until its session has begun."""
    user = open_widget()
    (layer,) = open_image(user.viewer, path)
    layer.contrast_limits = (0, 255)
    user.until(lambda: user.sync is not None)
    user.settle()
    return user


def close(user: Any) -> Path:
    """Close the widget and the sessions of its viewer; return the folder of the shown one."""
    folder = user.sync.sessions.folder.path
    for sync in LayerSync.all_of(user.viewer):
        sync.sessions.close()
    user.close()
    return Path(folder)


def click(user: Any, *where: int) -> None:
    user.click(*where)
    user.settle()


def followed(open_widget: OpenWidget, movie: Path) -> np.ndarray:
    """Follow an object of a file along t and z, close the session, and return its masks."""
    user = opened(open_widget, movie)
    user.choose_axes(TIME_AND_DEPTH)
    click(user, 0, 2, 12, 12)
    user.key("G")
    user.settle()
    drafts = user.drafts().copy()
    close(user)
    return drafts


def test_a_file_is_opened_along_both_axes_again(open_widget: OpenWidget, movie: Path) -> None:
    drafts = followed(open_widget, movie)
    user = opened(open_widget, movie)
    assert user.widget.images.along.currentText() == "time and depth (t and z)"
    assert "along t and z" in user.widget.header.line.text()
    assert "continues, with 1 object." in user.notice
    assert "Objects are tracked along t and z." in user.notice
    np.testing.assert_array_equal(user.drafts(), drafts)
    assert user.widget.timeline.map.isVisibleTo(user.widget)
    user.select(1)
    user.key("N")
    user.settle()
    assert not user.drafts().any()


def test_an_array_is_opened_along_both_axes_again(user: Any, open_widget: OpenWidget) -> None:
    click(user, 0, 2, 12, 12)
    image = user.viewer.layers[0].data
    close(user)
    again = open_widget(image, axis_labels=AXES, name="series")
    assert again.sync.sessions.series
    assert len(again.points.data) == 1


def test_a_session_folder_is_opened_along_both_axes(open_widget: OpenWidget, movie: Path) -> None:
    followed(open_widget, movie)
    (folder,) = movie.parent.glob("*.sam2-session")
    user = open_widget()
    user.viewer.open(pack_session(folder), plugin="napari-sam2")
    user.until(lambda: user.sync is not None)
    user.settle()
    assert user.sync.sessions.series
    assert user.widget.images.along.currentData() == TIME_AND_DEPTH


def test_the_session_that_was_edited_last_continues(open_widget: OpenWidget, movie: Path) -> None:
    followed(open_widget, movie)
    user = opened(open_widget, movie)
    user.choose_axes("t")
    assert not len(user.points.data)
    click(user, 0, 2, 12, 12)
    close(user)
    again = opened(open_widget, movie)
    assert again.widget.images.along.currentData() == "t"
    assert "Objects are tracked along t." in again.notice
    assert "Earlier sessions along other axes: t and z; choose them in Along." in again.notice
    again.choose_axes(TIME_AND_DEPTH)
    again.settle()
    assert again.widget.state.progress(1).tables == 4


def test_one_axis_of_a_session_of_both_is_reported(open_widget: OpenWidget, movie: Path) -> None:
    followed(open_widget, movie)
    user = open_widget()
    (layer,) = open_image(user.viewer, movie)
    close(user)
    user.viewer.layers.clear()
    user.viewer.add_layer(layer)
    found = open_layers(user.viewer, [layer], user.widget.state.predictor, "z")
    assert "was saved along t and z; now objects are tracked along z" in " ".join(found.notes)
    found.sync.sessions.check_input()
    close(user)
    again = opened(open_widget, movie)
    assert again.widget.images.along.currentData() == "z"
    assert "Objects are tracked along z." in again.notice


def test_an_axis_that_is_chosen_opens_no_session_of_others(
    open_widget: OpenWidget, movie: Path
) -> None:
    followed(open_widget, movie)
    user = opened(open_widget, movie)
    user.choose_axes("t")
    user.settle()
    assert not user.drafts().any()
    assert user.sync.sessions.folder.path is None


def test_a_session_in_use_is_not_replaced_by_one_of_another_axis(
    open_widget: OpenWidget, movie: Path
) -> None:
    user = opened(open_widget, movie)
    click(user, 0, 2, 12, 12)
    user.choose_axes(TIME_AND_DEPTH)
    click(user, 1, 2, 13, 14)
    again = opened(open_widget, movie)
    assert "is in use by another window or program. Close it there first." in again.notice
    assert again.notice.endswith("A new session begins.")
    assert again.sync.sessions.series
    assert not len(again.points.data)
    again.click(0, 2, 12, 12)
    again.settle()
    first = close(user)
    second = close(again)
    assert first != second
    last = opened(open_widget, movie)
    assert f"The session in {second} continues" in last.notice
    assert f"Not opened: {first}. File > Open opens a session by its folder." in last.notice


def test_another_image_layer_keeps_the_axes(user: Any, series: NucleiSeries) -> None:
    along = user.widget.images.along
    user.viewer.add_image(np.zeros((8, 8), np.uint8), name="other")
    assert along.currentData() == TIME_AND_DEPTH
    user.widget.images.choose(user.viewer.layers["other"])
    user.settle()
    assert not user.sync.sessions.series
    user.widget.images.choose(user.viewer.layers["series"])
    user.settle()
    assert user.sync.sessions.series
    assert along.currentData() == TIME_AND_DEPTH


def test_a_channel_stays_chosen_beside_another_image(user: Any, series: NucleiSeries) -> None:
    user.viewer.add_image(series.image // 2, name="second", axis_labels=AXES)
    channels = user.widget.images.channels
    channels.item(0).setCheckState(channels.item(0).checkState().Checked)
    user.until(lambda: user.sync is not None and len(user.sync.images) == 2)
    assert user.sync.sessions.series
    user.viewer.add_image(np.zeros((8, 8), np.uint8), name="other")
    assert len(user.widget.images.images) == 2


def test_the_widget_shows_the_axes_when_it_is_opened_again(
    user: Any, open_widget: OpenWidget, qtbot: Any, predictor: Any, tmp_path: Path
) -> None:
    click(user, 0, 2, 12, 12)
    user.close()
    user.viewer.window.remove_dock_widget(user.widget)
    again = type(user).open(user.viewer, qtbot, predictor, tmp_path)
    again.until(lambda: again.sync is not None)
    assert again.sync.sessions.series
    assert again.widget.images.along.currentData() == TIME_AND_DEPTH
    again.close()
    again.viewer.window.remove_dock_widget(again.widget)


@pytest.mark.parametrize("everything", [False, True])
def test_an_image_that_was_removed_continues_when_it_is_opened_again(
    open_widget: OpenWidget, movie: Path, everything: bool
) -> None:
    user = opened(open_widget, movie)
    user.choose_axes(TIME_AND_DEPTH)
    click(user, 0, 2, 12, 12)
    user.key("G")
    user.settle()
    drafts, layers = user.drafts().copy(), list(user.viewer.layers)
    names = [layer.name for layer in layers]
    for layer in layers if everything else layers[:1]:
        user.viewer.layers.remove(layer)
    del layers, layer
    user.settle()
    assert user.sync is None
    (layer,) = open_image(user.viewer, movie)
    layer.contrast_limits = (0, 255)
    user.until(lambda: user.sync is not None)
    user.settle()
    assert "continues, with 1 object." in user.notice
    np.testing.assert_array_equal(user.drafts(), drafts)
    assert sorted(layer.name for layer in user.viewer.layers) == sorted(names)
    click(user, 3, 3, 15, 18)
    assert len(user.points.data) == 2


def test_layers_of_a_session_that_was_not_used_are_removed(user: Any) -> None:
    names = [layer.name for layer in user.viewer.layers]
    assert names == ["series", "SAM 2 drafts: series", "SAM 2 points: series"]
    click(user, 0, 2, 12, 12)
    user.choose_axes("t")
    user.choose_axes(TIME_AND_DEPTH)
    assert [layer.name for layer in user.viewer.layers] == names
    assert len(user.points.data) == 1
