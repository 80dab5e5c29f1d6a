"""Map of an object over time and depth, which jumps to a plane."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_sam2._qt.timeline.chart import CURSOR, Chart
from napari_sam2._qt.timeline.painter import MARGIN, TimelineColors
from napari_sam2._qt.volume_series.map_model import MapScale, Plane, VolumeMapModel

_HEIGHT, _LABEL = 110, 12
_LOST = QColor(226, 60, 60)
_MARK = 3.0
"""Largest radius of the mark of a prompt, in pixels."""
_GRID = 5
"""Smallest width and height of a plane with lines around it, in pixels."""


class VolumeMap(Chart):
    """Shows a :class:`VolumeMapModel`: columns are time points, rows are depths.

    The color of a plane is the confidence of its mask, red where the object is lost, and hatched
    where nothing was computed. A dot marks prompts, a frame a locked mask. A click, a drag or an
    arrow key chooses a plane.

    Parameters
    ----------
    parent : QWidget or None
        Owner.
    """

    plane_chosen = Signal(int, int)
    """The user wants to see a plane (t, z)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("sam2_volume_map", _HEIGHT, parent)
        self._model = VolumeMapModel(1, 1)

    @property
    def model(self) -> VolumeMapModel:
        """What is shown."""
        return self._model

    def show_model(self, model: VolumeMapModel) -> None:
        """Show other values."""
        self._model = model
        of = f" of object {model.object_id}" if model.object_id else ""
        self.show_values(f"Map over time and depth{of}")

    def show_plane(self, plane: Plane) -> None:
        """Move the cursor to a plane."""
        if plane != self._model.shown:
            self._model = replace(self._model, shown=plane)
            self.show_cursor()

    def shown_text(self) -> str:
        """Return the state of the shown plane in words."""
        return self._model.text(self._model.shown)

    def text_at(self, x: float, y: float) -> str:
        """Return the state of the plane at a position in words."""
        return self._model.text(self.plane_at(x, y))

    @property
    def _plot(self) -> QRectF:
        """The part of the widget with the planes, beside the names of the axes."""
        width, height = self.width() - _LABEL - 2 * MARGIN, self.height() - _LABEL - 2 * MARGIN
        return QRectF(_LABEL + MARGIN, MARGIN, max(width, 1), max(height, 1))

    @property
    def _scale(self) -> MapScale:
        plot, ratio = self._plot, self.devicePixelRatioF()
        return MapScale.of(self._model, round(plot.width() * ratio), round(plot.height() * ratio))

    def plane_at(self, x: float, y: float) -> Plane:
        """Return the plane (t, z) at a position of the widget."""
        plot, ratio = self._plot, self.devicePixelRatioF()
        column, row = int((x - plot.left()) * ratio), int((y - plot.top()) * ratio)
        return self._scale.plane(self._model, column, row)

    def rect_of(self, plane: Plane) -> QRectF:
        """Return the rectangle of a plane (t, z) in the widget."""
        plot, ratio, scale = self._plot, self.devicePixelRatioF(), self._scale
        columns, rows = scale.times.columns(plane[0]), scale.depths.columns(plane[1])
        left, top = plot.left() + columns.start / ratio, plot.top() + rows.start / ratio
        return QRectF(left, top, len(columns) / ratio, len(rows) / ratio)

    def draw_cursor(self, painter: QPainter) -> None:
        """Mark the plane that the viewer shows."""
        painter.setPen(QPen(CURSOR, 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(self.rect_of(self._model.shown).adjusted(-1, -1, 1, 1))

    def draw(self, painter: QPainter, colors: TimelineColors) -> None:
        """Draw the planes, the marks and the axes."""
        plot = self._plot
        painter.fillRect(plot, QBrush(colors.mixed(0.35), Qt.BrushStyle.BDiagPattern))
        pixels = self._pixels(colors)
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
        painter.drawImage(plot, image)
        self._draw_grid(painter, colors)
        self._draw_marks(painter, colors)
        self._draw_axes(painter, colors)

    def _pixels(self, colors: TimelineColors) -> NDArray[np.uint8]:
        """Return (height, width, 4) colors of the planes; transparent where not computed."""
        model, scale = self._model, self._scale
        table = np.array([colors.confidence(v / 100).getRgb() for v in range(101)], np.uint8)
        confidence = scale.lowest(model.confidence)
        pixels = np.zeros((*confidence.shape, 4), np.uint8)
        pixels[scale.any(model.visited)] = colors.mixed(0.06).getRgb()
        known = ~np.isnan(confidence)
        pixels[known] = table[np.round(confidence[known] * 100).astype(int)]
        pixels[scale.any(model.lost)] = _LOST.getRgb()
        return pixels

    def _draw_grid(self, painter: QPainter, colors: TimelineColors) -> None:
        """Draw lines between planes, unless they are too small."""
        model, plot = self._model, self._plot
        if plot.width() < _GRID * model.n_times or plot.height() < _GRID * model.depth:
            return
        painter.setPen(QPen(colors.background, 1))
        for time in range(1, model.n_times):
            x = self.rect_of((time, 0)).left()
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        for z in range(1, model.depth):
            y = self.rect_of((0, z)).top()
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))

    def _draw_marks(self, painter: QPainter, colors: TimelineColors) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colors.text, 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for z, time in np.argwhere(self._model.locked):
            painter.drawRect(self.rect_of((int(time), int(z))).adjusted(1, 1, -1, -1))
        painter.setPen(QPen(colors.background, 1))
        painter.setBrush(colors.text)
        for z, time in np.argwhere(self._model.prompted):
            rect = self.rect_of((int(time), int(z)))
            radius = max(min(rect.width(), rect.height(), 2 * _MARK) / 2, 1.5)
            painter.drawEllipse(rect.center(), radius, radius)

    def _draw_axes(self, painter: QPainter, colors: TimelineColors) -> None:
        plot = self._plot
        painter.setPen(colors.mixed(0.7))
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        painter.drawText(QPointF(2, plot.top() + 9), "z")
        painter.drawText(QPointF(plot.left(), plot.bottom() + 11), "t")
        right = QRectF(plot.left(), plot.bottom(), plot.width(), _LABEL + 2)
        text = f"{self._model.n_times} time points, {self._model.depth} planes each"
        painter.drawText(right, Qt.AlignmentFlag.AlignRight, text)

    def choose_at(self, x: float, y: float) -> None:
        """Show the plane at a position of the widget."""
        self._choose(self.plane_at(x, y))

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802
        """Choose a plane by the arrow keys: time to the left and right, depth up and down."""
        keys, (time, z) = Qt.Key, self._model.shown
        target = {
            keys.Key_Left: (time - 1, z),
            keys.Key_Right: (time + 1, z),
            keys.Key_Up: (time, z - 1),
            keys.Key_Down: (time, z + 1),
        }.get(event.key())
        if target is None:
            super().keyPressEvent(event)
            return
        last = self._model.n_times - 1, self._model.depth - 1
        self._choose((min(max(target[0], 0), last[0]), min(max(target[1], 0), last[1])))

    def _choose(self, plane: Plane) -> None:
        if plane != self._model.shown:
            self.show_plane(plane)
            self.plane_chosen.emit(*plane)
