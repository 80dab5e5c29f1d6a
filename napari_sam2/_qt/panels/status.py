"""The next step, messages and lasting states at a fixed place; the hint for new users."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, column, elided, frame, note, row
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.viewer.keys import Action
from napari_sam2.viewer.preferences import store_hint

_NOTICE, _ERROR, _NONE = "#ffd24d", "#ff4d5e", "transparent"
"""Colors of the edge beside a message."""
_LINES, _LINES_WITH_BUTTONS = 4, 2
"""Lines of a message, alone and with buttons below it."""


@dataclass(frozen=True, slots=True)
class RemedyButton:
    """A button below a message.

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
    """Shows the next step, the latest message, and states, always in the same height.

    An error stays below the notices that follow it until it is dismissed.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.next = elided(2)
        self.next.setObjectName("sam2_next")
        self.notice = MessageLine("sam2_notice", _NOTICE)
        self.error = MessageLine("sam2_error", _ERROR)
        self.states = elided(1)
        self.states.setObjectName("sam2_states")
        self._shown: MessageLine | None = None
        self._dismiss = QToolButton()
        self._dismiss.setText("✕")
        self._dismiss.setToolTip("Dismiss")
        self._dismiss.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._dismiss.clicked.connect(self._dismissed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(frame(self.next, "#35d07f"))
        layout.addWidget(self._message_box())
        layout.addWidget(self.states)
        self._show(None)

    def _message_box(self) -> QWidget:
        self._box = QFrame()
        self._box.setObjectName("sam2_edge")
        self._box.setFixedHeight(elided(_LINES).height() + 8)
        layout = QHBoxLayout(self._box)
        layout.setContentsMargins(8, 2, 0, 2)
        layout.addWidget(self.notice)
        layout.addWidget(self.error)
        layout.addWidget(self._dismiss, 0, Qt.AlignmentFlag.AlignTop)
        return self._box

    @property
    def remedies(self) -> list[QPushButton]:
        """The buttons below the error."""
        return self.error.buttons

    def show_next(self, text: str) -> None:
        """Show the next step."""
        self.next.setText(text)
        self.next.setToolTip(text)

    def show_notice(self, text: str, buttons: Sequence[RemedyButton] = ()) -> None:
        """Show what has just happened; an empty text removes the notice."""
        self.notice.show_message(text, buttons, self.clear_notice)
        self._show(self.notice if text else self.error)

    def show_error(self, text: str, remedies: Sequence[RemedyButton] = ()) -> None:
        """Show an error with buttons that may help, until it is dismissed."""
        self.error.show_message(text, remedies, self.clear_error)
        self._show(self.error)

    def clear_notice(self) -> None:
        """Remove the notice."""
        self.show_notice("")

    def clear_error(self) -> None:
        """Remove the error and its buttons."""
        self.error.show_message("", (), self.clear_error)
        self._show(self.notice)

    def show_states(self, states: list[str]) -> None:
        """Show lasting states, e.g. that the CPU is used."""
        text = " · ".join(states)
        self.states.setText(text)
        self.states.setToolTip(text)

    def _dismissed(self) -> None:
        if self._shown is self.error:
            self.clear_error()
        else:
            self.clear_notice()

    def _show(self, line: "MessageLine | None") -> None:
        shown = line if line is not None and line.text() else None
        for each in (self.notice, self.error):
            each.setVisible(each is shown)
        self._shown = shown
        self._dismiss.setVisible(shown is not None)
        color = _NONE if shown is None else shown.color
        self._box.setStyleSheet(f"QFrame#sam2_edge {{ border-left: 3px solid {color}; }}")


class MessageLine(QWidget):
    """A message of several lines, with buttons below it.

    Parameters
    ----------
    name : str
        Object name of the text.
    color : str
        Color of the edge beside it.
    """

    def __init__(self, name: str, color: str) -> None:
        super().__init__()
        self.color = color
        self.buttons: list[QPushButton] = []
        self._text = elided(_LINES)
        self._text.setObjectName(name)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._row = row()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._text)
        layout.addWidget(self._row)

    def text(self) -> str:
        """Return the whole message."""
        return str(self._text.text())

    def show_message(
        self, text: str, buttons: Sequence[RemedyButton], done: Callable[[], Any]
    ) -> None:
        """Show a message.

        Parameters
        ----------
        text : str
            The message.
        buttons : sequence of RemedyButton
            Buttons below it.
        done : Callable
            Called before the function of a button that was clicked.
        """
        for made in self.buttons:
            made.hide()
            made.deleteLater()
        self.buttons = [
            button(each.text, "", each.tip, partial(_apply, done, each.call)) for each in buttons
        ]
        for made in self.buttons:
            self._row.layout().addWidget(made)  # type: ignore[union-attr]
        self._row.setVisible(bool(buttons))
        lines = _LINES_WITH_BUTTONS if buttons else _LINES
        self._text.setFixedHeight(elided(lines).height())
        self._text.setText(text)
        self._text.setToolTip(text)


def _apply(done: Callable[[], Any], call: Callable[[], Any]) -> None:
    done()
    call()


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
        # To show it would make a window of it, as long as it has no parent.
        if not shown:
            self.hide()

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


def lasting_states(state: ControllerState, license_name: str) -> list[str]:
    """Return texts about the model and what is saved.

    Parameters
    ----------
    state : ControllerState
        Has the model, and what is saved.
    license_name : str
        License of the model; "" if it is not known.
    """
    predictor, states = state.predictor, []
    if predictor is not None:
        info = predictor.info
        states.append("CPU in use: a GPU is faster" if info.device == "cpu" else info.device)
        if license_name:
            states.append(f"{info.name}: license {license_name}")
        if not info.trained:
            states.append("untrained model: its masks are meaningless")
    if state.sync is not None and state.unsaved:
        states.append("not saved")
    elif state.saved is not None:
        states.append(f"saved: {state.saved.name}")
    if state.sync is not None and state.sync.sessions.unsaved:
        states.append("session only in memory")
    return states
