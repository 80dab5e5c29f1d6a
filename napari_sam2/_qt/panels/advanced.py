"""Collapsed sections: options, prompts from labels and files, the model's input."""

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtGui import QImage, QPixmap, QTransform
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, column, folded, form, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.panels.propagation import PropagationOptions
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.viewer.image_layers import plane_directions
from napari_sam2.viewer.layers.preview import PREVIEW
from napari_sam2.viewer.preferences import store_hover

_PICTURE_WIDTH = 220


class AdvancedPanel(QWidget):
    """Offers what is needed less often.

    Parameters
    ----------
    controller : SegmentationController
        Runs the commands.
    hover : bool
        Whether the preview under the pointer is on at first.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        controller: SegmentationController,
        hover: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self._state = controller.state
        self.hover = QCheckBox("Preview under the pointer")
        self.hover.setToolTip(
            "Shows the mask that a click would give where the pointer rests, with the point tool."
        )
        self.hover.toggled.connect(self._set_hover)
        self.hover.setChecked(hover)
        self.cover = QCheckBox("Accepted objects replace earlier ones")
        self.cover.setToolTip(
            "An object that is accepted takes the pixels that it shares with accepted objects."
        )
        self.cover.toggled.connect(self._set_cover)
        self.propagation = PropagationOptions(controller)
        sections = column(
            folded("Direction and range", self.propagation),
            folded("Options", column(self.hover, self.cover)),
            folded("Start from labels", self._label_section()),
            folded("Prompt files", self._file_section()),
            folded("Model input", self._input_section()),
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(folded("More", sections))

    def _label_section(self) -> QWidget:
        self.labels = QComboBox()
        self.labels.setToolTip("Each label on the shown frame becomes an object.")
        self.label_kind = QComboBox()
        for kind in LabelPromptKind:
            self.label_kind.addItem(f"{kind.value}s", kind)
        self.start = button(
            "Make objects", "", "Make objects from a Labels layer.", self.start_from_labels
        )
        choices = form(("Labels", self.labels), ("Prompts", self.label_kind))
        return column(choices, self.start)

    def _file_section(self) -> QWidget:
        load = button("Load prompts…", "", "Load prompts of a JSON or CSV file.", self._load)
        save = button("Save prompts…", "", "Save the prompts as JSON.", self._save)
        return row(load, save)

    def _input_section(self) -> QWidget:
        self.picture = QLabel("Update to see the model's input.")
        self.update_input = button(
            "Update",
            "",
            "Apply the layer's contrast and colors, and show the frame as the model sees it.",
            self.show_model_input,
        )
        return column(self.picture, self.update_input)

    def refresh(self) -> None:
        """Offer the Labels layers of the user."""
        sync = self._state.sync
        self.setEnabled(sync is not None)
        layers = [
            layer
            for layer in self._state.viewer.layers
            if isinstance(layer, Labels) and PREVIEW not in layer.metadata
            if sync is None or sync.layers.role(layer) is None
        ]
        shown = [self.labels.itemData(i) for i in range(self.labels.count())]
        if shown != layers:
            self.labels.clear()
            for layer in layers:
                self.labels.addItem(layer.name, layer)
        self.start.setEnabled(bool(layers))

    def _set_cover(self, cover: bool) -> None:
        self._controller.accept_save.cover = cover

    def _set_hover(self, hover: bool) -> None:
        self._controller.hover.set_enabled(hover)
        store_hover(hover)

    def start_from_labels(self) -> None:
        """Make an object of each label of the chosen layer on the shown frame."""
        layer = self.labels.currentData()
        if layer is not None:
            self._controller.prompt_import.add_labels(layer, self.label_kind.currentData())

    def show_model_input(self) -> None:
        """Apply the layers' contrast, and show the frame as the model sees it."""
        self._controller.model_input.update(self._show)

    def _show(self, image: Any) -> None:
        data = np.ascontiguousarray(image)
        height, width = data.shape[:2]
        picture = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        pixmap = QPixmap.fromImage(picture).transformed(self._orientation())
        self.picture.setPixmap(pixmap.scaledToWidth(_PICTURE_WIDTH))

    def _orientation(self) -> QTransform:
        """Return the flips of the layer as the canvas shows it."""
        sync = self._state.sync
        if sync is None:
            return QTransform()
        down, right = plane_directions(sync.images[0], sync.grid)
        return QTransform().scale(right, down)

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load prompts", "", "Prompts (*.json *.csv)")
        if path:
            self._controller.prompt_import.add_file(path)

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save prompts", "prompts.json", "JSON (*.json)")
        if path:
            self._controller.prompt_import.save_file(Path(path))
