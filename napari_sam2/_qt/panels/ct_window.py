"""A button that applies a CT window, shown for images that are a CT."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sam2._qt.components import button
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.images.contrast_limits.automatic import AutomaticLimits


class CtWindowPanel(QWidget):
    """Offers the window of soft tissue where the values of the image are those of a CT.

    Parameters
    ----------
    controller : SegmentationController
        Finds the window, and shows the model the image with it.
    parent : QWidget or None
        Owner.
    """

    suggested = Signal()
    """The image is a CT, and its contrast limits are not those of a window."""

    def __init__(self, controller: SegmentationController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._limits: AutomaticLimits | None = None
        self.apply = button(
            "Use the CT window",
            "",
            "This image is a CT. Its whole range leaves few gray levels for soft tissue, so set "
            "the contrast limits of the layer to the window of soft tissue.",
            self.use,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.apply)
        self.setVisible(False)
        controller.state.session_changed.connect(self._session_changed)

    def _session_changed(self) -> None:
        self._show(None)
        self._controller.model_input.suggest_window(self._show)

    def _show(self, suggested: AutomaticLimits | None) -> None:
        self._limits = suggested
        self.setVisible(suggested is not None)
        if suggested is not None:
            self.suggested.emit()

    def use(self) -> None:
        """Set the contrast limits of the layer to the window."""
        sync = self._controller.state.sync
        if sync is None or self._limits is None:
            return
        for image, limits in zip(sync.images, self._limits.limits, strict=True):
            image.contrast_limits_range = _covering(image.contrast_limits_range, limits)
            image.contrast_limits = limits
        self._controller.model_input.update()
        self._show(None)


def _covering(extent: tuple[float, float], limits: tuple[float, float]) -> tuple[float, float]:
    return min(extent[0], limits[0]), max(extent[1], limits[1])
