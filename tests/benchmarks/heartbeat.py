"""Longest stalls of the window in ordinary steps at 1024 x 1024, and whose they are.

Run it with a screen, or under xvfb-run, on a machine that does nothing else::

    python -m tests.benchmarks.heartbeat
    python -m tests.benchmarks.heartbeat --model micro
    python -m tests.benchmarks.heartbeat --plane 20000  # one plane of 20000 x 20000 pixels

For each step: the longest time between two ticks of a timer of 5 ms, the longest callback of the
plugin in processor time of the GUI thread without what napari does in it, and the longest single
call of napari to make or draw a layer. With ``--model`` the network works in its thread meanwhile.

While the dock is opened and closed, first with the modules still to be imported, the stack of the
GUI thread is sampled instead: the longest processor time of the plugin and of napari in one stall,
and the longest time in which the thread waited, for a thread with the interpreter or for other
programs.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from time import thread_time
from typing import Any

import napari
import numpy as np
import zarr
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from tests.benchmarks.measuring import Row, parser, report
from tests.benchmarks.stalls import Owner, StallTrace
from tests.helpers.scenes import movie, straight
from tests.helpers.stopwatch import Stopwatch

Clock = Callable[[], float]
SIDE, N_FRAMES, TICK_MS = 1024, 12, 5
_TITLE = "Segment and track"
PATHS = [straight((200 + 250 * i, 200 + 200 * i), (2, 3), N_FRAMES) for i in range(3)]


class Heartbeat:
    """The longest time for which the event loop did not run."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._beat)
        self._last, self._gaps = time.perf_counter(), [(0.0, 0.0)]
        self._timer.start()

    def _beat(self) -> None:
        now = time.perf_counter()
        if now - self._last > 2 * TICK_MS / 1000:
            self._gaps.append((self._last, now))
        self._last = now

    def take(self) -> list[tuple[float, float]]:
        """Return the beginnings and ends of the gaps since the last call, in seconds."""
        self._beat()
        gaps, self._gaps = self._gaps, [(0.0, 0.0)]
        return gaps


class Session:
    """A user at a window, whose steps are measured."""

    def __init__(self, model: str, data: NDArray[np.uint8], clock: Clock = thread_time) -> None:
        self.model = model
        self.rows: list[Row] = []
        self.ours, self.theirs = Stopwatch(clock), Stopwatch(clock)
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1280, 800)
        self.viewer.add_image(data, name="movie", axis_labels=("t", "y", "x"))
        self.wait(1)
        self.beat = Heartbeat()

    def wait(self, seconds: float) -> None:
        self.until(lambda: False, seconds)

    def until(self, condition: Callable[[], bool], seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.001)

    def idle(self) -> None:
        self.wait(0.2)
        self.until(lambda: self.widget.controller.idle)
        self.wait(0.4)

    def step(self, name: str, act: Callable[[], Any], *, settle: bool = True) -> None:
        """Do something, wait until all of it is shown, and add a row."""
        for watch in (self.ours, self.theirs):
            watch.longest.clear()
        self.beat.take()
        act()
        if settle:
            self.idle()
        ours = max(self.ours.longest.items(), key=lambda item: item[1], default=("", 0.0))
        theirs = max(self.theirs.longest.values(), default=0.0)
        stall = max(end - start for start, end in self.beat.take())
        self._add(name, stall, ours[1], theirs, ours[0])

    def traced_step(self, name: str, act: Callable[[], Any]) -> None:
        """Do something, and add a row of the stalls in it by the stack of the GUI thread."""
        trace = StallTrace()
        trace.start()
        self.beat.take()
        act()
        stalls = [trace.stall(*gap) for gap in self.beat.take()]
        trace.stop()
        ours = max(stalls, key=lambda stall: stall.share(Owner.OURS))
        longest = {owner: max(stall.share(owner) for stall in stalls) for owner in Owner}
        self._add(
            name,
            max(stall.seconds for stall in stalls),
            longest[Owner.OURS],
            longest[Owner.NAPARI],
            ours.place,
            max(stall.waited for stall in stalls),
        )

    def _add(
        self,
        name: str,
        stall: float,
        ours: float,
        theirs: float,
        place: str,
        waiting: float | None = None,
    ) -> None:
        self.rows.append(
            {
                "step": name,
                "stall ms": stall * 1000,
                "ours ms": ours * 1000,
                "napari ms": theirs * 1000,
                "waiting ms": "" if waiting is None else waiting * 1000,
                "in": place,
            }
        )

    def open_first(self) -> None:
        """Open the widget as napari's menu does, which imports its modules and loads micro."""
        _, self.widget = self.viewer.window.add_plugin_dock_widget("napari-sam2", _TITLE)
        self.until(lambda: self.widget.loaded)
        self.until(lambda: self.widget.state.sync is not None)
        self.idle()

    def close(self) -> None:
        """Close the widget, and remove its layers."""
        self.viewer.window.remove_dock_widget(self.widget)
        self.widget.release()
        for layer in [layer for layer in self.viewer.layers if "napari_sam2" in layer.metadata]:
            self.viewer.layers.remove(layer)
        self.wait(1)

    def import_widget(self) -> None:
        """Import the modules of the widget."""
        importlib.import_module("napari_sam2._qt.segment_track")

    def measure_callbacks(self) -> None:
        """Time the callbacks of the plugin, and napari's work in them."""
        from tests.benchmarks.walk import NAPARIS, OURS

        for owner, names in OURS:
            for name in names.split():
                setattr(owner, name, self.ours.timed(getattr(owner, name)))
        for owner, names in NAPARIS:
            for name in names.split():
                apart = self.ours.apart(getattr(owner, name))
                setattr(owner, name, self.theirs.timed(apart))

    def open(self) -> None:
        """Open the widget, and wait for its model and its session."""
        from napari_sam2._qt.widget import SegmentTrackWidget
        from tests.helpers.fakes import FakePredictor

        make: Any = FakePredictor if self.model == "fake" else None
        self.widget = SegmentTrackWidget(self.viewer, make)
        self.viewer.window.add_dock_widget(self.widget, name=_TITLE)
        self.until(lambda: self.widget.loaded)
        self.until(lambda: self.widget.state.sync is not None)
        self.idle()

    def click(self, number: int, frame: int) -> None:
        self.viewer.dims.set_current_step(0, frame)
        layer = self.widget.state.sync.layers.points.layer
        layer.add(np.array([frame, *PATHS[number][frame]], float))

    def key(self, key: str) -> None:
        from app_model.types import KeyBinding

        self.viewer.keymap[KeyBinding.from_str(key)](self.viewer)

    def keys(self, key: str, times: int) -> None:
        """Press a key several times."""
        for _ in range(times):
            self.key(key)

    def slide(self) -> None:
        """Move through all frames while a run computes them."""
        self.key("Shift+G")
        for frame in range(N_FRAMES):
            self.viewer.dims.set_current_step(0, frame)
            self.wait(0.15)

    def merge(self) -> None:
        table = self.widget.objects.table
        for number in (0, 1):
            table.topLevelItem(number).setSelected(True)
        self.key("Shift+M")


