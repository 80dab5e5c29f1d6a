"""Base of the widgets that show an object over its planes, and jump to one."""

from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_sam2._qt.timeline.painter import TimelineColors

CURSOR = QColor(70, 150, 210)
"""Color of the frame or plane that the viewer shows."""


class Chart(QWidget):
    """Keeps its drawing until the values change; a click or a drag chooses a place.

    Parameters
    ----------
    name : str
        Name of the Qt object.
    height : int
        Preferred height in pixels.
    parent : QWidget or None
        Owner.
    """

    def __init__(self, name: str, height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumSize(100, 60)
        self._height = height
        self._picture: QPixmap | None = None

    def draw(self, painter: QPainter, colors: TimelineColors) -> None:
        """Draw the values."""
        raise NotImplementedError

    def draw_cursor(self, painter: QPainter) -> None:
        """Mark what the viewer shows."""
        raise NotImplementedError

    def text_at(self, x: float, y: float) -> str:
        """Return the state at a position of the widget in words."""
        raise NotImplementedError

    def shown_text(self) -> str:
        """Return the state of what the viewer shows in words."""
        raise NotImplementedError

    def choose_at(self, x: float, y: float) -> None:
        """Show what is at a position of the widget."""
        raise NotImplementedError

    def show_values(self, name: str) -> None:
        """Draw again after the values have changed.

        Parameters
        ----------
        name : str
            What is shown, for screen readers.
        """
        self._picture = None
        self.setAccessibleName(name)
        self.show_cursor()

    def show_cursor(self) -> None:
        """Draw the cursor again after it was moved."""
        self.setAccessibleDescription(self.shown_text())
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size that fits a dock."""
        return QSize(300, self._height)

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        """Draw the values, whose picture is kept until they change, and the cursor."""
        if self._picture is None:
            self._picture = self._drawn()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        self.draw_cursor(painter)
        if self.hasFocus():
            painter.setPen(QPen(CURSOR, 1, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _drawn(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        self.draw(painter, TimelineColors.of(self.palette()))
        painter.end()
        return picture

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Draw again in the new size."""
        self._picture = None

    def changeEvent(self, event: Any) -> None:  # noqa: N802
        """Draw again in the new theme."""
        self._picture = None
        self.update()
        super().changeEvent(event)

    def event(self, event: Any) -> bool:
        """Show the state under the pointer as the tooltip."""
        kind = event.type()
        if kind == QEvent.Type.ToolTip:
            position = event.pos()
            QToolTip.showText(event.globalPos(), self.text_at(position.x(), position.y()), self)
            return True
        if kind.name == "DevicePixelRatioChange":
            self._picture = None
        return bool(super().event(event))

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802
        """Choose what is under the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.choose_at(event.position().x(), event.position().y())

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802
        """Choose what is under the pointer while the button is held."""
        self.mousePressEvent(event)
