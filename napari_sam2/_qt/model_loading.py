"""Models loaded in a thread of their own, while the model in use still answers clicks."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2._qt.jobs.queue import Failure, JobKey, JobKind, JobPriority, JobQueue
from napari_sam2.core.background_imports import responsive_imports
from napari_sam2.inference.model_catalog import LoadCancelled, ModelCatalog, Progress

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor

_PRELOADED = (
    "pandas",
    "tqdm.auto",
    "multiprocessing.synchronize",
    "skimage.color",
    "skimage.draw",
    "skimage.exposure",
    "zarr",
    "dask.array",
    "napari_sam2.images.readers.arrays",
)


class ModelLoader(QObject):
    """Lists and loads models; loading one cancels the one before.

    Parameters
    ----------
    parent : QObject or None
        Owner.

    Attributes
    ----------
    loading : bool
        Whether a model is being loaded.
    """

    listed = Signal(object)
    """A tuple of ModelCard."""
    progressed = Signal(object, object)
    """Downloaded bytes and all bytes of the download."""
    loaded = Signal(object)
    """A Predictor."""
    cancelled = Signal()
    """Loading was cancelled; the next download begins anew."""
    failed = Signal(object)
    """The error."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = JobQueue("napari-sam2 model", self)
        self._queue.failed.connect(self._fail)
        self._cancelled = Event()
        self.loading = False

    def list_models(self, catalog: ModelCatalog) -> None:
        """List the models of a catalog."""
        key = JobKey(JobKind.LIST_MODELS)
        self._queue.submit(key, catalog.cards, self.listed.emit, JobPriority.LIST_MODELS)

    def load(self, make: "Callable[[Progress], Predictor]") -> None:
        """Load a model.

        Parameters
        ----------
        make : Callable
            Returns the model; it is given a function that reports the progress of a download.
        """
        self._cancelled.set()
        self._cancelled = cancelled = Event()
        self.loading = True

        def report(done: int, total: int) -> None:
            _raise_if(cancelled)
            self.progressed.emit(done, total)

        def work() -> "Predictor":
            _raise_if(cancelled)
            _preload_modules()
            predictor = make(report)
            _reserve_core()
            return predictor

        key = JobKey(JobKind.LOAD_MODEL, cancelled)
        self._queue.submit(key, work, partial(self._done, cancelled))

    def cancel(self) -> None:
        """Cancel loading."""
        self._cancelled.set()

    def open(self) -> None:
        """Accept models again after :meth:`close`."""
        self._queue.open()

    def close(self) -> None:
        """Cancel loading and end the thread."""
        self._cancelled.set()
        self.loading = False
        self._queue.close()

    def _done(self, cancelled: Event, predictor: "Predictor") -> None:
        if cancelled is not self._cancelled:
            return
        self.loading = False
        if cancelled.is_set():
            self.cancelled.emit()
        else:
            self.loaded.emit(predictor)

    def _fail(self, failure: Failure) -> None:
        if failure.job.key.subject is not self._cancelled:
            return
        self.loading = False
        if isinstance(failure.error, LoadCancelled):
            self.cancelled.emit()
        else:
            self.failed.emit(failure.error)


def _raise_if(cancelled: Event) -> None:
    if cancelled.is_set():
        raise LoadCancelled


def _preload_modules() -> None:
    """Import modules that the first layer and the first run would otherwise wait for."""
    with responsive_imports():
        for name in _PRELOADED:
            with suppress(ImportError):
                import_module(name)


def _reserve_core() -> None:
    """Limit torch to all processor cores but one, which is left to the GUI."""
    if "torch" in sys.modules:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        sys.modules["torch"].set_num_threads(max(1, (cores or 2) - 1))
