"""Count the actions of the usual workflow, and time the longest stall that the plugin causes.

Stalls are processor time of the GUI thread in the plugin's callbacks, without the time that napari
needs to make and draw layers, to read its settings and to open its activity dock.

Run it with a screen, or under xvfb-run::

    python tests/benchmarks/walk.py [--fake] [--cells 300]

With ``--cells``, so many generated cells are found, tracked, accepted and saved instead.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.layers import Layer
from napari.utils import cancelable_progress
from qtpy.QtWidgets import QApplication

from napari_sam2._qt import segment_track
from napari_sam2._qt.candidates.panel import CandidatePanel
from napari_sam2._qt.jobs.accept_save import AcceptSaveJobs
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.jobs.hover_preview import HoverPreview
from napari_sam2._qt.jobs.import_prompts import PromptImportJobs
from napari_sam2._qt.jobs.predict import PredictionJobs
from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.lineage.panel import LineagePanel
from napari_sam2._qt.panels.advanced import AdvancedPanel
from napari_sam2._qt.panels.foot import FootPanel
from napari_sam2._qt.panels.header import HeaderPanel
from napari_sam2._qt.panels.image import ImagePanel
from napari_sam2._qt.panels.model import ModelPanel
from napari_sam2._qt.panels.objects import ObjectTable
from napari_sam2._qt.panels.propagation import PropagationOptions
from napari_sam2._qt.panels.tools import ToolPanel
from napari_sam2.viewer.candidates.review import CandidateReview
from napari_sam2.viewer.contributions.sample_data import moving_cells
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerSet
from napari_sam2.viewer.layers.preview import PreviewLayer
from napari_sam2.viewer.prompt_layers import PromptLayers
from napari_sam2.viewer.tools import Tool
from tests.helpers.scenes import movie, straight
from tests.helpers.stopwatch import Stopwatch

OURS: tuple[tuple[type, str], ...] = (
    (SegmentationController, "begin adopt set_predictor propagate propagate_all update"),
    (SegmentationController, "_predictor_set _run_ended"),
    (PredictionJobs, "predict withdraw next_candidate _predicted"),
    (RunJobs, "start stop _ended"),
    (AcceptSaveJobs, "accept accept_all save delete _accepted _saved"),
    (PromptImportJobs, "add_labels _labels_read"),
    (HoverPreview, "_moved _rested _show"),
    (segment_track.SegmentTrackPanel, "__init__ refresh _model_ready"),
    (ObjectTable, "refresh _edited"),
    (CandidatePanel, "refresh start"),
    (CandidateReview, "show accept _make_objects update"),
    (LineagePanel, "refresh"),
    (ImagePanel, "fill"),
    (ModelPanel, "show_cards show_model"),
    (AdvancedPanel, "refresh"),
    (HeaderPanel, "refresh"),
    (FootPanel, "refresh _show_activity close_activity"),
    (PropagationOptions, "show_session"),
    (ToolPanel, "use flip_sign toggle_per_click refresh"),
    (LayerSync, "undo redo refresh start_object"),
    (PromptLayers, "_points_changed _shapes_changed _painted select replace"),
)
NAPARIS: tuple[tuple[Any, str], ...] = (
    (segment_track, "read_preferences"),
    (LayerSet, "_make"),
    (PreviewLayer, "_add"),
    (Layer, "refresh"),
    (cancelable_progress, "__init__ update close"),
)
"""Reading settings, making and drawing layers, and the activity dock."""


def pump(condition: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


class Walk:
    """A user whose actions are counted."""

    def __init__(self, fake: bool, folder: Path) -> None:
        self.watch = Stopwatch()
        for owner, names in OURS:
            for name in names.split():
                setattr(owner, name, self.watch.timed(getattr(owner, name)))
        for owner, names in NAPARIS:
            for name in names.split():
                setattr(owner, name, self.watch.apart(getattr(owner, name)))
        # A session of an earlier walk would continue, if it were saved in the user's data folder.
        os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
        self.viewer = napari.Viewer(show=True)
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

    def add_sample(self) -> None:
        layers = moving_cells()
        data, options, _ = layers[0]
        self.points = layers[-1][0]
        self.viewer.add_image(data, **options)

    def open(self) -> None:
        make = _fake_predictor if self.fake else None
        self.actions.append("menu Plugins")
        self.widget = segment_track.SegmentTrackPanel(self.viewer, make)
        self.do("Segment and track", lambda: self.viewer.window.add_dock_widget(self.widget))
        self.controller = self.widget.controller
        self.state = self.widget.state
        pump(lambda: self.state.sync is not None)
        self.viewer.dims.set_current_step(0, 0)

    def idle(self) -> None:
        pump(lambda: self.controller.idle)
        self.controller.update()
        pump(lambda: self.controller.idle)

    def click(self, point: Any) -> float:
        start = time.monotonic()
        layer = self.state.sync.layers.points.layer
        self.do("click", lambda: layer.add(np.array(point, float)))
        self.idle()
        return time.monotonic() - start

    def many(self) -> None:
        """Click 20 objects of another image, and propagate, accept and save them together."""
        paths = [straight((16 + 32 * (i // 5), 20 + 40 * (i % 5)), (0, 1), 8) for i in range(21)]
        self.starts = [path[0] for path in paths]
        self.viewer.add_image(movie((180, 220), paths, radius=8), name="cells")
        images = self.widget.images.image
        images.setCurrentIndex(images.findText("cells"))
        pump(lambda: self.controller.tools.active is Tool.POINT)
        self.viewer.dims.set_current_step(0, 0)
        self.key("Shift+Y")
        for start in self.starts[:20]:
            self.click([0, *start])
        self.key("Shift+G")
        self.idle()
        self.key("Shift+N")
        self.idle()
        assert self.state.accepted_count() == 20, "not all objects were accepted"
        _report("accept 20 drafts", self.actions[-1:], 1)
        self.key("W")
        self.idle()
        _report("20 objects, clicked, propagated together, accepted, saved", self.taken(), 25)
        self.key("Shift+Y")

    def cells(self, count: int) -> None:
        """Find cells on the first frame, and track, accept and save all of them."""
        columns = ceil(sqrt(count * 4 / 3))
        rows, spacing = ceil(count / columns), 32
        places = [divmod(i, columns) for i in range(count)]
        starts = [(14 + spacing * y, 14 + spacing * x) for y, x in places]
        shape = (spacing * rows, spacing * columns)
        images = movie(shape, [straight(start, (0.5, 0.5), 8) for start in starts], radius=8)
        self.viewer.add_image(images, name=f"{count} cells")
        self.open()
        panel = self.widget.candidates
        for name, act in (
            ("section Find objects", lambda: panel.section.expand(animate=False)),
            ("Find", panel.search.click),
            ("Accept all", panel.accept_all.click),
        ):
            self.timed(partial(self.do, name, act))
        for key in ("Shift+G", "Shift+N", "W"):
            self.timed(partial(self.key, key))
        found = self.state.accepted_count()
        _report(f"{count} cells: {found} found, tracked, accepted, saved", self.taken(), 10)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"peak memory {peak:.2f} GiB, image {shape[0]} x {shape[1]} x {len(images)}")
        assert found >= 0.95 * count, "not all cells were found"
        assert list(self.folder.glob("*.tif")), "nothing was saved"

    def timed(self, act: Callable[[], Any]) -> None:
        """Do an action, wait until its jobs have ended, and print the seconds."""
        start = time.monotonic()
        act()
        pump(lambda: self.controller.idle, 3600)
        self.idle()
        self.widget.refresh()
        print(f"{self.actions[-1]}: {time.monotonic() - start:.1f} s", flush=True)

    def correct(self) -> None:
        """Correct a draft, then an accepted object."""
        table, (row, column) = self.widget.objects.table, self.starts[20]
        self.click([0, row, column])
        self.key("G")
        self.idle()
        self.taken()
        self._slide(5)
        self.click([5, row, column + 7])
        self.key("G")
        self.idle()
        _report("a correction of the current object", self.taken(), 3)
        (row, column) = self.starts[0]
        first = table.topLevelItem(0)
        assert first is not None, "the table is empty"
        self.do("row", lambda: table.setCurrentItem(first))
        self._slide(6)
        self.click([6, row, column + 8])
        self.key("G")
        self.idle()
        _report("a correction of an accepted object", self.taken(), 4)

    def _slide(self, frame: int) -> None:
        self.do("slider", lambda: self.viewer.dims.set_current_step(0, frame))

    def taken(self) -> list[str]:
        actions, self.actions = self.actions, []
        return actions


def _fake_predictor() -> Any:
    from tests.helpers.fakes import FakePredictor

    return FakePredictor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fake", action="store_true")
    parser.add_argument("--cells", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(options.fake, Path(folder))
        setattr(Path, "home", lambda: Path(folder))  # noqa: B010
        if options.cells:
            walk.cells(options.cells)
            _stalls(walk.watch)
            walk.widget.release()
            walk.viewer.close()
            return
        walk.add_sample()
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
        walk.controller.hover.set_enabled(True)
        walk.controller.hover._position = walk.viewer.layers[0].data_to_world(walk.points[0])
        walk.controller.hover._rested()
        walk.idle()
        walk.many()
        walk.correct()
        _stalls(walk.watch)
        walk.widget.release()
        walk.viewer.close()


def _report(what: str, actions: list[str], most: int) -> None:
    print(f"{what}: {len(actions)} actions (at most {most}): {', '.join(actions)}")
    assert len(actions) <= most, what


def _stalls(watch: Stopwatch) -> None:
    ranked = sorted(watch.longest.items(), key=lambda item: -item[1])
    print(f"longest stall: {ranked[0][1] * 1000:.1f} ms ({ranked[0][0]})")
    for name, seconds in ranked:
        print(f"  {seconds * 1000:7.1f} ms  {name}")


if __name__ == "__main__":
    main()
