"""Choice of the image, its channels and the propagated axis."""

from collections.abc import Sequence
from typing import Any

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from napari_sam2._qt.components import Choice, folded, form
from napari_sam2.tracking.volume_series.plan import TIME_AND_DEPTH
from napari_sam2.viewer.image_layers import axis_choices

_AXES = {
    "t": "time (t)",
    "z": "depth (z)",
    TIME_AND_DEPTH: "time and depth (t and z)",
    "y": "rows (y)",
    "x": "columns (x)",
}
_LAYER = Qt.ItemDataRole.UserRole


class ImagePanel(QWidget):
    """Offers the image layers of a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    parent : QWidget or None
        Owner.
    """

    chosen = Signal()
    """The user chose another image, channel or axis."""

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._filling = False
        self.image = Choice("sam2_image", "The image to segment. Its layer is not changed.")
        self.along = Choice("sam2_along", "Objects are propagated along this axis.")
        self.channels = QListWidget()
        self.channels.setMaximumHeight(80)
        self.channels.setToolTip(
            "Layers of the same shape that are combined for the model, in the colors shown."
        )
        self._folded = folded("Channels", form(("", self.channels)))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(form(("Image", self.image), ("Along", self.along)))
        layout.addWidget(self._folded)
        self.image.currentIndexChanged.connect(self._image_chosen)
        self.along.currentIndexChanged.connect(self._axis_chosen)
        self.channels.itemChanged.connect(self._choose)
        self._named: list[Any] = []
        self._axis_of: dict[Any, str] = {}

    def attach(self) -> None:
        """Follow the viewer's layers."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed):
            event.connect(self.fill)
        self.fill()

    def detach(self) -> None:
        """Disconnect from the viewer."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed):
            event.disconnect(self.fill)
        for layer in self._named:
            layer.events.name.disconnect(self._renamed)
        self._named.clear()

    def fill(self, event: Any = None) -> None:
        """Offer the present layers, and keep the choice if its layer still exists."""
        before, channels = self.image.currentData(), self.images[1:]
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        self._connect_names(images)
        self._axis_of = {i: axis for i, axis in self._axis_of.items() if i in images}
        self._filling = True
        self.image.clear()
        for image in images:
            self.image.addItem(image.name, image)
        if before in images:
            self.image.setCurrentIndex(images.index(before))
        elif images:
            active = self._viewer.layers.selection.active
            self.image.setCurrentIndex(images.index(active) if active in images else 0)
        self._filling = False
        if before not in images or len(images) - 1 != self.channels.count():
            self._fill_options(channels if before in images else ())
        if before is None and images:
            self._choose()

    def choose(self, image: Image) -> None:
        """Choose an image layer of the viewer, as the user would."""
        self.image.setCurrentIndex(self._layers().index(image))

    def show_choice(self, images: Sequence[Image], axis: str) -> None:
        """Show the image, the channels and the axis of a session that has begun."""
        first, *more = images
        layers = self._layers()
        if first not in layers:
            return
        self._axis_of[first] = axis
        self._filling = True
        self.image.setCurrentIndex(layers.index(first))
        self._fill_options(more)

    def _layers(self) -> list[Image]:
        return [self.image.itemData(number) for number in range(self.image.count())]

    def _connect_names(self, images: list[Image]) -> None:
        for layer in [layer for layer in self._named if layer not in images]:
            layer.events.name.disconnect(self._renamed)
        for image in images:
            if image not in self._named:
                image.events.name.connect(self._renamed)
        self._named = images

    def _renamed(self, event: Any) -> None:
        for i in range(self.image.count()):
            self.image.setItemText(i, self.image.itemData(i).name)

    def _fill_options(self, checked: Sequence[Image] = ()) -> None:
        """Offer the axes and the channels of the image; the axis that was chosen stays."""
        self._filling = True
        first = self.image.currentData()
        self.along.clear()
        for axis in [] if first is None else axis_choices(first, self._viewer.dims.axis_labels):
            self.along.addItem(_AXES[axis], axis)
        chosen = self.along.findData(self._axis_of.get(first))
        self.along.setCurrentIndex(max(chosen, 0))
        self.channels.clear()
        others = [] if first is None else self._same_shape(first)
        for layer in others:
            item = QListWidgetItem(layer.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            state = Qt.CheckState.Checked if layer in checked else Qt.CheckState.Unchecked
            item.setCheckState(state)
            item.setData(_LAYER, layer)
            self.channels.addItem(item)
        self._folded.setVisible(bool(others))
        self._filling = False

    def _same_shape(self, first: Image) -> list[Image]:
        shape = (first.data[0] if first.multiscale else first.data).shape
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image)
            and layer is not first
            and not (layer.rgb or first.rgb)
            and (layer.data[0] if layer.multiscale else layer.data).shape == shape
        ]

    def _image_chosen(self, _: int) -> None:
        if not self._filling:
            self._fill_options()
            self._choose()

    def _axis_chosen(self, _: int) -> None:
        if not self._filling:
            self._axis_of[self.image.currentData()] = self.along.currentData()
            self._choose()

    def _choose(self, *_: Any) -> None:
        if not self._filling:
            self.chosen.emit()

    @property
    def images(self) -> list[Image]:
        """The image and its selected channels."""
        first = self.image.currentData()
        items = [self.channels.item(i) for i in range(self.channels.count())]
        more = [i.data(_LAYER) for i in items if i.checkState() == Qt.CheckState.Checked]
        return [] if first is None else [first, *more]

    @property
    def axis(self) -> str | None:
        """The axis that was chosen for the image, ``"t,z"`` for a series of volumes, or None."""
        return self._axis_of.get(self.image.currentData())
