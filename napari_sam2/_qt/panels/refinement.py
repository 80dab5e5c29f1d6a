"""Buttons that refine the shown mask, or all masks of the current object."""

from collections.abc import Callable
from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_sam2._qt.components import button
from napari_sam2._qt.jobs.refine import RefinementJobs
from napari_sam2.viewer.keys import Action


class RefinementPanel(QWidget):
    """Starts refinement.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer; the buttons follow the frame that it shows.
    refinement : RefinementJobs
        Refines masks.
    key : Callable
        Returns the key of an action.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        viewer: Any,
        refinement: RefinementJobs,
        key: Callable[[Action], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._refinement = refinement
        self.frame = button(
            "Refine",
            key(Action.REFINE),
            "Predict this mask again in a closer view, for a sharper boundary.",
            refinement.refine_frame,
        )
        self.track = button(
            "Refine track",
            "",
            "Refine all masks of this object, along t and z those of all time points. Drawn and "
            "accepted masks are kept.",
            refinement.refine_track,
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.frame)
        layout.addWidget(self.track)
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Enable the buttons whose masks can be refined."""
        self.frame.setEnabled(self._refinement.can_refine_frame())
        self.track.setEnabled(self._refinement.can_refine_track())

    def attach(self) -> None:
        """Follow the viewer's sliders."""
        self._viewer.dims.events.point.connect(self.refresh)

    def detach(self) -> None:
        """Disconnect from the viewer."""
        self._viewer.dims.events.point.disconnect(self.refresh)
