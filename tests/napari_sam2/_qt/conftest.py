"""A viewer with a movie, and the widget on it with a predictor of a few lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.driver import Driver
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight

PATHS = [straight((20, 20), (1, 2), 8), straight((60, 30), (0, 2), 8)]


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep the plugin's settings in a folder of the test, not in the user's."""
    from napari import settings

    settings._clear_plugin_settings_cache()
    monkeypatch.setattr(settings, "_CFG_PATH", str(tmp_path / "napari" / "settings.yaml"))
    yield
    settings._clear_plugin_settings_cache()


@pytest.fixture
def image() -> np.ndarray:
    """Two discs that move through 8 frames of 80 x 96 pixels."""
    return movie((80, 96), PATHS)


@pytest.fixture
def predictor() -> FakePredictor:
    return FakePredictor()


@pytest.fixture
def open_widget(
    make_napari_viewer: Callable[..., Any], qtbot: Any, predictor: FakePredictor, tmp_path: Path
) -> Iterator[Callable[..., Driver]]:
    """Open a viewer and the widget in it; threads must be gone at the end."""
    drivers: list[Driver] = []

    def start(*images: Any, **options: Any) -> Driver:
        driver = Driver.open(make_napari_viewer(), qtbot, predictor, tmp_path, images, options)
        drivers.append(driver)
        return driver

    yield start
    for driver in drivers:
        driver.close()
    left = [t.name for t in threading.enumerate() if t.name.startswith("napari-sam2")]
    assert left == []
