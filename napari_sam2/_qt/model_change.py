"""Puts the model that the user chose in the place of the one in use, which stays until then."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2._qt.engine import Engine
from napari_sam2._qt.faults import Fault, Remedy
from napari_sam2._qt.loading import ModelLoader
from napari_sam2._qt.model_box import ModelBox
from napari_sam2._qt.status import Offer
from napari_sam2.model_shelf import ModelChoice, ModelShelf, Progress

if TYPE_CHECKING:
    from napari_sam2.predictor_protocol import Predictor


class ModelChange(QObject):
    """Loads what the model box says and gives it to the engine.

    Parameters
    ----------
    box : ModelBox
        Where the user chooses.
    engine : Engine
        Uses the model.
    shelf : ModelShelf or None
        Where models come from; None if ``make`` makes the only one.
    make : Callable or None
        Makes the model in place of the one chosen.
    """

    ready = Signal()
    """Another model is in use."""

    def __init__(
        self,
        box: ModelBox,
        engine: Engine,
        shelf: ModelShelf | None,
        make: "Callable[[], Predictor] | None" = None,
    ) -> None:
        super().__init__(box)
        self._box = box
        self._engine = engine
        self._shelf = shelf
        self._make = make
        self._asked = box.choice
        self._loader = loader = ModelLoader(self)
        box.chosen.connect(self.load)
        box.cancelled.connect(loader.stop)
        loader.listed.connect(box.show_cards)
        loader.moved.connect(box.show_progress)
        loader.loaded.connect(self._loaded)
        loader.stopped.connect(self._stopped)
        loader.failed.connect(self._failed)
        self._list()

    @property
    def awaited(self) -> bool:
        """Whether nothing can be done before a model is there."""
        return self._loader.busy and self._engine.predictor is None

    def adopt(self, predictor: "Predictor") -> None:
        """Show a model that a script has brought along."""
        info = predictor.info
        self._box.show_model(predictor, ModelChoice(info.name, info.device))

    def load(self) -> None:
        """Load the chosen model in the background."""
        self._asked = self._box.choice
        self._box.show_loading()
        self._loader.load(self._maker(self._asked))
        self._engine.changed.emit()

    def take(self, choice: ModelChoice) -> None:
        """Choose for the user, and load."""
        self._box.select(choice)
        self.load()

    def close(self) -> None:
        """Give up what is under way, and end the thread."""
        self._loader.close()

    def offers(self, fault: Fault) -> list[Offer]:
        """Return the buttons of the remedies that would help."""
        found = (self._offer(remedy) for remedy in fault.remedies)
        return [offer for offer in found if offer is not None]

    def _offer(self, remedy: Remedy) -> Offer | None:
        if remedy is Remedy.TRY_AGAIN:
            tip, other = f"Load {self._asked.model} once more.", self._asked
        elif remedy is Remedy.CPU:
            tip, other = "Slower, but it has more memory.", replace(self._box.choice, device="cpu")
            predictor = self._engine.predictor
            if predictor is not None and predictor.info.device == "cpu":
                return None
        else:
            card = self._box.smaller()
            if card is None:
                return None
            tip = f"{card.title}. {card.about}"
            other = replace(self._box.choice, model=card.name)
        return remedy.value, tip, partial(self.take, other)

    def _list(self) -> None:
        if self._shelf is not None:
            self._loader.list_models(self._shelf)

    def _maker(self, choice: ModelChoice) -> "Callable[[Progress], Predictor]":
        make, shelf = self._make, self._shelf
        if make is not None:
            return lambda _: make()
        if shelf is None:
            raise AssertionError("there is a shelf or something that makes a model")
        return partial(shelf.load, choice)

    def _loaded(self, predictor: "Predictor") -> None:
        self._box.show_model(predictor, self._asked)
        self._engine.use(predictor)
        self._list()
        self.ready.emit()

    def _stopped(self) -> None:
        self._box.show_model(self._engine.predictor)
        self._engine.notice.emit(f"{self._asked.model} was not loaded. {self._in_use()}".strip())

    def _failed(self, error: BaseException) -> None:
        fault = Fault.of(error)
        text = f"{fault.text} {self._in_use()}".strip()
        self._engine.fault.emit(Fault(text, (*fault.remedies, Remedy.TRY_AGAIN)))
        self._box.show_model(self._engine.predictor)

    def _in_use(self) -> str:
        predictor = self._engine.predictor
        return "" if predictor is None else f"{predictor.info.name} stays in use."
