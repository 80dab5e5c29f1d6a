"""Widget that shows the confidence of objects over the frames, and jumps to a frame."""

from dataclasses import replace
from typing import Any

from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_sam2._qt.timeline.chart import CURSOR, Chart
from napari_sam2._qt.timeline.model import ColumnScale, TimelineModel, frame_at
from napari_sam2._qt.timeline.painter import MARGIN, TimelineColors, TimelinePainter

_HEIGHT = 76
_PAGES = 10
"""Number of steps with which Page Up and Page Down cross all frames."""


class Timeline(Chart):
    """Shows a :class:`TimelineModel`; a click, a drag or an arrow key chooses a frame.

    Parameters
    ----------
    parent : QWidget or None
        Owner.
    """

    frame_chosen = Signal(int)
    """The user wants to see a frame."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("sam2_timeline", _HEIGHT, parent)
        self._model = TimelineModel(1)
        self.show_model(self._model)

    @property
    def model(self) -> TimelineModel:
        """What is shown."""
        return self._model

    def show_model(self, model: TimelineModel) -> None:
        """Show other values."""
        self._model = model
        of = "" if model.track is None else f" of object {model.track.object_id}"
        self.show_values(f"Timeline{of}")

    def show_frame(self, frame: int) -> None:
        """Move the cursor to a frame."""
        if frame != self._model.shown:
            self._model = replace(self._model, shown=frame)
            self.show_cursor()

    def shown_text(self) -> str:
        """Return the state of the current object on the shown frame in words."""
        return self.text_of(self._model.shown)

    def text_at(self, x: float, y: float) -> str:
        """Return the state of the current object on the frame at a position in words."""
        return self.text_of(self.frame_at(x))

    def text_of(self, frame: int) -> str:
        """Return the state of the current object on a frame in words."""
        track = self._model.track
        return f"Frame {frame}" if track is None else track.state(frame).text

    @property
    def _ratio(self) -> float:
        return self.devicePixelRatioF()

    @property
    def _scale(self) -> ColumnScale:
        width = round((self.width() - 2 * MARGIN) * self._ratio)
        return ColumnScale(self._model.n_frames, max(width, 1))

    def frame_at(self, x: float) -> int:
        """Return the frame at a horizontal position of the widget, see :func:`frame_at`."""
        return frame_at(self._model, self._scale, int((x - MARGIN) * self._ratio))

    def draw(self, painter: QPainter, colors: TimelineColors) -> None:
        """Draw the confidence over the frames, and the marks."""
        TimelinePainter(painter, self._scale, self._ratio, self.height(), colors).draw(self._model)

    def draw_cursor(self, painter: QPainter) -> None:
        """Mark the frame that the viewer shows."""
        columns = self._scale.columns(min(self._model.shown, self._model.n_frames - 1))
        width = max(len(columns) / self._ratio, 2.0)
        middle = MARGIN + (columns.start + columns.stop) / 2 / self._ratio
        rect = QRectF(middle - width / 2, 1, width, self.height() - 2)
        fill = QColor(CURSOR)
        fill.setAlpha(60)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(CURSOR, 1.5))
        painter.setBrush(fill)
        painter.drawRect(rect)

    def choose_at(self, x: float, y: float) -> None:
        """Show the frame at a position of the widget."""
        self._choose(self.frame_at(x))

    def keyPressEvent(self, event: Any) -> None:  # noqa: N802
        """Choose a frame by the arrow keys, Page Up, Page Down, Home and End."""
        last, keys = self._model.n_frames - 1, Qt.Key
        page = max(1, self._model.n_frames // _PAGES)
        shown = self._model.shown
        target = {
            keys.Key_Left: shown - 1,
            keys.Key_Right: shown + 1,
            keys.Key_PageUp: shown - page,
            keys.Key_PageDown: shown + page,
            keys.Key_Home: 0,
            keys.Key_End: last,
        }.get(event.key())
        if target is None:
            super().keyPressEvent(event)
        else:
            self._choose(min(max(target, 0), last))

    def _choose(self, frame: int) -> None:
        if frame != self._model.shown:
            self.show_frame(frame)
            self.frame_chosen.emit(frame)
