"""The line that says what to do next, faults, and states that stay."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_sam2._qt.panels import button, column, frame, note, row

Offer = tuple[str, str, Callable[[], Any]]
"""Text of a button, its tooltip, and what it does."""


class StatusBox(QWidget):
    """Three lines: next step, the last fault until it is dismissed, and standing states."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.next = note()
        self.next.setObjectName("sam2_next")
        self.said = note()
        self.said.setObjectName("sam2_said")
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.states = note()
        self.states.setObjectName("sam2_states")
        self.states.setStyleSheet("color: palette(mid);")
        self.fault = QLabel()
        self.fault.setObjectName("sam2_fault")
        self.fault.setWordWrap(True)
        self.fault.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QToolButton()
        close.setText("✕")
        close.setToolTip("Dismiss")
        close.clicked.connect(self.clear_fault)
        self.offers: list[QPushButton] = []
        self._offers = row()
        self._fault_row = frame(column(row(self.fault, close), self._offers), "#ff4d5e")
        self._fault_row.hide()
        self._said_row = frame(self.said, "#ffd24d")
        self._said_row.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(frame(self.next, "#35d07f"))
        layout.addWidget(self._said_row)
        layout.addWidget(self._fault_row)
        layout.addWidget(self.states)

    def show_next(self, text: str) -> None:
        """Say what to do next."""
        self.next.setText(text)

    def say(self, text: str) -> None:
        """Say what has just happened; nothing hides the line."""
        self.said.setText(text)
        self._said_row.setVisible(bool(text))

    def show_fault(self, text: str, offers: Sequence[Offer] = ()) -> None:
        """Say what went wrong, and offer what may help, until it is dismissed."""
        self.clear_fault()
        self.fault.setText(text)
        for label, tip, call in offers:
            made = button(label, "", tip, partial(self._take, call))
            self._offers.layout().addWidget(made)  # type: ignore[union-attr]
            self.offers.append(made)
        self._offers.setVisible(bool(offers))
        self._fault_row.show()

    def _take(self, call: Callable[[], Any]) -> None:
        self.clear_fault()
        call()

    def clear_fault(self) -> None:
        """Hide the fault."""
        self.fault.clear()
        for offer in self.offers:
            offer.hide()
            offer.deleteLater()
        self.offers.clear()
        self._fault_row.hide()

    def show_states(self, states: list[str]) -> None:
        """Show what stays true for a while, e.g. that the CPU is used."""
        self.states.setText(" · ".join(states))
        self.states.setVisible(bool(states))
