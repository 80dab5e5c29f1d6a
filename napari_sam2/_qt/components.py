"""Small parts that the panels of the widget are made of."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible


def button(
    text: str, key: str, tip: str, call: Callable[[], Any], *, checkable: bool = False
) -> QPushButton:
    """Return a button with its key on it, e.g. ``Propagate [G]``."""
    made = QPushButton()
    made.setText(f"{text}  [{key}]" if key else text)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    made.setToolTip(f"{tip} Key: {key}." if key else tip)
    made.setCheckable(checkable)
    made.setSizePolicy(made.sizePolicy().Policy.Expanding, made.sizePolicy().Policy.Fixed)
    made.setMinimumHeight(28)
    made.clicked.connect(lambda *_: call())
    return made


class Choice(QComboBox):
    """A list that the mouse wheel scrolls past: what it chooses may be costly."""

    def __init__(self, name: str = "", tip: str = "") -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        """Leave the wheel to what is around."""
        event.ignore()

    def choose(self, data: Any) -> None:
        """Show the item that holds ``data``, quietly; one that is missing is added."""
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
    """Return labelled widgets below each other."""
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


def heading(text: str) -> QLabel:
    """Return a title for what follows."""
    label = QLabel(f"<b>{text}</b>")
    label.setContentsMargins(0, 4, 0, 0)
    return label


def folded(title: str, content: QWidget) -> QCollapsible:
    """Return content that is folded away at first."""
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
    """Return a line that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    return label


def frame(content: QWidget, colour: str) -> QFrame:
    """Return content with a coloured edge."""
    made = QFrame()
    made.setStyleSheet(f"QFrame#sam2_edge {{ border-left: 3px solid {colour}; }}")
    made.setObjectName("sam2_edge")
    layout = QHBoxLayout(made)
    layout.setContentsMargins(8, 2, 0, 2)
    layout.addWidget(content)
    return made
