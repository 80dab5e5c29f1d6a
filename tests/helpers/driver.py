"""Does in a viewer what a user does, and counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2._qt.widget import SegmentTrackWidget


@dataclass
class Driver:
    """A user at a viewer with the widget open."""

    viewer: Any
    widget: SegmentTrackWidget
    qtbot: Any
    folder: Path
    actions: list[str] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        viewer: Any,
        qtbot: Any,
        predictor: Any,
        folder: Path,
        images: Sequence[Any] = (),
        options: dict[str, Any] | None = None,
    ) -> Driver:
        for image in images:
            viewer.add_image(image, **(options or {}))
        widget = SegmentTrackWidget(viewer, lambda: predictor)
        viewer.window.add_dock_widget(widget, name="Segment and track")
        driver = cls(viewer, widget, qtbot, folder)
        driver.until(lambda: widget.engine.predictor is not None)
        if images:
            driver.until(lambda: widget.engine.sync is not None)
        return driver

    @property
    def sync(self) -> Any:
        return self.widget.engine.sync

    def until(self, condition: Any, timeout: int = 120000) -> None:
        self.qtbot.waitUntil(condition, timeout=timeout)

    def settle(self) -> None:
        """Wait until the threads have nothing to do and the panels show it."""
        engine = self.widget.engine
        self.until(lambda: not engine._live.busy and not engine._runner.busy)
        self.qtbot.wait(150)
        self.until(lambda: not engine._live.busy and not engine._runner.busy)

    def click(self, *where: float) -> None:
        """Go to a plane and add a point there as the tool does; in pixels of the image."""
        world = self.sync.images[0].data_to_world(where)
        for axis in range(len(where) - 2):
            self.viewer.dims.set_point(axis, world[axis])
        self.sync.family.points.layer.add(np.array(where, float))
        self.actions.append("click")

    def key(self, key: str) -> None:
        """Press a key on the canvas."""
        from app_model.types import KeyBinding

        bound = self.viewer.keymap[KeyBinding.from_str(key.replace("-", "+"))]
        bound(self.viewer)
        self.actions.append(key)

    def labels(self) -> np.ndarray:
        return np.asarray(self.sync.family.results.data)

    def drafts(self) -> np.ndarray:
        return np.asarray(self.sync.family.drafts.data)

    def close(self) -> None:
        self.widget.release()
