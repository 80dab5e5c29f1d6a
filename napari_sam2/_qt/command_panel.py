"""A part of the widget with buttons for commands of the controller."""

from collections.abc import Callable

from qtpy.QtWidgets import QBoxLayout, QVBoxLayout, QWidget

from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.viewer.keys import Action


class CommandPanel(QWidget):
    """Has the controller, and the keys that its buttons show; a subclass makes the parts.

    Parameters
    ----------
    controller : SegmentationController
        Runs the commands.
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
        self._state = controller.state
        self._key = key
        self.make()

    def make(self) -> None:
        """Make the parts of the panel."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Show the present state of the session."""
        raise NotImplementedError

    def arrange(self, *parts: QWidget, layout: QBoxLayout | None = None, spacing: int = 4) -> None:
        """Put parts below each other, or into a layout, without margins."""
        chosen = QVBoxLayout() if layout is None else layout
        chosen.setContentsMargins(0, 0, 0, 0)
        chosen.setSpacing(spacing)
        for part in parts:
            chosen.addWidget(part)
        self.setLayout(chosen)
