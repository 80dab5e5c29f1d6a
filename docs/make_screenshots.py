"""Take the screenshots of the documentation from the widget with a real model.

Run it with a screen, or under ``xvfb-run -s "-screen 0 1500x950x24"``::

    python docs/make_screenshots.py docs/images
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_sam2._qt.segment_track import SegmentTrackPanel
from napari_sam2._qt.widget import SegmentTrackWidget
from napari_sam2._qt.worklist.widget import show_worklist
from napari_sam2.candidates.candidate import CandidateSource
from napari_sam2.inference.text_detector import Detection
from napari_sam2.session.candidates import session_search

SIZE = (1400, 860)


def wait(condition: Callable[[], bool], seconds: float = 240) -> None:
    """Process events until a condition is true, then for 0.6 s more."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.02)
    rest = time.monotonic() + 0.6
    while time.monotonic() < rest:
        QApplication.processEvents()
        time.sleep(0.02)


class Session:
    """A viewer with a sample and the widget, and the folder of its screenshots."""

    def __init__(self, sample: str, folder: Path, model: str) -> None:
        self.folder = folder
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*SIZE)
        self.viewer.open_sample("napari-sam2", sample)
        make = _maker(model) if model else None
        self.widget = SegmentTrackPanel(self.viewer, make)
        self.viewer.window.add_dock_widget(self.widget, name="Segment and track", area="right")
        wait(lambda: self.widget.state.sync is not None)
        self.sync: Any = self.widget.state.sync
        self.suggested = np.array(self.viewer.layers["Click here first"].data)
        self.viewer.layers["Click here first"].visible = False
        self.viewer.dims.set_current_step(0, int(self.suggested[0][0]))
        self.viewer.fit_to_view()

    def idle(self) -> None:
        wait(lambda: self.widget.controller.idle)

    def shoot(self, name: str) -> None:
        wait(lambda: True)
        self.viewer.screenshot(str(self.folder / name), canvas_only=False, flash=False)

    def close(self) -> None:
        self.widget.release()
        self.viewer.close()


def _maker(model: str) -> Callable[[], Any]:
    from napari_sam2.inference.sam2_predictor import load_predictor

    return lambda: load_predictor(model)


def pictures(folder: Path, model: str) -> None:
    """Take one screenshot of each step of the quick start."""
    session = Session("moving_cells", folder, model)
    controller, state = session.widget.controller, session.widget.state
    session.shoot("1-open.png")
    session.widget.hint.dismiss()
    session.sync.layers.points.layer.add(session.suggested[0])
    session.idle()
    session.shoot("2-click.png")
    controller.propagate()
    wait(lambda: state.running is not None and state.running.run.done >= 8)
    session.shoot("3-propagate.png")
    session.idle()
    animation(session, folder / "propagation.gif")
    session.viewer.dims.set_current_step(0, 12)
    controller.accept_save.accept()
    session.idle()
    session.shoot("4-accept.png")
    controller.accept_save.save(folder / "labels.tif")
    session.idle()
    session.shoot("5-save.png")
    (folder / "labels.tif").unlink(missing_ok=True)
    session.close()
    volume = Session("organ_volume", folder, model)
    volume.widget.hint.dismiss()
    volume.sync.layers.points.layer.add(volume.suggested[0])
    volume.idle()
    volume.widget.advanced.show_model_input()
    volume.idle()
    volume.shoot("6-volume.png")
    volume.close()


def candidates(folder: Path, model: str) -> None:
    """Take a screenshot of candidates for all cells of a frame."""
    session = Session("moving_cells", folder, model)
    session.widget.hint.dismiss()
    session.viewer.dims.set_current_step(0, 0)
    panel = session.widget.candidates
    panel.section.expand(animate=False)
    panel.search.click()
    session.idle()
    session.shoot("7-candidates.png")
    session.close()


def similar(folder: Path, model: str) -> None:
    """Take a screenshot of candidates like a clicked cell, after a speck was rejected."""
    session = Session("moving_cells", folder, model)
    session.widget.hint.dismiss()
    session.sync.layers.points.layer.add(session.suggested[0])
    session.idle()
    panel = session.widget.candidates
    panel.section.expand(animate=False)
    panel.source.setCurrentIndex(panel.source.findData(CandidateSource.EXAMPLE))
    panel.search.click()
    session.idle()
    review = panel.jobs.review
    if review is not None:
        smallest = min(review.open, key=lambda number: review.found[number].crop.area)
        review.click(smallest, reject=True)
    session.idle()
    session.shoot("9-similar.png")
    session.close()


def lineage(folder: Path, model: str) -> None:
    """Take a screenshot of divisions in the tracks of all cells, and of their tracks."""
    session = Session("moving_cells", folder, model)
    session.widget.hint.dismiss()
    truth = np.asarray(session.viewer.layers["Truth: Cells that move and divide"].data)
    for frame, plane in enumerate(truth):
        session.sync.session.import_labels(frame, plane)
    panel = session.widget.lineage
    panel.section.expand(animate=False)
    panel.find_divisions.click()
    panel.show_tracks.click()
    session.idle()
    session.viewer.dims.set_current_step(0, 12)
    session.widget.middle.ensureWidgetVisible(panel)
    session.shoot("8-lineage.png")
    session.close()


