"""Viewers with the widget, on a movie and with a fake predictor.

Starting and closing a napari window takes seconds, so the tests of a process share theirs. A test
that closes its viewer takes one of its own by ``open_own_widget``.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton

from tests.helpers.driver import Driver, plugin_threads
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight

PATHS = [straight((20, 20), (1, 2), 8), straight((60, 30), (0, 2), 8)]
APP_NAME = "napari_sam2_tests"


class SlowPredictor(FakePredictor):
    """Takes its time for every frame, so that a run can be caught in the middle."""

    def track(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(0.15)
        return super().track(*args, **kwargs)


class SharedViewers:
    """Viewers that the tests of one process use in turn; each test gets them empty.

    Their windows have no style sheet, with which Qt takes a fifth more time for a test; tests of
    what is seen set it, or take a viewer of their own.
    """

    def __init__(self) -> None:
        self._viewers: list[Any] = []
        self._taken = 0
        self._drivers: list[Driver] = []
        self._stack = ExitStack()

    def take(self) -> Any:
        """Return an empty viewer that the present test does not use yet."""
        if len(self._viewers) == self._taken:
            self._viewers.append(self._start())
        self._taken += 1
        return self._viewers[self._taken - 1]

    def add(self, driver: Driver) -> Driver:
        """Have the widget of a driver closed at the end of the test."""
        self._drivers.append(driver)
        return driver

    def reset(self) -> None:
        """Close the widgets of the present test and empty the viewers."""
        for driver in self._drivers:
            with suppress(RuntimeError, AttributeError):  # The test has closed the dock.
                driver.close()
                if driver.widget.parent() is not None:
                    driver.viewer.window.remove_dock_widget(driver.widget)
                driver.widget.deleteLater()
        self._drivers.clear()
        self._taken = 0
        while len(self._viewers) > 1:  # Of the tests, few need two; all are slower beside them.
            self._close_last()
        for viewer in self._viewers:
            _empty(viewer)
        _exempt_from_collection()

    def close(self) -> None:
        """Close the viewers."""
        while self._viewers:
            self._close_last()
        self._stack.close()

    def _close_last(self) -> None:
        viewer = self._viewers.pop()
        with patch.object(viewer.window._qt_window, "_save_current_window_settings"):
            viewer.close()

    def _start(self) -> Any:
        from napari import Viewer
        from napari._qt.qt_viewer import QtViewer
        from qtpy.QtWidgets import QApplication, QWidget

        if not self._viewers:
            self._patch_napari(QWidget)
        options = {"show": False, "show_welcome_screen": False}
        known = signature(Viewer).parameters
        with self._commands_stay():
            viewer = Viewer(**{name: value for name, value in options.items() if name in known})
        window = viewer.window._qt_window
        window.setStyleSheet("")
        QApplication.instance().removeEventFilter(window)
        QtViewer._instances.clear()  # Of these, ``make_napari_viewer`` finds its own ones only.
        return viewer

    def _commands_stay(self) -> ExitStack:
        """Keep the commands of the application for a second window.

        A test with an application of its own, in between, lets napari forget that it has them.
        """
        stack = ExitStack()
        if self._viewers:
            stack.enter_context(patch("napari.plugins._initialize_plugins"))
            stack.enter_context(patch("napari._qt.qt_main_window.init_qactions"))
        return stack

    def _patch_napari(self, widget: type[Any]) -> None:
        """Do what ``make_napari_viewer`` does: an own application, no threads, no console."""
        from app_model import Application
        from napari._app_model._app import NapariApplication, _napari_names
        from napari._qt._qapp_model.qactions import init_qactions
        from napari.plugins import _initialize_plugins
        from napari.settings import get_settings

        def no_console(*_: Any) -> Any:
            made = widget()
            made._update_theme = lambda *_: None
            return made

        get_settings().reset()
        app = NapariApplication(APP_NAME)
        app.injection_store.namespace = _napari_names
        for clear in (_initialize_plugins.cache_clear, init_qactions.cache_clear):
            clear()
            self._stack.callback(clear)
        self._stack.callback(Application.destroy, APP_NAME)
        for target, replacement in (
            ("napari._qt.threads.status_checker.StatusChecker.start", lambda *_: None),
            ("napari._qt.qt_viewer.QtViewer._get_console", no_console),
        ):
            self._stack.enter_context(patch(target, replacement))
        self._stack.enter_context(
            patch.object(NapariApplication, "get_app_model", return_value=app)
        )


@cache
def _exempt_from_collection() -> None:
    """Let the garbage collector skip the window and the modules that the first test has loaded.

    napari runs it whenever layers are removed; it takes a quarter of a second otherwise.
    """
    gc.collect()
    gc.freeze()


def _empty(viewer: Any) -> None:
    viewer.window._qt_window.setStyleSheet("")
    viewer.layers.clear()
    viewer.dims.ndisplay = 2
    viewer.dims.ndim = 2
    viewer.dims.reset()
    viewer.dims.axis_labels = ("-2", "-1")
    viewer.mouse_over_canvas = False


@pytest.fixture(autouse=True)
def _own_preferences(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Keep the plugin's preferences in a file of the test, as with a napari without settings.

    napari's settings would be read once for each test, with the manifests of all plugins.
    """
    from napari import settings

    folder = tmp_path_factory.mktemp("preferences")
    monkeypatch.setattr("platformdirs.user_config_path", lambda _: folder)
    from_napari = getattr(settings, "get_plugin_settings", None)
    monkeypatch.delattr(settings, "get_plugin_settings", raising=False)
    return from_napari


