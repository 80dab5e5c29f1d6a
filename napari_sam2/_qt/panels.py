"""Small parts that the panels of the widget are made of."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
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
