"""Sharpen the mask that is shown, or all masks of an object."""

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_sam2._qt.components import button
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.viewer.keys import Action


class RefinementPanel(QWidget):
    """The part of the widget that looks again, closer.

    Parameters
    ----------
    engine : SegmentationController
        Does it.
    key : Callable
        Gives the key of an action.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        engine: SegmentationController,
        key: Callable[[Action], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self.here = button(
            "Sharpen",
            key(Action.SHARPEN),
            "Look again, closer, at this object on this frame, for a sharper boundary.",
            engine.sharpening.here,
        )
        self.along = button(
            "Sharpen track",
            "",
            "Look again, closer, at this object on all frames. What you drew or accepted stays.",
            engine.sharpening.along,
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.here)
        layout.addWidget(self.along)
        engine.viewer.dims.events.point.connect(self.show_masks)
        self.show_masks()

    def show_masks(self, event: Any = None) -> None:
        """Offer what there are masks for."""
        self.here.setEnabled(self._engine.sharpening.may_here())
        self.along.setEnabled(self._engine.sharpening.may_along())

    def release(self) -> None:
        """Stop listening to the viewer."""
        self._engine.viewer.dims.events.point.disconnect(self.show_masks)
