"""Direction and frames of propagation."""

from collections.abc import Callable
from typing import Any

from magicgui.widgets import ComboBox, Container, SpinBox
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.tracking.plan import PropagationDirection

_DIRECTIONS = {
    "both ways": PropagationDirection.BOTH,
    "forward": PropagationDirection.FORWARD,
    "backward": PropagationDirection.BACKWARD,
}


class PropagationOptions(QWidget):
    """Sets direction and frames of the controller's propagation.

    Parameters
    ----------
    controller : SegmentationController
        Propagates.
    parent : QWidget or None
        Owner.
    """

    def __init__(self, controller: SegmentationController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self.direction = ComboBox(label="Direction", choices=list(_DIRECTIONS), value="both ways")
        self.first = SpinBox(label="From frame", min=0, max=0)
        self.last = SpinBox(label="To frame", min=0, max=0)
        self.options = Container(widgets=[self.direction, self.first, self.last])
        self.options.margins = (0, 0, 0, 0)
        self.options.changed.connect(self._changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.options.native)
        edits = controller.frame_edits
        layout.addWidget(
            row(
                self._button("Lock", "Lock the masks of the object on", edits.lock_range),
                self._button("Unlock", "Unlock the masks of the object on", edits.unlock_range),
                self._button("Clear", "Delete masks and prompts on", edits.clear_range),
            )
        )
        controller.state.session_changed.connect(self.show_session)

    def _button(self, text: str, tip: str, edit: Callable[[int, int], None]) -> QPushButton:
        def call() -> None:
            edit(self.first.value, self.last.value)

        return button(text, "", f"{tip} the frames above.", call)

    def show_session(self) -> None:
        """Offer the frames of a new session."""
        last = self._controller.state.n_frames - 1
        with self.options.changed.blocked():
            for box in (self.first, self.last):
                box.max = last
            self.first.value, self.last.value = 0, last
        self._changed()

    def _changed(self, *_: Any) -> None:
        self._controller.direction = _DIRECTIONS[self.direction.value]
        first, last = self.first.value, self.last.value
        everything = first == 0 and last == self.last.max
        self._controller.frames = None if everything or last < first else (first, last + 1)
