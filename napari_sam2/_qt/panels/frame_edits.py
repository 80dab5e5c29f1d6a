"""Buttons that lock the shown mask, and that end or begin the object on the shown frame."""

from qtpy.QtWidgets import QHBoxLayout

from napari_sam2._qt.command_panel import CommandPanel
from napari_sam2._qt.components import button
from napari_sam2.viewer.keys import Action


class FrameEditPanel(CommandPanel):
    """Edits the frames of the current object."""

    def make(self) -> None:
        """Make the parts of the panel."""
        edits, key = self._controller.frame_edits, self._key
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
        self.arrange(self.lock, self.begin, self.end, layout=QHBoxLayout())

    def refresh(self) -> None:
        """Enable the buttons in a session."""
        self.setEnabled(self._controller.state.sync is not None)
