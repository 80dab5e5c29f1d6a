"""Load models in a thread of their own, so that clicks go on with the model in use."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2._qt.jobs.background_encoding import import_ahead, leave_a_core
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.jobs.error_messages import ErrorMessage, Remedy
from napari_sam2._qt.jobs.queue import Failure, JobQueue
from napari_sam2._qt.panels.model import ModelPanel
from napari_sam2._qt.panels.status import Offer
from napari_sam2.inference.model_catalog import LoadCancelled, ModelCatalog, ModelChoice, Progress

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor

_LIST, _LOAD = 2, 1


class ModelLoader(QObject):
    """Lists and loads models; of several asked for, the last one counts.

    Parameters
    ----------
    parent : QObject or None
        Owner.
    """

    listed = Signal(object)
    """A tuple of ModelCard."""
    moved = Signal(object, object)
    """Bytes that are here and bytes of the whole download."""
    loaded = Signal(object)
    """A Predictor."""
    stopped = Signal()
    """The user stopped it; what came is kept for the next time."""
    failed = Signal(object)
    """The error."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = JobQueue("napari-sam2 model", self)
        self._background.failed.connect(self._fail)
        self._stop = Event()
        self.busy = False

    def list_models(self, shelf: ModelCatalog) -> None:
        """Find out which models there are."""
        self._background.submit("list", shelf.cards, self.listed.emit, _LIST)

    def load(self, make: "Callable[[Progress], Predictor]") -> None:
        """Load a model; one that is under way is given up."""
        self._stop.set()
        self._stop = stop = Event()
        self.busy = True

        def report(here: int, whole: int) -> None:
            _go_on(stop)
            self.moved.emit(here, whole)

        def work() -> "Predictor":
            _go_on(stop)
            import_ahead()
            return leave_a_core(make(report))

        self._background.submit(("load", stop), work, partial(self._done, stop), _LOAD)

    def stop(self) -> None:
        """Give up what is under way."""
        self._stop.set()

    def close(self) -> None:
        """Give up what is under way, and end the thread."""
        self._stop.set()
        self._background.close()

    def _done(self, stop: Event, predictor: "Predictor") -> None:
        if stop is not self._stop:
            return
        self.busy = False
        if stop.is_set():
            self.stopped.emit()
        else:
            self.loaded.emit(predictor)

    def _fail(self, failure: Failure) -> None:
        slot = failure.job.slot
        if not isinstance(slot, tuple) or slot[1] is not self._stop:
            return
        self.busy = False
        if isinstance(failure.error, LoadCancelled):
            self.stopped.emit()
        else:
            self.failed.emit(failure.error)


def _go_on(stop: Event) -> None:
    if stop.is_set():
        raise LoadCancelled


class ModelChange(QObject):
    """Loads what the model box says and gives it to the engine.

    Parameters
    ----------
    box : ModelPanel
        Where the user chooses.
    engine : SegmentationController
        Uses the model.
    shelf : ModelCatalog or None
        Where models come from; None if ``make`` makes the only one.
    make : Callable or None
        Makes the model in place of the one chosen.
    """

    ready = Signal()
    """Another model is in use."""

    def __init__(
        self,
        box: ModelPanel,
        engine: SegmentationController,
        shelf: ModelCatalog | None,
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

    def offers(self, fault: ErrorMessage) -> list[Offer]:
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
        fault = ErrorMessage.of(error)
        text = f"{fault.text} {self._in_use()}".strip()
        self._engine.fault.emit(ErrorMessage(text, (*fault.remedies, Remedy.TRY_AGAIN)))
        self._box.show_model(self._engine.predictor)

    def _in_use(self) -> str:
        predictor = self._engine.predictor
        return "" if predictor is None else f"{predictor.info.name} stays in use."