class StandInDetector:
    """Finds the cells of a generated sample, as a text model would find what a phrase names.

    Parameters
    ----------
    truth : ndarray
        Labels of the shown frame (Y, X).
    """

    def __init__(self, truth: Any) -> None:
        self._boxes = [box for box in ndimage.find_objects(truth) if box is not None]

    def detect(self, image: Any, phrase: str, min_score: float) -> tuple[Detection, ...]:
        return tuple(
            Detection((rows.start, columns.start, rows.stop, columns.stop), 0.6)
            for rows, columns in self._boxes
        )


def text(folder: Path, model: str) -> None:
    """Take a screenshot of candidates for a phrase, with boxes of a stand-in for a text model."""
    session = Session("moving_cells", folder, model)
    session.widget.hint.dismiss()
    session.viewer.dims.set_current_step(0, 0)
    truth = np.asarray(session.viewer.layers["Truth: Cells that move and divide"].data)[0]
    panel = session.widget.candidates
    panel.section.expand(animate=False)
    panel.source.setCurrentIndex(panel.source.findData(CandidateSource.TEXT))
    panel.phrase.setText("round cell")
    with patch.object(session_search, "load_text_detector", lambda *_: StandInDetector(truth)):
        panel.search.click()
        session.idle()
    session.widget.middle.ensureWidgetVisible(panel)
    session.shoot("9-text.png")
    session.close()


def worklist(folder: Path, model: str) -> None:
    """Take a screenshot of a worklist of six movies."""
    import tempfile

    import tifffile

    from napari_sam2.viewer.contributions.sample_data import moving_cells

    stacks = Path(tempfile.mkdtemp()) / "embryos"
    stacks.mkdir()
    movie = moving_cells()[0][0]
    for number in range(6):
        part = movie[3 * number : 3 * number + 8]
        path = stacks / f"embryo-{number + 1:02d}.tif"
        tifffile.imwrite(path, part, metadata={"axes": "TYX"})
    (stacks / "embryo-05.tif").write_bytes(b"II*\0damaged")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    make = _maker(model) if model else None
    widget = SegmentTrackWidget(viewer, make)
    viewer.window.add_dock_widget(widget, name="Segment and track", area="right")
    widget.hint.dismiss()
    items = show_worklist(viewer)
    items.open_list(stacks)
    for name, save in (("01", True), ("02", True), ("05", False), ("03", False)):
        items.controller.open(f"embryo-{name}.tif")
        wait(lambda: not items.controller.busy and widget.controller.idle)
        if name != "05":
            segment_brightest(viewer, widget)
        if save:
            widget.controller.accept_save.save()
            wait(lambda: widget.controller.idle)
    viewer.screenshot(str(folder / "worklist.png"), canvas_only=False, flash=False)
    items.release()
    widget.release()
    viewer.close()


def segment_brightest(viewer: Any, widget: Any) -> None:
    """Click the brightest pixel of the first frame, propagate and accept."""
    wait(lambda: widget.state.sync is not None)
    viewer.dims.set_current_step(0, 0)
    sync = widget.state.sync
    plane = np.asarray(sync.images[0].data[0])
    sync.layers.points.layer.add(np.array([0, *np.unravel_index(plane.argmax(), plane.shape)]))
    wait(lambda: widget.controller.idle)
    widget.controller.propagate()
    wait(lambda: widget.state.running is None and widget.controller.idle)
    widget.controller.accept_save.accept_all()
    wait(lambda: widget.controller.idle)


def animation(session: Session, path: Path) -> None:
    """Write the canvas of each frame as a small animation."""
    from PIL import Image

    shots = []
    for frame in range(session.sync.sessions.stack.n_frames):
        session.viewer.dims.set_current_step(0, frame)
        QApplication.processEvents()
        shots.append(session.viewer.screenshot(canvas_only=True, flash=False)[..., :3])
    # The canvas is black above and below the image.
    rows = np.flatnonzero(np.max(shots, axis=(0, 2, 3)))
    pictures = [Image.fromarray(shot[rows[0] : rows[-1] + 1]) for shot in shots]
    frames = [p.resize((p.width // 2, p.height // 2)).quantize(64) for p in pictures]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=120, loop=0)


if __name__ == "__main__":
    os.environ.setdefault("NAPARI_CONFIG", "")
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    target.mkdir(parents=True, exist_ok=True)
    chosen = sys.argv[2] if len(sys.argv) > 2 else ""
    pictures(target, chosen)
    candidates(target, chosen)
    similar(target, chosen)
    lineage(target, chosen)
    text(target, chosen)
    worklist(target, chosen)
