"""The line that says what to do next, faults, and states that stay."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, column, frame, note, row
from napari_sam2.viewer.keys import Action
from napari_sam2.viewer.preferences import keep_hint

Offer = tuple[str, str, Callable[[], Any]]
"""Text of a button, its tooltip, and what it does."""


class StatusPanel(QWidget):
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


class GettingStartedHint(QWidget):
    """Says how it goes, until it is dismissed; then never again.

    Parameters
    ----------
    key : Callable
        Gives the key of an action.
    wanted : bool
        Whether the user is new.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self, key: Callable[[Action], str], wanted: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.words = note(_words(key))
        self.words.setObjectName("sam2_hint")
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.got_it = button("Got it", "", "Do not show this again.", self.dismiss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(frame(column(self.words, self.got_it), "#39a7ff"))
        self.setVisible(wanted)

    def dismiss(self) -> None:
        """Hide the hint, and remember that it was read."""
        if not self.isHidden():
            self.hide()
            keep_hint(False)


def _words(key: Callable[[Action], str]) -> str:
    follow, accept = key(Action.PROPAGATE), key(Action.ACCEPT)
    save, sign = key(Action.SAVE), key(Action.SIGN)
    return (
        "<b>New here? Four steps:</b><br>"
        "<b>Click</b> the middle of an object: its mask appears.<br>"
        f"<b>{follow}</b> follows it through the stack.<br>"
        f"<b>{accept}</b> accepts it; then click the next one.<br>"
        f"<b>{save}</b> saves the labels to a file.<br>"
        f"Too much in the mask? Alt+click there, or {sign} and click."
    )
