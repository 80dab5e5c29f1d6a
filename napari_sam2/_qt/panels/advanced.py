"""What is folded away: seeding from labels, prompt files, what the model sees."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, column, folded, form, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.json_format import write_prompts_json
from napari_sam2.prompts.types import Prompt
from napari_sam2.viewer.layers.labels import layer_prompts
from napari_sam2.viewer.layers.preview import PREVIEW
from napari_sam2.viewer.preferences import keep_hover

_SEEN_SIDE = 220


class AdvancedPanel(QWidget):
    """Seldom needed, so folded away.

    Parameters
    ----------
    engine : SegmentationController
        Does what is asked.
    hover : bool
        Whether there are previews under the pointer to begin with.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self, engine: SegmentationController, hover: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self.labels = QComboBox()
        self.labels.setToolTip("Each label on the frame shown becomes an object.")
        self.seed_as = QComboBox()
        for way in LabelPromptKind:
            self.seed_as.addItem(f"as {way.value}s", way)
        self.seed = button("Seed objects", "", "Make objects of a Labels layer.", self.seed_now)
        self.load = button("Load prompts…", "", "From the command line's JSON.", self._load)
        self.store = button("Save prompts…", "", "As the command line's JSON.", self._store)
        self.seen = QLabel("Not looked yet.")
        self.look = button(
            "Look again", "", "Take contrast and colours of the layer anew.", self.look_again
        )
        self.hover = QCheckBox("Preview under the pointer")
        self.hover.setToolTip(
            "Rest the pointer with the point tool: the mask that a click would give shows faintly."
        )
        self.hover.toggled.connect(self._hover)
        self.hover.setChecked(hover)
        self.cover = QCheckBox("Cover accepted objects")
        self.cover.setToolTip(
            "Where an object overlaps with accepted ones, accepting it takes their pixels."
        )
        self.cover.toggled.connect(self._cover)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        seeding = column(form(("Labels", self.labels), ("Take", self.seed_as)), self.seed)
        layout.addWidget(folded("While you work", column(self.hover, self.cover)))
        layout.addWidget(folded("Start from labels", seeding))
        layout.addWidget(folded("Prompt files", row(self.load, self.store)))
        layout.addWidget(folded("What the model sees", column(self.seen, self.look)))

    def refresh(self) -> None:
        """Offer the Labels layers that are the user's."""
        sync = self._engine.sync
        self.setEnabled(sync is not None)
        layers = self._engine.viewer.layers
        theirs = [
            layer
            for layer in layers
            if isinstance(layer, Labels) and PREVIEW not in layer.metadata
            if sync is None or sync.family.role(layer) is None
        ]
        shown = [self.labels.itemData(i) for i in range(self.labels.count())]
        if shown != theirs:
            self.labels.clear()
            for layer in theirs:
                self.labels.addItem(layer.name, layer)
        self.seed.setEnabled(bool(theirs))

    def _cover(self, on: bool) -> None:
        self._engine.keeping.cover = on

    def _hover(self, on: bool) -> None:
        self._engine.hover.turn(on)
        keep_hover(on)

    def seed_now(self) -> None:
        """Make an object of every label on the frame that is shown."""
        layer, sync = self.labels.currentData(), self._engine.sync
        if layer is None or sync is None:
            return
        stack, frame, fixed = sync.session.stack, sync.frame, sync.fixed
        read = partial(layer_prompts, layer, stack, self.seed_as.currentData(), frame)

        def take(found: tuple[Prompt, ...]) -> None:
            sync.take(fixed, found)
            count = len(found)
            self._engine.notice.emit(
                f"{count} objects are made from {layer.name!r}. Follow with G."
            )

        self._engine.do("seed", read, take)

    def look_again(self) -> None:
        """Re-apply the layer's contrast, and show the frame as the model sees it."""
        sync = self._engine.sync
        if sync is None:
            return
        self._engine.look_again(self._show)

    def _show(self, image: Any) -> None:
        data = np.ascontiguousarray(image)
        height, width = data.shape[:2]
        picture = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        pixmap = QPixmap.fromImage(picture)
        self.seen.setPixmap(pixmap.scaledToWidth(_SEEN_SIDE))

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load prompts", "", "Prompts (*.json *.csv)")
        sync = self._engine.sync
        if path and sync is not None:
            try:
                sync.load(load_prompts(path, sync.session.stack))
            except ValueError as error:
                self._engine.fault.emit(ErrorMessage.of(error))

    def _store(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save prompts", "prompts.json", "JSON (*.json)")
        sync = self._engine.sync
        if path and sync is not None:
            write_prompts_json(Path(path), sync.session.prompts, sync.session.stack.shape)
