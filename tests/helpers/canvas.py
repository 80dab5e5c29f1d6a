"""Real clicks on the canvas of a napari window."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

NO_KEY = Qt.KeyboardModifier.NoModifier


def canvas_widget(viewer: Any) -> Any:
    """Return the Qt widget of the canvas."""
    return viewer.window._qt_viewer.canvas.native


def click_canvas(viewer: Any, row: float, column: float, key: Any = NO_KEY) -> None:
    """Press and release the left button where the canvas shows a position of the world."""
    place, native = _on_canvas(viewer, (row, column)), canvas_widget(viewer)
    QTest.mouseMove(native, place)
    QTest.mouseClick(native, Qt.MouseButton.LeftButton, key, place)


def _on_canvas(viewer: Any, world: tuple[float, float]) -> QPoint:
    canvas = viewer.window._qt_viewer.canvas
    shown = list(viewer.dims.displayed[-2:])
    corners = ((100, 100), (200, 100), (100, 200))
    start, right, down = (
        np.array(canvas._map_canvas2world(corner, canvas.view))[shown] for corner in corners
    )
    steps = np.stack([right - start, down - start], axis=1) / 100
    x, y = np.linalg.solve(steps, np.array(world) - start) + 100
    return QPoint(round(x), round(y))
