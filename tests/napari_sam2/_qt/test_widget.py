"""The dock widget while its panel is loaded in the background."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from threading import Event, current_thread, main_thread
from typing import Any

import numpy as np
import pytest

from napari_sam2._qt import widget
from napari_sam2._qt.widget import SegmentTrackWidget
from tests.helpers.fakes import FakePredictor

MAY_BE_IMPORTED = """
import sys
from threading import current_thread, main_thread

importing = set()

class Recorder:
    def find_spec(self, name, path=None, target=None):
        if current_thread() is main_thread():
            importing.add(name.partition(".")[0])

import napari
viewer = napari.Viewer(show=False)
sys.meta_path.insert(0, Recorder())
dock, made = viewer.window.add_plugin_dock_widget("napari-sam2", "Segment and track")
from qtpy.QtWidgets import QApplication
while not made.loaded:
    QApplication.processEvents()
heavy = {"scipy", "zarr", "torch", "skimage", "tifffile", "dask", "sam2_model"} & importing
print("heavy:", sorted(heavy))
made.release()
viewer.close()
"""


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Return what the import of the panel waits for."""
    event, do_import = Event(), widget.import_module

    def wait_and_import(name: str) -> Any:
        if current_thread() is not main_thread():
            event.wait(60)
        return do_import(name)

    monkeypatch.setattr(widget, "import_module", wait_and_import)
    return event


@pytest.fixture
def opened(imported: Event, shared_viewers: Any, image: np.ndarray) -> Iterator[SegmentTrackWidget]:
    viewer = shared_viewers.take()
    viewer.add_image(image, axis_labels=("t", "y", "x"))
    yield from _docked(viewer)
    imported.set()


def _docked(viewer: Any) -> Iterator[SegmentTrackWidget]:
    made = SegmentTrackWidget(viewer, FakePredictor)
    viewer.window.add_dock_widget(made, name="Segment and track")
    yield made
    viewer.window.remove_dock_widget(made)
    made.release()
    made.deleteLater()


def test_the_panel_appears_once_its_modules_are_imported(
    opened: Any, imported: Event, qtbot: Any
) -> None:
    assert not opened.loaded
    assert not opened._message.isHidden()
    imported.set()
    qtbot.waitUntil(lambda: opened.loaded)
    assert opened._message.isHidden()
    assert opened.panel.parent() is opened
    parts = [opened.layout().itemAt(at).widget() for at in range(opened.layout().count())]
    assert parts == [opened._message, opened.panel]
    qtbot.waitUntil(lambda: opened.state.sync is not None)


def test_reading_a_part_makes_the_panel_at_once(opened: Any) -> None:
    assert opened.controller is opened.panel.controller
    assert {name for name in widget.PARTS if not hasattr(opened, name)} == set()
    assert not hasattr(opened, "native")


def test_a_dock_that_is_closed_while_loading_stays_empty(
    opened: Any, imported: Event, qtbot: Any
) -> None:
    opened.release()
    imported.set()
    qtbot.waitUntil(lambda: not opened._loading.running)
    qtbot.wait(3 * widget.POLL_MS)
    assert not opened.loaded
    opened.attach()
    qtbot.waitUntil(lambda: opened.loaded)


def test_a_failed_import_is_shown_with_advice(
    monkeypatch: pytest.MonkeyPatch, shared_viewers: Any, qtbot: Any
) -> None:
    monkeypatch.setattr(widget, "_PANEL_MODULE", "napari_sam2._qt.no_such_module")
    docked = _docked(shared_viewers.take())
    made = next(docked)
    qtbot.waitUntil(lambda: "no_such_module" in made._message.text())
    assert "Install napari-sam2 again" in made._message.text()
    with pytest.raises(ImportError):
        _ = made.controller
    next(docked, None)


@pytest.mark.slow
@pytest.mark.smoke
def test_opening_imports_nothing_heavy_in_the_thread_of_the_window() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MAY_BE_IMPORTED],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert "heavy: []" in done.stdout, done.stdout + done.stderr


@pytest.fixture
def half_made(opened: Any, imported: Event, qtbot: Any) -> Any:
    """A widget with the first parts of its panel."""
    imported.set()
    qtbot.waitUntil(lambda: opened._panel is not None and hasattr(opened._panel, "images"))
    opened._steps.pause()
    assert not opened.loaded
    return opened


def test_the_panel_is_hidden_while_it_is_made(half_made: Any, qtbot: Any) -> None:
    assert half_made._panel.isHidden()
    assert not half_made._message.isHidden()
    half_made._steps.resume()
    qtbot.waitUntil(lambda: half_made.loaded)
    assert not half_made._panel.isHidden()
    assert half_made._message.isHidden()


def test_a_half_made_panel_is_finished_when_a_part_is_read(half_made: Any) -> None:
    assert half_made.foot is half_made.panel.foot
    assert half_made.loaded
    assert half_made._message.isHidden()


def test_a_dock_that_is_closed_while_its_panel_is_made_continues_later(
    half_made: Any, qtbot: Any
) -> None:
    half_made._steps.resume()
    half_made.release()
    qtbot.wait(50)
    assert not half_made.loaded
    assert not half_made.viewer.keymap
    half_made.attach()
    qtbot.waitUntil(lambda: half_made.loaded)
    qtbot.waitUntil(lambda: half_made.state.sync is not None)


def test_a_part_that_cannot_be_made_is_shown_with_advice(half_made: Any) -> None:
    def broken() -> Iterator[None]:
        raise OSError("no more handles")
        yield

    half_made._steps.run(broken())
    with pytest.raises(OSError, match="no more handles"):
        half_made._steps.finish()
    assert not half_made.loaded
    assert "no more handles" in half_made._message.text()
    assert not half_made._message.isHidden()
    # The next access begins again.
    assert half_made.panel is not None
    assert half_made.loaded
