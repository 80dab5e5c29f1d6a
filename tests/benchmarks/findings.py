"""What a new user meets in a real window: each line says whether it is as it should be.

Run it with a screen, or under xvfb-run with 1600 x 1000 pixels::

    python -m tests.benchmarks.findings

Clicks and keys are events of Qt. The predictor finds bright spots without a network.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sam2._qt.segment_track import SegmentTrackPanel
from napari_sam2.viewer.tools import Tool
from tests.helpers.canvas import canvas_widget, click_canvas
from tests.helpers.fakes import FakePredictor

CONTROL = Qt.KeyboardModifier.ControlModifier
NO_KEY = Qt.KeyboardModifier.NoModifier
PLACES = ((50, 40), (95, 100), (140, 160))
N_FRAMES = 8


def movie() -> np.ndarray:
    """Return three bright discs that move to the right, with noise."""
    rows, columns = np.mgrid[:200, :240]
    made = np.random.default_rng(0).normal(20, 4, (N_FRAMES, 200, 240))
    for frame, plane in enumerate(made):
        for y, x in PLACES:
            plane[(rows - y) ** 2 + (columns - x - 3 * frame) ** 2 < 196] += 140
    return made.clip(0, 255).astype(np.uint8)


def _fake_predictor() -> Any:
    return FakePredictor()


class User:
    """A user of a real window."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1280, 800)
        self.widget = SegmentTrackPanel(self.viewer, _fake_predictor)
        self.viewer.window.add_dock_widget(self.widget, name="Segment and track")
        self.widget.window().activateWindow()
        self.state, self.controller = self.widget.state, self.widget.controller
        self.failed = 0
        self.until(lambda: self.state.predictor is not None)

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> bool:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)
        return condition()

    def wait(self, seconds: float = 0.3) -> None:
        self.until(lambda: False, seconds)

    def idle(self) -> None:
        self.wait(0.15)
        self.until(lambda: self.controller.idle)
        self.wait()

    def click(self, place: tuple[float, float], key: Any = NO_KEY) -> None:
        click_canvas(self.viewer, *place, key)
        self.idle()

    def key(self, key: Any, modifier: Any = NO_KEY, on: Any = None) -> None:
        QTest.keyClick(on or canvas_widget(self.viewer), key, modifier)
        self.idle()

    def expect(self, right: bool, text: str) -> None:
        self.failed += not right
        print("good" if right else "BAD ", text, flush=True)

    @property
    def n_points(self) -> int:
        return len(self.state.sync.layers.points.layer.data)

    @property
    def n_prompts(self) -> int:
        return len(self.state.session.prompts)

    @property
    def rows(self) -> list[list[str]]:
        table = self.widget.objects.table
        items = [table.topLevelItem(number) for number in range(table.topLevelItemCount())]
        return [[item.text(column) for column in range(4)] for item in items]

    @property
    def drafts(self) -> np.ndarray:
        return np.asarray(self.state.sync.layers.drafts.data)


def first_clicks(user: User) -> None:
    """The widget is open before the image; then the image layer is selected."""
    user.viewer.add_image(movie(), name="movie", axis_labels=("t", "y", "x"))
    user.until(lambda: user.state.sync is not None)
    user.viewer.dims.set_current_step(0, 0)
    user.idle()
    user.click(PLACES[0])
    user.expect(user.n_points == 1, "widget opened before the image: the first click is a point")
    user.viewer.layers.selection.active = user.viewer.layers["movie"]
    user.click((52, 42))
    user.expect(user.n_points == 2, "image selected: clicks count while Point is lit")
    user.key(Qt.Key.Key_Z, CONTROL)
    user.expect(user.n_points == 1, "Ctrl+Z with the point tool removes the last point")


def keys_of_the_table(user: User) -> None:
    """A click on a row, then G."""
    table = user.widget.objects.table
    first = table.topLevelItem(0)
    assert first is not None, "the table is empty"
    place = table.visualItemRect(first).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, NO_KEY, place)
    table.setFocus()
    user.key(Qt.Key.Key_G, on=table)
    user.expect(user.rows[0][2] == str(N_FRAMES), "G propagates with the focus in the table")


def several_together(user: User) -> None:
    """Two objects are clicked, then propagated together; one correction is undone."""
    user.key(Qt.Key.Key_Y)
    user.click(PLACES[1])
    user.key(Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)
    user.expect(
        [row[2] for row in user.rows[:2]] == [str(N_FRAMES)] * 2, "two objects are propagated"
    )
    before = user.drafts.copy()
    user.state.sync.prompt_layers.select(1)
    user.viewer.dims.set_current_step(0, 4)
    user.click((50, 56))
    user.key(Qt.Key.Key_G)
    user.key(Qt.Key.Key_U)
    user.key(Qt.Key.Key_U)
    user.expect(np.array_equal(user.drafts, before), "U, U: a correction and its run are undone")


def deleted_layers(user: User) -> None:
    """Our label layers are deleted, then a mask is made and accepted."""
    for layer in list(user.viewer.layers):
        if layer.name.startswith(("SAM 2 labels", "SAM 2 drafts")):
            user.viewer.layers.remove(layer)
    user.widget.tools.use(Tool.POINT)
    user.click((52, 58))
    user.key(Qt.Key.Key_G)
    user.key(Qt.Key.Key_N)
    names = " ".join(layer.name for layer in user.viewer.layers)
    user.expect("SAM 2 labels" in names and "SAM 2 drafts" in names, "deleted layers come back")


def delete_and_edges(user: User) -> None:
    """An object is deleted and comes back; a click beyond the edge is refused."""
    user.viewer.dims.set_current_step(0, 0)
    user.key(Qt.Key.Key_Y)
    user.widget.tools.use(Tool.POINT)
    user.click(PLACES[2])
    current = user.state.current
    menu = user.widget.objects.table.menu_of(current)
    menu.actions()[-1].trigger()
    user.idle()
    user.key(Qt.Key.Key_U)
    user.expect(current in user.state.sync.sessions.objects, "U brings a deleted object back")
    before = user.n_prompts
    user.click((-8, 30))
    told = user.widget.status.notice.text()
    user.expect(user.n_prompts == before and "outside" in told, f"click beyond the edge: {told!r}")


def other_axis(user: User) -> None:
    """Another axis is chosen, and the first one again."""
    before, along = len(user.rows), user.widget.images.along
    user.widget.header.set_folded(False)
    along.setCurrentIndex(along.count() - 1)
    user.idle()
    along.setCurrentIndex(0)
    user.idle()
    user.expect(len(user.rows) == before, f"along another axis and back: {len(user.rows)} objects")


def changed_shape(user: User) -> None:
    """The image gets another shape; the widget starts again."""
    user.viewer.layers["movie"].data = movie()[:5]
    user.wait(1)
    start = user.widget.header.start
    user.expect(start.isVisible(), "after a change of the shape there is a Start button")
    QTest.mouseClick(start, Qt.MouseButton.LeftButton)
    user.until(lambda: user.state.sync is not None)
    user.expect(user.state.sync is not None, "Start begins a session on the new shape")


STEPS = (
    *(first_clicks, keys_of_the_table, several_together, deleted_layers, delete_and_edges),
    *(other_axis, changed_shape),
)


def main() -> int:
    """Print one line for each finding, and return how many are not as they should be."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        user = User()
        for step in STEPS:
            step(user)
        user.widget.release()
        user.viewer.close()
        return user.failed


if __name__ == "__main__":
    sys.exit(main())
