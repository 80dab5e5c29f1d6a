"""The next step, notices, errors and lasting states; the hint for new users."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, column, frame, note, row
from napari_sam2.viewer.keys import Action
from napari_sam2.viewer.preferences import store_hint


@dataclass(frozen=True, slots=True)
class RemedyButton:
    """A button beside an error.

    Parameters
    ----------
    text, tip : str
        Its text and its tooltip.
    call : Callable
        What it does.
    """

    text: str
    tip: str
    call: Callable[[], Any]


class StatusPanel(QWidget):
    """Shows the next step, the last notice, the last error until it is dismissed, and states."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.next = note()
        self.next.setObjectName("sam2_next")
        self.notice = note()
        self.notice.setObjectName("sam2_notice")
        self.notice.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.states = note()
        self.states.setObjectName("sam2_states")
        self.states.setStyleSheet("color: palette(mid);")
        self.error = QLabel()
        self.error.setObjectName("sam2_error")
        self.error.setWordWrap(True)
        self.error.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QToolButton()
        close.setText("✕")
        close.setToolTip("Dismiss")
        close.clicked.connect(self.clear_error)
        self.remedies: list[QPushButton] = []
        self._remedy_row = row()
        self._error_row = frame(column(row(self.error, close), self._remedy_row), "#ff4d5e")
        self._error_row.hide()
        self.notice_buttons: list[QPushButton] = []
        self._button_row = row()
        self._notice_row = frame(column(self.notice, self._button_row), "#ffd24d")
        self._notice_row.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(frame(self.next, "#35d07f"))
        layout.addWidget(self._notice_row)
        layout.addWidget(self._error_row)
        layout.addWidget(self.states)

    def show_next(self, text: str) -> None:
        """Show the next step."""
        self.next.setText(text)

    def show_notice(self, text: str, buttons: Sequence[RemedyButton] = ()) -> None:
        """Show what has just happened, with buttons; an empty text hides the line."""
        self.notice.setText(text)
        for made in self.notice_buttons:
            made.hide()
            made.deleteLater()
        self.notice_buttons = [button(each.text, "", each.tip, each.call) for each in buttons]
        for made in self.notice_buttons:
            self._button_row.layout().addWidget(made)  # type: ignore[union-attr]
        self._button_row.setVisible(bool(buttons))
        self._notice_row.setVisible(bool(text))

    def show_error(self, text: str, remedies: Sequence[RemedyButton] = ()) -> None:
        """Show an error with buttons that may help, until it is dismissed."""
        self.clear_error()
        self.error.setText(text)
        for remedy in remedies:
            made = button(remedy.text, "", remedy.tip, partial(self._apply, remedy))
            self._remedy_row.layout().addWidget(made)  # type: ignore[union-attr]
            self.remedies.append(made)
        self._remedy_row.setVisible(bool(remedies))
        self._error_row.show()

    def _apply(self, remedy: RemedyButton) -> None:
        self.clear_error()
        remedy.call()

    def clear_error(self) -> None:
        """Hide the error and its buttons."""
        self.error.clear()
        for made in self.remedies:
            made.hide()
            made.deleteLater()
        self.remedies.clear()
        self._error_row.hide()

    def show_states(self, states: list[str]) -> None:
        """Show lasting states, e.g. that the CPU is used."""
        self.states.setText(" · ".join(states))
        self.states.setVisible(bool(states))


class GettingStartedHint(QWidget):
    """Shows the first steps until it is dismissed, then never again.

    Parameters
    ----------
    key : Callable
        Returns the key of an action.
    shown : bool
        Whether the hint is shown at first.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self, key: Callable[[Action], str], shown: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.text = note(_hint_text(key))
        self.text.setObjectName("sam2_hint")
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.got_it = button("Got it", "", "Do not show this again.", self.dismiss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(frame(column(self.text, self.got_it), "#39a7ff"))
        self.setVisible(shown)

    def dismiss(self) -> None:
        """Hide the hint, and store that it was dismissed."""
        if not self.isHidden():
            self.hide()
            store_hint(False)


def _hint_text(key: Callable[[Action], str]) -> str:
    propagate, accept = key(Action.PROPAGATE), key(Action.ACCEPT)
    save, sign = key(Action.SAVE), key(Action.SIGN)
    return (
        "<b>New here? Four steps:</b><br>"
        "<b>Click</b> the middle of an object: its mask appears.<br>"
        f"<b>{propagate}</b> propagates it through the stack.<br>"
        f"<b>{accept}</b> accepts it; then click the next one.<br>"
        f"<b>{save}</b> saves the labels to a file.<br>"
        f"If the mask is too large, Alt+click there, or press {sign} and click."
    )
