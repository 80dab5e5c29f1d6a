"""Widget that shows the confidence of objects over the frames, and jumps to a frame."""

from dataclasses import replace
from typing import Any

from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_sam2._qt.timeline.model import ColumnScale, TimelineModel, frame_at
from napari_sam2._qt.timeline.painter import MARGIN, TimelineColors, TimelinePainter

_HEIGHT = 76
_CURSOR = QColor(70, 150, 210)
_PAGES = 10
"""Number of steps with which Page Up and Page Down cross all frames."""


class Timeline(QWidget):
    """Shows a :class:`TimelineModel`; a click, a drag or an arrow key chooses a frame.

    Parameters
    ----------
    parent : QWidget or None
        Owner.
    """

    frame_chosen = Signal(int)
    """The user wants to see a frame."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sam2_timeline")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumSize(100, 60)
        self._picture: QPixmap | None = None
        self._model = TimelineModel(1)
        self.show_model(self._model)

    @property
    def model(self) -> TimelineModel:
        """What is shown."""
        return self._model

    def show_model(self, model: TimelineModel) -> None:
        """Show other values."""
        self._model = model
        self._picture = None
        of = "" if model.track is None else f" of object {model.track.object_id}"
        self.setAccessibleName(f"Timeline{of}")
        self._describe()

    def show_frame(self, frame: int) -> None:
        """Move the cursor to a frame."""
        if frame != self._model.shown:
            self._model = replace(self._model, shown=frame)
            self._describe()

    def _describe(self) -> None:
        self.setAccessibleDescription(self.text_of(self._model.shown))
        self.update()

    def text_of(self, frame: int) -> str:
        """Return the state of the current object on a frame in words."""
        track = self._model.track
        return f"Frame {frame}" if track is None else track.state(frame).text

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size that fits a dock."""
        return QSize(300, _HEIGHT)

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

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        """Draw the timeline, which is kept until it changes, and the cursor."""
        if self._picture is None:
            self._picture = self._drawn()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        self._draw_cursor(painter)
        if self.hasFocus():
            painter.setPen(QPen(_CURSOR, 1, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _drawn(self) -> QPixmap:
        picture = QPixmap(self.size() * self._ratio)
        picture.setDevicePixelRatio(self._ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter, colors = QPainter(picture), TimelineColors.of(self.palette())
        TimelinePainter(painter, self._scale, self._ratio, self.height(), colors).draw(self._model)
        painter.end()
        return picture

    def _draw_cursor(self, painter: QPainter) -> None:
        columns = self._scale.columns(min(self._model.shown, self._model.n_frames - 1))
        width = max(len(columns) / self._ratio, 2.0)
        middle = MARGIN + (columns.start + columns.stop) / 2 / self._ratio
        rect = QRectF(middle - width / 2, 1, width, self.height() - 2)
        fill = QColor(_CURSOR)
        fill.setAlpha(60)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(_CURSOR, 1.5))
        painter.setBrush(fill)
        painter.drawRect(rect)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Draw again in the new size."""
        self._picture = None

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Draw again in the new theme."""
        self._picture = None
        self.update()
        super().changeEvent(event)

    def event(self, event: Any) -> bool:
        """Show the state of the frame under the pointer as the tooltip."""
        kind = event.type()
        if kind == QEvent.Type.ToolTip:
            text = self.text_of(self.frame_at(event.pos().x()))
            QToolTip.showText(event.globalPos(), text, self)
            return True
        if kind.name == "DevicePixelRatioChange":
            self._picture = None
        return bool(super().event(event))

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802
        """Choose the frame under the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose(self.frame_at(event.position().x()))

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802
        """Choose the frame under the pointer while the button is held."""
        self.mousePressEvent(event)

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
