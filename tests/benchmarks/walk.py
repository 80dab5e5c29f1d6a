"""Walk through the flow as a user does; print the actions and the longest stall we cause.

Stalls are processor time of the GUI thread in our callbacks, without what napari itself needs to
make and draw layers, to read its settings and to open its activity dock.

Run it with a screen, or under xvfb-run::

    python tests/benchmarks/walk.py [--fake]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Layer
from napari.utils import cancelable_progress
from qtpy.QtWidgets import QApplication

from napari_sam2._qt import (
    extras,
    hover,
    image_box,
    keeping,
    model_box,
    object_list,
    run_box,
    tool_box,
    widget,
)
from napari_sam2._qt.jobs import controller as engine_module
from napari_sam2.viewer.contributions.sample_data import moving_cells
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerSet
from napari_sam2.viewer.layers.preview import PreviewLayer
from tests.helpers.stopwatch import Stopwatch

OURS: tuple[tuple[type, str], ...] = (
    (engine_module.Engine, "begin adopt use propagate stop ask next_candidate"),
    (engine_module.Engine, "_swapped _run_ended _tick _withdraw"),
    (keeping.Keeping, "accept save _accepted delete"),
    (widget.SegmentTrackWidget, "__init__ refresh _ready _jump"),
    (object_list.ObjectList, "show_objects _edited"),
    (image_box.ImageBox, "fill"),
    (model_box.ModelBox, "show_cards show_model"),
    (extras.Extras, "refresh seed_now"),
    (hover.Hover, "_moved _rested _show"),
    (run_box.RunBox, "show_run show_session"),
    (tool_box.ToolBox, "use flip"),
    (LayerSync, "_points_changed _shapes_changed _painted undo redo select refresh take"),
)
NAPARIS: tuple[tuple[Any, str], ...] = (
    (widget, "read_settings"),
    (LayerSet, "_make"),
    (PreviewLayer, "_add"),
    (Layer, "refresh"),
    (cancelable_progress, "__init__ update close"),
)
"""Reads all plugins' settings, makes layers, draws them, opens and closes the activity dock."""


def pump(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


class Walk:
    """A user who counts."""

    def __init__(self, fake: bool, folder: Path) -> None:
        self.watch = Stopwatch()
        for owner, names in OURS:
            for name in names.split():
                setattr(owner, name, self.watch.timed(getattr(owner, name)))
        for owner, names in NAPARIS:
            for name in names.split():
                setattr(owner, name, self.watch.apart(getattr(owner, name)))
        self.viewer = napari.Viewer(show=True)
        layers = moving_cells()
        data, options, _ = layers[0]
        self.points = layers[-1][0]
        self.viewer.add_image(data, **options)
        self.folder = folder
        self.fake = fake
        self.actions: list[str] = []

    def do(self, name: str, act: Callable[[], Any]) -> None:
        act()
        self.actions.append(name)
        QApplication.processEvents()

    def key(self, key: str) -> None:
        from app_model.types import KeyBinding

        self.do(f"key {key}", lambda: self.viewer.keymap[KeyBinding.from_str(key)](self.viewer))

    def open(self) -> None:
        make = _fake_predictor if self.fake else None
        self.actions.append("menu Plugins")
        self.widget = widget.SegmentTrackWidget(self.viewer, make)
        self.do("Segment and track", lambda: self.viewer.window.add_dock_widget(self.widget))
        self.engine = self.widget.engine
        pump(lambda: self.engine.sync is not None)
        self.viewer.dims.set_current_step(0, 0)

    def idle(self) -> None:
        pump(lambda: not self.engine._live.busy and not self.engine._runner.busy)
        pump(lambda: False, 0.3)

    def click(self, point: Any) -> float:
        start = time.monotonic()
        layer = self.engine.sync.family.points.layer
        self.do("click", lambda: layer.add(np.array(point, float)))
        self.idle()
        return time.monotonic() - start

    def taken(self) -> list[str]:
        actions, self.actions = self.actions, []
        return actions


def _fake_predictor() -> Any:
    from tests.helpers.fakes import FakePredictor

    return FakePredictor()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk("--fake" in sys.argv, Path(folder))
        Path.home = classmethod(lambda cls: Path(folder))  # type: ignore[method-assign]
        walk.open()
        walk.click(walk.points[0])
        for key in ("G", "N", "W"):
            walk.key(key)
        walk.idle()
        saved = list(Path(folder).glob("*.tif"))
        _report("first object, from open image to labels on disk", walk.taken(), 6)
        assert saved, "nothing was saved"
        walk.click([0, 60, 60])
        walk.key("G")
        walk.key("N")
        walk.idle()
        _report("a further object", walk.taken(), 3)
        walk.engine.hover.turn(True)
        walk.engine.hover._where = walk.viewer.layers[0].data_to_world(walk.points[0])
        walk.engine.hover._rested()
        walk.idle()
        walk.engine.sync.select(1)
        walk.viewer.dims.set_current_step(0, 5)
        walk.click([5, 40, 40])
        walk.key("G")
        walk.idle()
        _report("a correction", walk.taken(), 2)
        _stalls(walk.watch)
        walk.widget.release()
        walk.viewer.close()


def _report(what: str, actions: list[str], most: int) -> None:
    print(f"{what}: {len(actions)} actions (at most {most}): {', '.join(actions)}")
    assert len(actions) <= most, what


def _stalls(watch: Stopwatch) -> None:
    ranked = sorted(watch.longest.items(), key=lambda item: -item[1])
    print(f"longest stall in our callbacks: {ranked[0][1] * 1000:.1f} ms ({ranked[0][0]})")
    for name, seconds in ranked:
        print(f"  {seconds * 1000:7.1f} ms  {name}")


if __name__ == "__main__":
    main()
