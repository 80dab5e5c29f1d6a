"""A user at a viewer with the widget open."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2._qt.widget import SegmentTrackWidget


@dataclass
class Driver:
    """Does in a viewer what a user does, and records the actions."""

    viewer: Any
    widget: SegmentTrackWidget
    qtbot: Any
    folder: Path
    dock: Any = None
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
        dock = viewer.window.add_dock_widget(widget, name="Segment and track")
        driver = cls(viewer, widget, qtbot, folder, dock)
        driver.until(lambda: widget.state.predictor is not None)
        if images:
            driver.until(lambda: widget.state.sync is not None)
            driver.until(lambda: widget.controller.tools.active is not None)
        widget.refresh()
        return driver

    @property
    def controller(self) -> Any:
        return self.widget.controller

    @property
    def sync(self) -> Any:
        return self.widget.state.sync

    @property
    def points(self) -> Any:
        return self.sync.layers.points.layer

    @property
    def notice(self) -> str:
        return str(self.widget.status.notice.text())

    @property
    def error(self) -> str:
        return str(self.widget.status.error.text())

    def until(self, condition: Any, timeout: int = 120000) -> None:
        self.qtbot.waitUntil(condition, timeout=timeout)

    def settle(self) -> None:
        """Wait until no job is left, then show the results without waiting for the timers."""
        self.until(lambda: self.controller.idle)
        self.controller.update()
        self.until(lambda: self.controller.idle)
        self.widget.refresh()

    def select(self, object_id: int) -> None:
        self.sync.prompt_layers.select(object_id)

    def click(self, *where: float) -> None:
        """Go to a plane and add a point there as the tool does; in pixels of the image."""
        world = self.sync.images[0].data_to_world(where)
        for axis in range(len(where) - 2):
            self.viewer.dims.set_point(axis, world[axis])
        self.points.add(np.array(where, float))
        self.actions.append("click")

    def key(self, key: str) -> None:
        """Press a key on the canvas."""
        from app_model.types import KeyBinding

        bound = self.viewer.keymap[KeyBinding.from_str(key.replace("-", "+"))]
        bound(self.viewer)
        self.actions.append(key)

    def choose_axes(self, axes: str) -> None:
        """Choose the propagated axes in the box, e.g. ``"t,z"``."""
        box = self.widget.images.along
        box.setCurrentIndex(box.findData(axes))
        self.until(lambda: self.sync is not None and self.sync.sessions.axis_choice == axes)
        self.until(lambda: self.controller.tools.active is not None)
        self.widget.refresh()

    def labels(self) -> np.ndarray:
        return np.asarray(self.sync.layers.results.data)

    def drafts(self) -> np.ndarray:
        return np.asarray(self.sync.layers.drafts.data)

    def press_title_bar(self, name: str) -> None:
        """Press a button of the dock's title bar: ``"Close"``, ``"Hide"`` or ``"Float"``."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QPushButton

        found = self.dock.findChild(QPushButton, f"QTitleBar{name}Button")
        self.qtbot.mouseClick(found, Qt.MouseButton.LeftButton)

    def close(self) -> None:
        self.widget.release()


def plugin_threads() -> list[str]:
    """Return the names of the plugin's threads that are alive."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("napari-sam2")]