@pytest.fixture(autouse=True)
def _no_click_on_disabled_buttons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test fail where it clicks a disabled button, for which Qt does nothing."""
    click = QAbstractButton.click

    def click_enabled(button: QAbstractButton) -> None:
        assert button.isEnabled(), f"The button {button.text()!r} is disabled."
        click(button)

    monkeypatch.setattr(QAbstractButton, "click", click_enabled)


@pytest.fixture
def napari_settings(
    _own_preferences: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], None]]:
    """Keep the preferences in napari's settings; return a function that has them read again."""
    from napari import settings

    if _own_preferences is None:
        pytest.skip("This napari has no settings of plugins.")
    monkeypatch.setattr(settings, "get_plugin_settings", _own_preferences, raising=False)
    monkeypatch.setattr(settings, "_CFG_PATH", str(tmp_path / "napari" / "settings.yaml"))
    settings._clear_plugin_settings_cache()
    yield settings._clear_plugin_settings_cache
    settings._clear_plugin_settings_cache()


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the sessions of images without files, and image features, in a folder of the test."""
    location = "napari_sam2.session.storage.session_location.user_data_path"
    monkeypatch.setattr(location, lambda *_, **__: tmp_path / "user")
    location = "napari_sam2.inference.features.folder.user_cache_path"
    monkeypatch.setattr(location, lambda *_, **__: tmp_path / "cache")


@pytest.fixture
def image() -> np.ndarray:
    """Two discs that move through 8 frames of 80 x 96 pixels."""
    return movie((80, 96), PATHS)


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor()


@pytest.fixture
def slow() -> Callable[[Any], None]:
    """Return a function that makes the runs of a user slow."""

    def slow_down(user: Any) -> None:
        user.sync.sessions.set_predictor(SlowPredictor())

    return slow_down


@pytest.fixture(scope="package")
def _process_viewers(qapp: Any) -> Iterator[SharedViewers]:
    viewers = SharedViewers()
    yield viewers
    viewers.close()


@pytest.fixture
def shared_viewers(_process_viewers: SharedViewers) -> Iterator[SharedViewers]:
    """Empty viewers; at the end of the test no thread of the plugin is left."""
    yield _process_viewers
    _process_viewers.reset()
    assert plugin_threads() == []


@pytest.fixture
def open_widget(
    shared_viewers: SharedViewers, qtbot: Any, predictor: FakePredictor, tmp_path: Path
) -> Callable[..., Driver]:
    """Return a function that opens the widget on images, in a shared viewer."""

    def start(*images: Any, **options: Any) -> Driver:
        viewer = shared_viewers.take()
        driver = Driver.open(viewer, qtbot, predictor, tmp_path, images, options)
        return shared_viewers.add(driver)

    return start


@pytest.fixture
def open_own_widget(
    make_napari_viewer: Callable[..., Any], qtbot: Any, predictor: FakePredictor, tmp_path: Path
) -> Iterator[Callable[..., Driver]]:
    """Return a function that opens the widget in a viewer that the test may close."""
    drivers: list[Driver] = []

    def start(*images: Any, **options: Any) -> Driver:
        driver = Driver.open(make_napari_viewer(), qtbot, predictor, tmp_path, images, options)
        drivers.append(driver)
        return driver

    yield start
    for driver in drivers:
        driver.close()
    assert plugin_threads() == []
