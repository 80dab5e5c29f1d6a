"""Follow nuclei along t and z in the widget, count the actions, and take a picture of each step.

Run it with a screen, or under ``xvfb-run -s "-screen 0 1280x800x24"``::

    python tests/benchmarks/volumes_walk.py FOLDER [--model micro]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_sam2._qt.segment_track import SegmentTrackPanel
from napari_sam2.inference.sam2_predictor import load_predictor
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from tests.helpers.volume_series import NucleiSeries, dividing_nuclei

SIZE = (1280, 800)


def wait(condition: Callable[[], bool], seconds: float = 600) -> None:
    """Process events until a condition is true, then for half a second more."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.02)
    rest = time.monotonic() + 0.5
    while time.monotonic() < rest:
        QApplication.processEvents()
        time.sleep(0.02)


class Walk:
    """A user of the widget on a series of volumes, and the folder of the pictures."""

    def __init__(self, series: NucleiSeries, folder: Path, model: str) -> None:
        # A session of an earlier walk would continue, if it were saved in the user's data folder.
        os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
        self.series, self.folder = series, folder
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*SIZE)
        labels = ("t", "z", "y", "x")
        self.viewer.add_image(series.image, name="nuclei", axis_labels=labels)
        self.widget = SegmentTrackPanel(self.viewer, lambda: load_predictor(model))
        self.viewer.window.add_dock_widget(self.widget, name="Segment and track", area="right")
        self.controller, self.state = self.widget.controller, self.widget.state
        wait(lambda: self.state.sync is not None)
        self.actions = 0

    @property
    def sync(self) -> Any:
        return self.state.sync

    def idle(self) -> None:
        wait(lambda: self.controller.idle)

    def choose_axes(self) -> None:
        box = self.widget.images.along
        box.setCurrentIndex(box.findData(TIME_AND_DEPTH))
        wait(lambda: self.controller.tools is not None and self.controller.tools.active is not None)
        self.widget.hint.dismiss()
        self.viewer.fit_to_view()
        self.actions += 1

    def show(self, t: int, z: int) -> None:
        self.viewer.dims.set_current_step(0, t)
        self.viewer.dims.set_current_step(1, z)

    def click(self, t: int, z: int, yx: tuple[float, float]) -> None:
        self.show(t, z)
        self.sync.layers.points.layer.add(np.array([t, z, *yx], float))
        self.idle()
        self.actions += 1

    def do(self, act: Callable[[], Any]) -> None:
        act()
        self.idle()
        self.actions += 1

    def shoot(self, name: str) -> None:
        wait(lambda: True)
        path = self.folder / f"{name}.png"
        self.viewer.screenshot(str(path), canvas_only=False, flash=False)
        notice, planned = self.widget.status.notice.text(), self.widget.foot.bar.text()
        print(f"{name}: {self.actions} actions. {notice} | {planned}")

    def close(self) -> None:
        self.widget.release()
        self.viewer.close()


def walk(folder: Path, model: str) -> None:
    """Click two nuclei, propagate, stop and continue, correct, lock, undo, accept and save."""
    series = dividing_nuclei(1, (8, 12, 128, 128))
    user = Walk(series, folder, model)
    user.choose_axes()
    whole = [n for n in series.nuclei if len(n.centers) == len(series.image)]
    first, second = whole[1], whole[3]
    user.click(*first.click)
    user.shoot("1-click")
    user.controller.propagate()
    wait(lambda: user.state.running is not None and user.state.running.run.done >= 40)
    user.shoot("2-propagate")
    user.do(user.controller.runs.stop)
    user.shoot("3-stopped")
    user.do(user.controller.propagate)
    user.show(5, round(first.centers[5][0]))
    user.shoot("4-continued")
    user.controller.new_object()
    user.click(3, round(second.centers[3][0]), tuple(second.centers[3][1:]))
    user.do(user.controller.propagate)
    user.shoot("5-second-object")
    z, y, x = second.centers[6]
    user.click(6, round(z), (float(y), float(x)))
    user.do(user.controller.frame_edits.lock_frame)
    user.shoot("6-corrected-and-locked")
    user.do(user.controller.propagate)
    user.shoot("7-propagated-again")
    user.do(user.controller.undo)
    user.shoot("8-undone")
    user.do(user.controller.redo)
    user.do(user.controller.accept_save.accept_all)
    user.show(5, round(first.centers[5][0]))
    user.shoot("9-accepted")
    user.do(lambda: user.controller.accept_save.save(folder / "labels.tif"))
    for number, nucleus in enumerate((first, second), 1):
        mask = np.asarray(user.sync.layers.results.data) == number
        truth = series.labels == nucleus.id
        print(f"object {number}: IoU {np.sum(mask & truth) / np.sum(mask | truth):.2f}")
    user.close()


def main() -> None:
    """Walk with the model that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="micro")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    walk(options.folder, options.model)


if __name__ == "__main__":
    main()
