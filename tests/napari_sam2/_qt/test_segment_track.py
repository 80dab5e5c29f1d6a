"""The widget in a real viewer: the whole workflow, and what is left when it is closed."""

from __future__ import annotations

import gc
import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import qtpy
import tifffile
from napari.utils import cancelable_progress, progress
from qtpy.QtWidgets import QApplication

from napari_sam2.inference.sam2_predictor import load_predictor
from napari_sam2.viewer.contributions import sample_data
from tests.helpers.driver import plugin_threads
from tests.helpers.scenes import iou

OpenWidget = Callable[..., Any]
FRAMES = 5


@pytest.mark.smoke
def test_click_propagate_accept_save(
    open_own_widget: OpenWidget, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = open_own_widget(image, name="movie")
    monkeypatch.setattr("pathlib.Path.home", lambda: user.folder)
    user.viewer.dims.set_point(0, 0)
    user.click(0, 20, 20)
    user.settle()
    assert user.drafts()[0, 20, 20] == 1
    assert not user.drafts()[1:].any()
    user.key("G")
    user.settle()
    assert all(user.drafts()[t, 20 + t, 20 + 2 * t] == 1 for t in range(8))
    user.key("N")
    user.settle()
    assert not user.drafts().any()
    assert user.labels()[7, 27, 34] == 1
    user.key("W")
    user.settle()
    saved = tifffile.imread(user.folder / "movie-labels.tif")
    np.testing.assert_array_equal(saved, user.labels())
    assert user.actions == ["click", "G", "N", "W"]


def test_a_run_has_one_progress_bar_in_napari(
    open_widget: OpenWidget,
    image: np.ndarray,
    slow: Callable[[Any], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """napari handles events, and so refreshes the panels, while it adds the bar."""
    user = open_widget(image)
    shown: list[Any] = []

    def add(**options: Any) -> Any:
        assert not shown
        shown.append(made := cancelable_progress(**options))
        user.widget.refresh()
        return made

    monkeypatch.setattr("napari_sam2._qt.panels.foot.cancelable_progress", add)
    slow(user)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.until(lambda: bool(shown))
    user.settle()
    assert not progress._all_instances


def test_the_widget_is_found_by_its_name(make_napari_viewer: Callable[..., Any]) -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-sam2")
    manifest.validate_imports()
    (widget,) = manifest.contributions.widgets or []
    assert widget.display_name == "Segment and track"
    menus = manifest.contributions.menus or {}
    shown = {
        menu for menu, items in menus.items() for item in items if item.command == widget.command
    }
    assert shown == {"napari/layers/segment", "napari/layers/track"}


def test_closing_the_viewer_in_the_middle_of_a_run(
    open_own_widget: OpenWidget, image: np.ndarray, slow: Callable[[Any], None]
) -> None:
    user = open_own_widget(image)
    slow(user)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.until(lambda: user.drafts()[2].any())
    labels, store = user.sync.sessions.labels, user.sync.sessions.masks
    user.viewer.close()
    user.until(lambda: plugin_threads() == [])
    whole = {header.index[0]: header.area for header in store.infos()}
    for frame in range(8):
        assert np.count_nonzero(labels.drafts.array[frame]) == whole.get(frame, 0)


@pytest.mark.smoke
def test_only_the_qt_binding_that_was_asked_for_is_loaded(open_own_widget: OpenWidget) -> None:
    open_own_widget()
    assert qtpy.API_NAME.lower() == os.environ.get("QT_API", qtpy.API_NAME).lower()
    bindings = {"PySide6", "PyQt6", "PyQt5", "PySide2"}
    assert bindings & set(sys.modules) == {qtpy.API_NAME}


@pytest.mark.smoke
def test_no_widget_and_no_thread_is_left_when_it_is_closed(
    open_own_widget: OpenWidget, image: np.ndarray
) -> None:
    before = _our_widgets()
    user = open_own_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.settle()
    gone = [weakref.ref(user.widget), weakref.ref(user.widget.controller)]
    user.viewer.window.remove_dock_widget(user.widget)
    user.widget.close()
    user.widget.deleteLater()
    user.widget, user.dock = _Closed(), None  # With PyQt6 a dock keeps its widget.
    user.until(lambda: gc.collect() >= 0 and not any(reference() for reference in gone), 20000)
    assert [widget for widget in _our_widgets() if widget not in before] == []
    assert plugin_threads() == []
    user.viewer.layers[0].data = image[:, ::-1].copy()


def test_nothing_in_the_widget_is_cut_at_the_side(
    open_own_widget: OpenWidget, image: np.ndarray
) -> None:
    widget = open_own_widget(image).widget
    widget.refresh()
    bar = widget.middle.verticalScrollBar().sizeHint().width()
    assert widget.middle.minimumWidth() >= widget.middle.widget().minimumSizeHint().width() + bar
    assert not widget.middle.horizontalScrollBar().isVisible()


def _our_widgets() -> list[Any]:
    return [w for w in QApplication.allWidgets() if type(w).__module__.startswith("napari_sam2")]


class _Closed:
    """In the place of a widget that is gone."""

    def release(self) -> None:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("name", ["moving_cells", "nuclei_volume"])
def test_the_bundled_model_on_the_samples(
    open_own_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    layers = getattr(sample_data, name)()
    (image, options, _), truth, clicks = layers[0], layers[1][0], layers[-1][0]
    start, y, x = (int(n) for n in clicks[0])
    user = open_own_widget(image[start : start + FRAMES], **{**options, "name": "sample"})
    monkeypatch.setattr("pathlib.Path.home", lambda: user.folder)
    user.sync.sessions.set_predictor(load_predictor("micro", "cpu"))
    user.click(0, y, x)
    for key in "GNW":
        user.key(key)
        user.settle()
    assert user.widget.status.error.text() == ""
    saved = tifffile.imread(user.folder / "sample-labels.tif")
    np.testing.assert_array_equal(saved, user.labels())
    true = truth[start : start + FRAMES] == truth[start, y, x]
    found = [iou(saved[frame] == 1, true[frame]) for frame in range(FRAMES)]
    assert found[0] > 0.6, found
    assert np.mean(found) > 0.5, found
