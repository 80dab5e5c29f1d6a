"""Load models in a thread of their own, so that clicks go on with the model in use."""

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2._qt.looking import import_ahead, leave_a_core
from napari_sam2._qt.worker import Background, Failure
from napari_sam2.model_shelf import LoadStopped, ModelShelf, Progress

if TYPE_CHECKING:
    from napari_sam2.predictor_protocol import Predictor

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
        self._background = Background("napari-sam2 model", self)
        self._background.failed.connect(self._fail)
        self._stop = Event()
        self.busy = False

    def list_models(self, shelf: ModelShelf) -> None:
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
        if isinstance(failure.error, LoadStopped):
            self.stopped.emit()
        else:
            self.failed.emit(failure.error)


def _go_on(stop: Event) -> None:
    if stop.is_set():
        raise LoadStopped
