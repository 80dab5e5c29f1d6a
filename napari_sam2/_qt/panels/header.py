"""The image, the contrast and the model: one line once a session has begun."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, column, elided, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.panels.ct_window import CtWindowPanel
from napari_sam2._qt.panels.image import ImagePanel
from napari_sam2._qt.panels.model import ModelPanel
from napari_sam2.viewer.open_layers import in_words


class HeaderPanel(QWidget):
    """Folds the choice of the image and the model to one line, which unfolds it by a click.

    Parameters
    ----------
    controller : SegmentationController
        The segmentation.
    images : ImagePanel
        The choice of the image.
    model : ModelPanel
        The choice of the model.
    begin : Callable
        Starts a session on the chosen image.
    """

    def __init__(
        self,
        controller: SegmentationController,
        images: ImagePanel,
        model: ModelPanel,
        begin: Callable[[], Any],
    ) -> None:
        super().__init__()
        self._controller = controller
        self._state = controller.state
        self._images = images
        self.ct_window = CtWindowPanel(controller)
        self.line = QToolButton()
        self.line.setObjectName("sam2_header")
        self.line.setToolTip("Show or hide the choice of the image, its contrast and the model.")
        self.line.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.line.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.line.setAutoRaise(True)
        self.line.clicked.connect(lambda *_: self.set_folded(not self.folded))
        self.start = button("Start", "", "Start to segment the chosen image.", begin)
        self.contrast = elided(1)
        self.update_contrast = button(
            "Update",
            "",
            "Use the present contrast and colors of the layer for the model.",
            controller.model_input.update,
        )
        self.update_contrast.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        contrast = row(self.contrast, self.update_contrast)
        self._content = column(images, self.start, contrast, self.ct_window, model)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.line)
        layout.addWidget(self._content)
        self.set_folded(False)
        self._state.session_changed.connect(self._session_changed)

    @property
    def folded(self) -> bool:
        """Whether only one line is shown."""
        return self._content.isHidden()

    def set_folded(self, folded: bool) -> None:
        """Show one line, or everything."""
        self._content.setHidden(folded)
        arrow = Qt.ArrowType.RightArrow if folded else Qt.ArrowType.DownArrow
        self.line.setArrowType(arrow)
        self.refresh()

    def refresh(self) -> None:
        """Show the image, the axis and the model, and whether the contrast is up to date."""
        sync, predictor = self._state.sync, self._state.predictor
        model = "no model" if predictor is None else predictor.info.name
        if sync is None:
            self.line.setText(f"Image and model · {model}")
        else:
            names = " + ".join(image.name for image in sync.images)
            along = in_words(sync.sessions.axis_choice)
            self.line.setText(f"{names} · along {along} · {model}")
        self.line.setStatusTip(self.line.text())
        ready = predictor is not None and bool(self._images.images)
        self.start.setVisible(sync is None and ready)
        self._show_contrast()

    def _show_contrast(self) -> None:
        sync = self._state.sync
        outdated = self._controller.model_input.outdated()
        self.update_contrast.setEnabled(outdated)
        if sync is None:
            self.contrast.setText("")
            return
        limits = ", ".join(f"{low:g} to {high:g}" for low, high in sync.sessions.intensity.limits)
        changed = " (the layer has changed)" if outdated else ""
        self.contrast.setText(f"Contrast: {limits}{changed}")
        self.contrast.setToolTip(f"The model sees these values as black to white: {limits}")

    def _session_changed(self) -> None:
        self.set_folded(self._state.sync is not None)
