"""Choose the model: size, device, licence, what it is good for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_sam2._qt.panels import folded, form, note

if TYPE_CHECKING:
    from napari_sam2.predictor_protocol import Predictor

_SIZES = ("tiny", "small", "base_plus", "large")


class ModelBox(QWidget):
    """Offers models by name, and files of weights.

    Parameters
    ----------
    model, device : str
        To begin with.
    parent : QWidget or None
        Owner.
    """

    chosen = Signal()

    def __init__(
        self, model: str = "micro", device: str = "auto", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.model = QComboBox()
        self.model.setObjectName("sam2_model")
        for name in dict.fromkeys((model, "micro", *_SIZES)):
            self.model.addItem(name, name)
        self.model.setToolTip(
            "micro comes along and is quick; larger ones see finer detail and are downloaded once."
        )
        self.device = QComboBox()
        for name in dict.fromkeys((device, "auto", "cpu", "cuda", "mps")):
            self.device.addItem(name, name)
        self.device.setToolTip("auto takes a GPU where there is one.")
        self.words = note()
        self._file = QPushButton("Weights from a file…")
        self._file.clicked.connect(self._pick_file)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(form(("Model", self.model)))
        layout.addWidget(
            folded(
                "About the model", form(("Device", self.device), ("", self._file), ("", self.words))
            )
        )
        self.model.currentIndexChanged.connect(lambda _: self.chosen.emit())
        self.device.currentIndexChanged.connect(lambda _: self.chosen.emit())

    def maker(self) -> Callable[[], "Predictor"]:
        """Return what loads the chosen model; it may take a while."""
        model, device = self.model.currentData(), self.device.currentData()

        def load() -> "Predictor":
            from napari_sam2.predictor import load_predictor

            return load_predictor(model, device)

        return load

    def show_entries(self, entries: list[Any]) -> None:
        """Show what is known about the models that have a name."""
        known = {entry.name: entry for entry in entries}
        for i in range(self.model.count()):
            name = str(self.model.itemData(i))
            entry = known.get(name) or known.get(f"sam2.1_hiera_{name}")
            if entry is not None:
                self.model.setItemText(i, f"{name}{_size(entry)}")
                self.model.setItemData(i, _about(entry), _TOOLTIP)

    def show_model(self, predictor: "Predictor | None") -> None:
        """Say which model is in use."""
        if predictor is None:
            self.words.setText("No model is loaded yet.")
            return
        info = predictor.info
        about = self.model.currentData(_TOOLTIP) or ""
        trained = "" if info.trained else " Its weights are random: for trying things out only."
        self.words.setText(
            f"{info.name} on {info.device}, sees {info.image_size} x {info.image_size} pixels."
            f"{trained} {about}"
        )

    def _pick_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Weights of SAM 2", "", "Weights (*.pt *.safetensors)"
        )
        if path:
            self.model.addItem(path.rpartition("/")[2], path)
            self.model.setCurrentIndex(self.model.count() - 1)


def _tooltip_role() -> Any:
    from qtpy.QtCore import Qt

    return Qt.ItemDataRole.ToolTipRole


_TOOLTIP = _tooltip_role()


def _size(entry: Any) -> str:
    if entry.is_here:
        return "  (ready)"
    return f"  ({entry.download_bytes / 1e6:.0f} MB to download)"


def _about(entry: Any) -> str:
    return f"{entry.good_for} Licence: {entry.licence}."
