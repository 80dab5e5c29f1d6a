"""Loads the model that the model panel shows, and passes it to the segmentation controller."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.jobs.error_messages import ErrorMessage, Remedy
from napari_sam2._qt.model_loading import ModelLoader
from napari_sam2._qt.panels.model import ModelPanel
from napari_sam2._qt.panels.status import RemedyButton
from napari_sam2.inference.model_catalog import ModelCatalog, ModelChoice, Progress

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor


class ModelController(QObject):
    """Loads chosen models in the background, and offers remedies when one fails.

    Parameters
    ----------
    panel : ModelPanel
        The panel where the user chooses.
    controller : SegmentationController
        Receives the loaded model.
    catalog : ModelCatalog or None
        The models to choose from; None if ``make`` makes the only one.
    make : Callable or None
        Returns the model, in place of the one chosen.
    """

    ready = Signal()
    """A model was loaded and is in use."""

    def __init__(
        self,
        panel: ModelPanel,
        controller: SegmentationController,
        catalog: ModelCatalog | None,
        make: "Callable[[], Predictor] | None" = None,
    ) -> None:
        super().__init__(panel)
        self._panel = panel
        self._controller = controller
        self._state = controller.state
        self._catalog = catalog
        self._make = make
        self._requested = panel.choice
        self._loader = loader = ModelLoader(self)
        panel.chosen.connect(self.load)
        panel.cancelled.connect(loader.cancel)
        loader.listed.connect(panel.show_cards)
        loader.progressed.connect(panel.show_progress)
        loader.loaded.connect(self._loaded)
        loader.cancelled.connect(self._cancelled)
        loader.failed.connect(self._failed)

    @property
    def awaited(self) -> bool:
        """Whether the first model is being loaded."""
        return self._loader.loading and self._state.predictor is None

    def adopt(self, predictor: "Predictor") -> None:
        """Show a model that a script has loaded."""
        info = predictor.info
        size = info.image_size if info.resized else None
        choice = ModelChoice(info.name, info.device, info.dtype, size)
        self._panel.show_model(predictor, choice)

    def load(self) -> None:
        """Load the chosen model in the background."""
        self._requested = self._panel.choice
        self._panel.show_loading()
        self._loader.load(self._maker(self._requested))
        self._state.changed.emit()

    def choose(self, choice: ModelChoice) -> None:
        """Choose a model in the panel, and load it."""
        self._panel.select(choice)
        self.load()

    def open(self) -> None:
        """List and load models, at first and after :meth:`close`."""
        self._loader.open()
        self._list_models()

    def close(self) -> None:
        """Cancel loading and end the thread."""
        self._loader.close()

    def remedies(self, message: ErrorMessage) -> list[RemedyButton]:
        """Return the buttons for those remedies of an error that are possible and load a model."""
        found = (self._remedy(remedy) for remedy in message.remedies)
        return [button for button in found if button is not None]

    def larger(self) -> RemedyButton | None:
        """Return a button that loads a larger model, downloading it if needed; None without one."""
        card = self._panel.larger()
        if card is None:
            return None
        verb = "Use" if card.is_here else "Download"
        size = "" if card.is_here else f" ({card.download_bytes / 1e6:.0f} MB)"
        choice = replace(self._panel.choice, model=card.name)
        return RemedyButton(f"{verb} {card.title}{size}", card.about, partial(self.choose, choice))

    def _remedy(self, remedy: Remedy) -> RemedyButton | None:
        if remedy is Remedy.TRY_AGAIN:
            tip, choice = f"Load {self._requested.model} again.", self._requested
        elif remedy is Remedy.CPU:
            predictor = self._state.predictor
            if predictor is not None and predictor.info.device == "cpu":
                return None
            tip = "Slower, but with more memory."
            choice = replace(self._panel.choice, device="cpu")
        elif remedy is not Remedy.SMALLER_MODEL:
            return None
        else:
            card = self._panel.smaller()
            if card is None:
                return None
            tip = f"{card.title}. {card.about}"
            choice = replace(self._panel.choice, model=card.name)
        return RemedyButton(remedy.value, tip, partial(self.choose, choice))

    def _list_models(self) -> None:
        if self._catalog is not None:
            self._loader.list_models(self._catalog)

    def _maker(self, choice: ModelChoice) -> "Callable[[Progress], Predictor]":
        make, catalog = self._make, self._catalog
        if make is not None:
            return lambda _: make()
        if catalog is None:
            raise ValueError("ModelController needs a catalog or a function that makes the model.")
        return partial(catalog.load, choice)

    def _loaded(self, predictor: "Predictor") -> None:
        self._panel.show_model(predictor, self._requested)
        self._controller.set_predictor(predictor)
        self._list_models()
        self.ready.emit()

    def _cancelled(self) -> None:
        self._panel.show_model(self._state.predictor)
        text = f"Loading {self._requested.model} was cancelled. {self._in_use()}"
        self._state.notice.emit(text.strip())

    def _failed(self, error: BaseException) -> None:
        message = ErrorMessage.of(error)
        text = f"{message.text} {self._in_use()}".strip()
        self._state.fault.emit(ErrorMessage(text, (*message.remedies, Remedy.TRY_AGAIN)))
        self._panel.show_model(self._state.predictor)

    def _in_use(self) -> str:
        predictor = self._state.predictor
        return "" if predictor is None else f"{predictor.info.name} stays in use."