def measure(model: str) -> list[Row]:
    """Return one row for each step."""
    user = Session(model, movie((SIDE, SIDE), PATHS, radius=30))
    user.traced_step("open it the first time", user.open_first)
    user.traced_step("close it", user.close)
    user.traced_step("open it again", user.open)
    user.measure_callbacks()
    user.step("first click", lambda: user.click(0, 0))
    user.step("second click", lambda: user.click(0, 0))
    user.step("propagate", lambda: user.key("G"))
    user.step("new object", lambda: user.key("Y"))
    user.step("its click", lambda: user.click(1, 0))
    user.step("slider in a run", user.slide)
    user.step("lock", lambda: user.key("Shift+J"))
    user.step("unlock", lambda: user.key("Shift+J"))
    user.step("undo the run", lambda: user.keys("U", 3))
    user.step("redo the run", lambda: user.keys("Shift+U", 3))
    user.step("merge", user.merge)
    user.step("undo", lambda: user.key("U"))
    user.step("accept all", lambda: user.key("Shift+N"))
    user.step("save", lambda: user.key("W"))
    user.widget.release()
    user.viewer.close()
    return user.rows


def measure_plane(model: str, side: int) -> list[Row]:
    """Return one row for each step on one plane; times include waiting.

    The first two are a layer of labels that napari has alone.
    """
    data = np.full((1, side, side), 20, np.uint8)
    data[0, 400:460, 400:460] = 200
    user = Session(model, data, time.perf_counter)
    user.import_widget()
    empty = zarr.zeros(shape=data.shape, chunks=(1, 512, 512), dtype="u2")
    layers = user.viewer.layers
    user.step("napari: add labels", lambda: user.viewer.add_labels(empty), settle=False)
    user.wait(1)
    user.step("napari: draw labels", lambda: layers[-1].refresh(extent=False), settle=False)
    layers.remove(layers[-1])
    user.measure_callbacks()
    user.step("open the widget", user.open)
    points = user.widget.state.sync.layers.points.layer
    user.step("click", lambda: points.add(np.array([0.0, 430, 430])))
    user.step("accept", lambda: user.key("N"))
    user.widget.release()
    user.viewer.close()
    return user.rows


def main() -> None:
    """Print one row for each step."""
    options = parser(__doc__)
    options.add_argument("--model", default="fake", choices=["fake", "micro"])
    options.add_argument("--plane", type=int, help="side of a plane, in pixels")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        setattr(Path, "home", lambda: Path(folder))  # noqa: B010
        rows = measure_plane(given.model, given.plane) if given.plane else measure(given.model)
        report(rows, given.csv)


if __name__ == "__main__":
    main()
