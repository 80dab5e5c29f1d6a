"""A few words for those who open the widget for the first time."""

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam2._qt.keys import Action
from napari_sam2._qt.panels import button, column, frame, note
from napari_sam2.settings import keep_hint


class HintBox(QWidget):
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
