"""Choice of the model and its device, with the progress of a download."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QInputDialog,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_sam2._qt.components import Choice, button, folded, form, note, row
from napari_sam2.inference.model_catalog import (
    BUNDLED,
    DTYPES,
    ModelCard,
    ModelChoice,
    find_card,
    larger_than,
    smaller_than,
)

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor

_TIP = Qt.ItemDataRole.ToolTipRole
_DEVICES = ("auto", "cpu", "cuda", "mps")
_TRAINED_SIZE = 0
_INPUT_SIZES = (512, 768, 1024)


class ModelPanel(QWidget):
    """Offers the models of a catalog, and weights from a file.

    Parameters
    ----------
    choice : ModelChoice
        The choice at first.
    parent : QWidget or None
        Owner.
    """

    chosen = Signal()
    """The user chose another model, or how it computes."""
    cancelled = Signal()
    """The user cancelled loading."""

    def __init__(self, choice: ModelChoice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: tuple[ModelCard, ...] = ()
        self._used: ModelChoice | None = None
        self._predictor: Predictor | None = None
        self.model = Choice("sam2_model", "micro is included; larger models are downloaded once.")
        self.device = Choice("sam2_device", "auto uses a GPU if there is one.")
        for name in dict.fromkeys((BUNDLED, choice.model)):
            self.model.addItem(name, name)
        for name in dict.fromkeys((*_DEVICES, choice.device)):
            self.device.addItem(name, name)
        self.dtype = Choice("sam2_dtype", "auto is fast and accurate; float32 is exact.")
        for name in DTYPES:
            self.dtype.addItem(name, name)
        self.input_size = Choice("sam2_input_size", "Smaller inputs are faster, and approximate.")
        self.input_size.addItem("as trained", _TRAINED_SIZE)
        for pixels in _INPUT_SIZES:
            self.input_size.addItem(f"{pixels} pixels", pixels)
        self._address = QPushButton("GPU of another computer…")
        self._address.setToolTip("Run the model on a worker of a dask scheduler.")
        self._address.clicked.connect(self._enter_address)
        self.description = note()
        self._file = QPushButton("Weights from a file…")
        self._file.clicked.connect(self._pick_file)
        self.bar = QProgressBar()
        self.bar.setObjectName("sam2_loading")
        self.cancel = button("Cancel", "", "Keep the model in use.", self.cancelled.emit)
        self._loading = row(self.bar, self.cancel)
        self._loading.hide()
        self._lay_out()
        self.select(choice)
        # An input size belongs to the model that it was chosen for.
        self.model.currentIndexChanged.connect(lambda: self.input_size.choose(_TRAINED_SIZE))
        for box in (self.model, self.device, self.dtype, self.input_size):
            box.currentIndexChanged.connect(self._changed)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(form(("Model", self.model)))
        layout.addWidget(self._loading)
        more = form(
            ("Device", self.device),
            ("Number format", self.dtype),
            ("Input", self.input_size),
            ("", self._file),
            ("", self._address),
            ("", self.description),
        )
        layout.addWidget(folded("About the model", more))

    @property
    def choice(self) -> ModelChoice:
        """The model that is selected, and how it computes."""
        return ModelChoice(
            str(self.model.currentData()),
            str(self.device.currentData()),
            str(self.dtype.currentData()),
            self.input_size.currentData() or None,
        )

    def select(self, choice: ModelChoice) -> None:
        """Select a model, and how it computes, without a signal."""
        card = find_card(self._cards, choice.model)
        self.model.choose(choice.model if card is None else card.name)
        self.device.choose(choice.device)
        self.dtype.choose(choice.dtype)
        self.input_size.choose(choice.input_size or _TRAINED_SIZE)
        self._show_description()

    def show_cards(self, cards: tuple[ModelCard, ...]) -> None:
        """Offer the models of a catalog, and files that were chosen before."""
        before = self.choice
        files = [str(self.model.itemData(i)) for i in range(self.model.count())]
        self._cards = cards
        blocked = self.model.blockSignals(True)
        self.model.clear()
        for card in cards:
            self.model.addItem(f"{card.title}  ({_short(card)})", card.name)
            self.model.setItemData(self.model.count() - 1, card.about, _TIP)
        for name in files:
            if find_card(cards, name) is None:
                self.model.choose(name)
        self.model.blockSignals(blocked)
        self.select(before)

    def smaller(self) -> ModelCard | None:
        """Return the next smaller model than the one in use, or None."""
        return smaller_than(self._cards, (self._used or self.choice).model)

    def larger(self) -> ModelCard | None:
        """Return the model to use where the present one is too weak, or None."""
        return larger_than(self._cards, (self._used or self.choice).model)

    @property
    def license(self) -> str:
        """License of the model in use; empty if it is not known."""
        card = None if self._used is None else find_card(self._cards, self._used.model)
        return "" if card is None else card.license

    def show_loading(self) -> None:
        """Show that the chosen model is being loaded."""
        self.bar.setRange(0, 1)
        self.bar.setValue(0)
        self.bar.setFormat("Loading…")
        self._loading.show()

    def show_progress(self, done: int, total: int) -> None:
        """Show the progress of the download, in bytes."""
        self.bar.setRange(0, max(total // 1000, 1))
        self.bar.setValue(done // 1000)
        finished = done >= total > 0
        text = "Loading…" if finished else f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
        self.bar.setFormat(text)

    def show_model(self, predictor: "Predictor | None", used: ModelChoice | None = None) -> None:
        """Show and select the model that is in use.

        Parameters
        ----------
        predictor : Predictor or None
            The model.
        used : ModelChoice or None
            The choice that it was loaded for; None if no model was loaded.
        """
        self._loading.hide()
        self._predictor, self._used = predictor, used or self._used
        self.select(self._used or self.choice)

    def _show_description(self) -> None:
        card = find_card(self._cards, self.choice.model)
        about = "" if card is None else card.about
        self.model.setToolTip(about or "Your own weights.")
        in_use = _in_use(self._predictor) if self.choice == self._used else ""
        self.description.setText(f"{in_use} {about}".strip())

    def _changed(self, _: int = 0) -> None:
        self._show_description()
        self.chosen.emit()

    def _pick_file(self) -> None:
        kinds = "Weights (*.pt *.pth *.safetensors)"
        path, _ = QFileDialog.getOpenFileName(self, "Weights of SAM 2", "", kinds)
        if path:
            self.model.choose(path)
            self._changed()

    def _enter_address(self) -> None:
        question = "Address of a dask scheduler, e.g. tcp://host:8786"
        text, given = QInputDialog.getText(self, "GPU of another computer", question)
        if given and text.strip():
            self.device.choose(text.strip())
            self._changed()


def _short(card: ModelCard) -> str:
    """Return the download state of a model, short enough for a list."""
    if card.is_here or not card.download_bytes:
        return card.state
    return f"↓ {card.download_bytes / 1e6:.0f} MB"


def _in_use(predictor: "Predictor | None") -> str:
    if predictor is None:
        return ""
    info = predictor.info
    size = f"{info.image_size} x {info.image_size} pixels"
    used = f"{info.name} on {info.device} in {info.dtype}, input {size}."
    untrained = "" if info.trained else " Its weights are random: its masks are meaningless."
    return " ".join((used + untrained, *info.notes))
