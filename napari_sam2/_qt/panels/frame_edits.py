"""Buttons that lock the shown mask, and that end or begin the object on the shown frame."""

from collections.abc import Callable

from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_sam2._qt.components import button
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.viewer.keys import Action


class FrameEditPanel(QWidget):
    """Edits the frames of the current object.

    Parameters
    ----------
    controller : SegmentationController
        Edits frames.
    key : Callable
        Returns the key of an action.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        controller: SegmentationController,
        key: Callable[[Action], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        edits = controller.frame_edits
        self.lock = button(
            "Lock",
            key(Action.LOCK),
            "Lock the shown mask: nothing changes it, and propagation starts from it. Press again "
            "to unlock it.",
            edits.lock_frame,
        )
        self.begin = button(
            "Begins",
            key(Action.BEGIN),
            "The object begins on this frame: its masks and prompts before it are deleted.",
            edits.begin_here,
        )
        self.end = button(
            "Ends",
            key(Action.END),
            "The object ends on this frame: its masks and prompts after it are deleted.",
            edits.end_here,
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for made in (self.lock, self.begin, self.end):
            layout.addWidget(made)

    def refresh(self) -> None:
        """Enable the buttons in a session."""
        self.setEnabled(self._controller.state.sync is not None)
