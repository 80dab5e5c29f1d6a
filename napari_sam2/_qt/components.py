"""Small widgets and layouts shared by the panels."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible, QElidingLabel

from napari_sam2._qt.icons import Icon, draw_icon

_ICON_BUTTON, _ICON = 30, 20
"""Side lengths of a button with an icon, and of the icon, in pixels."""
_ICON_STYLE = (
    "QToolButton { border: 1px solid transparent; border-radius: 3px; padding: 2px; }"
    "QToolButton:hover { border-color: #35a0c0; }"
    "QToolButton:checked { background: #2f8fb0; border-color: #35d0ff; }"
)


def button(
    text: str, key: str, tip: str, call: Callable[[], Any], *, checkable: bool = False
) -> QPushButton:
    """Return a button that shows its key, e.g. ``Propagate [G]``.

    Parameters
    ----------
    text, key, tip : str
        The text, the key or an empty string, and the tooltip.
    call : Callable
        Called without arguments when the button is clicked.
    checkable : bool
        Whether the button stays pressed.
    """
    made = QPushButton()
    made.setText(f"{text}  [{key}]" if key else text)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    made.setToolTip(f"{tip} Key: {key}." if key else tip)
    made.setCheckable(checkable)
    made.setSizePolicy(made.sizePolicy().Policy.Expanding, made.sizePolicy().Policy.Fixed)
    made.setMinimumHeight(28)
    made.clicked.connect(lambda *_: call())
    return made


class IconButton(QToolButton):
    """A button with an icon; the tooltip tells what it does, with its key.

    Parameters
    ----------
    icon : Icon
        The icon.
    key, tip : str
        The key or an empty string, and the tooltip.
    call : Callable
        Called without arguments when the button is clicked.
    checkable : bool
        Whether the button stays pressed.
    """

    def __init__(
        self, icon: Icon, key: str, tip: str, call: Callable[[], Any], *, checkable: bool = False
    ) -> None:
        super().__init__()
        self._icon, self._color = icon, ""
        self._tip = f"{tip} Key: {key}." if key else tip
        self.setToolTip(self._tip)
        self.setAccessibleName(tip)
        self.setObjectName(f"sam2_{icon.name.lower()}")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCheckable(checkable)
        self.setFixedSize(_ICON_BUTTON, _ICON_BUTTON)
        self.setIconSize(QSize(_ICON, _ICON))
        self.setStyleSheet(_ICON_STYLE)
        self.clicked.connect(lambda *_: call())

    def set_obstacle(self, text: str) -> None:
        """Show in the tooltip why the button cannot be used; empty if it can."""
        self.setToolTip(text or self._tip)

    def set_icon(self, icon: Icon) -> None:
        """Show another icon."""
        if icon is not self._icon:
            self._icon = icon
            self._draw()

    def set_color(self, color: str) -> None:
        """Draw the icon in a color."""
        if color != self._color:
            self._color = color
            self._draw()

    def _draw(self) -> None:
        if self._color:
            self.setIcon(draw_icon(self._icon, self._color))


class Choice(QComboBox):
    """A combo box that ignores the mouse wheel, as a choice may be expensive.

    Parameters
    ----------
    name, tip : str
        Object name and tooltip.
    """

    def __init__(self, name: str = "", tip: str = "") -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        """Pass the event to the scroll area around."""
        event.ignore()

    def choose(self, data: Any) -> None:
        """Select the item with ``data`` without a signal; add the item if it is missing."""
        before = self.blockSignals(True)
        if self.findData(data) < 0:
            self.addItem(str(data).rpartition("/")[2], data)
        self.setCurrentIndex(self.findData(data))
        self.blockSignals(before)


def row(*widgets: QWidget) -> QWidget:
    """Return widgets side by side."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return holder


def form(*rows: tuple[str, QWidget]) -> QWidget:
    """Return labeled widgets below each other."""
    holder = QWidget()
    layout = QFormLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for label, widget in rows:
        layout.addRow(label, widget)
    return holder


def column(*widgets: QWidget) -> QWidget:
    """Return widgets below each other."""
    holder = QWidget()
    layout = QVBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return holder


def polish(part: QWidget) -> None:
    """Give all widgets of a part their style now, not all at once when they are first shown."""
    part.ensurePolished()
    for widget in part.findChildren(QWidget):
        widget.ensurePolished()


def heading(text: str) -> QLabel:
    """Return a section title."""
    label = QLabel(f"<b>{text}</b>")
    label.setContentsMargins(0, 4, 0, 0)
    return label


def folded(title: str, content: QWidget) -> QCollapsible:
    """Return a collapsible section, closed at first."""
    made = QCollapsible(title)
    made.setDuration(0)
    made.setCollapsedIcon("▸")
    made.setExpandedIcon("▾")
    for widget, margins in ((made, (0, 0, 0, 0)), (content, (6, 2, 0, 6))):
        layout = widget.layout()
        if layout is not None:
            layout.setContentsMargins(*margins)
    made.addWidget(content)
    made.collapse(animate=False)
    return made


def note(text: str = "") -> QLabel:
    """Return a text that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    return label


def elided(lines: int) -> QElidingLabel:
    """Return a text of fixed height that is cut after some lines; the tooltip shows all of it."""
    label = QElidingLabel()
    label.setWordWrap(lines > 1)
    label.setElideMode(Qt.TextElideMode.ElideRight)
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    label.setFixedHeight(lines * label.fontMetrics().lineSpacing() + 4)
    label.setSizePolicy(label.sizePolicy().Policy.Ignored, label.sizePolicy().Policy.Fixed)
    return label


def frame(content: QWidget, color: str) -> QFrame:
    """Return a widget with a colored left edge."""
    made = QFrame()
    made.setStyleSheet(f"QFrame#sam2_edge {{ border-left: 3px solid {color}; }}")
    made.setObjectName("sam2_edge")
    layout = QHBoxLayout(made)
    layout.setContentsMargins(8, 2, 0, 2)
    layout.addWidget(content)
    return made
