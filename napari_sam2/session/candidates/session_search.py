"""Searches for candidates on the planes of a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from threading import RLock
from time import sleep
from typing import TYPE_CHECKING, TypeVar

from napari_sam2.candidates.by_example import ExampleRanking, ExampleSearch
from napari_sam2.candidates.candidate import Candidate, CandidateLimits
from napari_sam2.candidates.everything import EverythingSearch
from napari_sam2.candidates.examples import Example, Examples
from napari_sam2.candidates.search import make_search
from napari_sam2.candidates.selection import select_disjoint
from napari_sam2.candidates.target import EVERYTHING, SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.inference.model_catalog import LoadCancelled
from napari_sam2.inference.text.catalog import DEFAULT_TEXT_MODEL
from napari_sam2.inference.text_detector import TextDetector, load_text_detector

if TYPE_CHECKING:
    from napari_sam2.masks.mask import MaskCrop
    from napari_sam2.masks.segmentation_store import SegmentationStore
    from napari_sam2.session.events import RunState
    from napari_sam2.session.pipeline import InferencePipeline

_Found = TypeVar("_Found")
_PAUSE = 0.001
"""Seconds between two views in which other threads can call the model."""
_MEGABYTE = 10**6


class SessionSearch:
    """Finds candidates, and keeps them apart from the objects of the session.

    Parameters
    ----------
    pipeline : InferencePipeline
        The model.
    store : SegmentationStore
        The masks.
    state : RunState
        Progress and cancellation.
    model_lock : RLock
        Held during calls of the model.

    Attributes
    ----------
    downloading : bool
        Whether a text model is downloaded; progress is in megabytes then.
    """

    def __init__(
        self,
        pipeline: InferencePipeline,
        store: SegmentationStore,
        state: RunState,
        model_lock: RLock,
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._state = state
        self._model_lock = model_lock
        self.downloading = False

    def find(
        self,
        frame: int,
        target: SearchTarget = EVERYTHING,
        limits: CandidateLimits | None = None,
        *,
        text_model: str = DEFAULT_TEXT_MODEL,
        diameter: float | None = None,
    ) -> list[Candidate]:
        """Return candidates on a frame where there are no objects yet, best first.

        The session is not changed. Another thread can stop the search with the session's
        ``cancel``; nothing is returned then, and ``session.run`` is canceled.

        Parameters
        ----------
        frame : int
            Position along the propagated axis.
        target : SearchTarget
            What is searched for. Examples are objects of the session, each with its mask on the
            nearest frame.
        limits : CandidateLimits or None
            Which candidates are kept; None for the default ones.
        text_model : str
            What finds boxes by text, see
            :func:`napari_sam2.inference.text_detector.load_text_detector`.
        diameter : float or None
            Expected diameter of the objects in pixels; None measures it.

        Raises
        ------
        UserError
            If the text model cannot be loaded, or an example has no mask.
        SAM2Error
            If the text model cannot be downloaded.
        IndexError
            If there is no such frame.
        """
        index, limits = self._store.index(frame), limits or CandidateLimits()

        def search() -> list[Candidate]:
            made = make_search(
                target,
                self._everything(limits, diameter),
                detector=partial(self._detector, text_model),
                examples=partial(self._examples, target, frame),
            )
            with self._model_lock:
                return made.find(index, self._advance)

        found = self._searched(search)
        return [] if found is None else self.without_objects(frame, found, limits)

    def rank(
        self,
        frame: int,
        target: SearchTarget,
        limits: CandidateLimits | None = None,
        *,
        diameter: float | None = None,
    ) -> ExampleRanking | None:
        """Return all candidates on a frame, to rank them by examples as often as needed.

        Select from them with :meth:`occupied`. Parameters and errors are those of :meth:`find`.

        Returns
        -------
        ExampleRanking or None
            None if the search was stopped.
        """
        index, limits = self._store.index(frame), limits or CandidateLimits()
        made = ExampleSearch(self._everything(limits, diameter), self._examples(target, frame))

        def search() -> ExampleRanking:
            with self._model_lock:
                return made.ranking(index, self._advance)

        return self._searched(search)

    def _searched(self, search: Callable[[], _Found]) -> _Found | None:
        """Run a search and return its result; None if it was stopped."""
        self._state.reset()
        with self._state.running(1):
            try:
                return search()
            except (_CanceledError, LoadCancelled):
                return None

    def _everything(self, limits: CandidateLimits, diameter: float | None) -> EverythingSearch:
        pipeline = self._pipeline
        return EverythingSearch(pipeline.encoder, pipeline.placement, limits, diameter)

    def _examples(self, target: SearchTarget, frame: int) -> Examples:
        like, unlike = (
            tuple(self._example(object_id, frame) for object_id in ids)
            for ids in (target.like, target.unlike)
        )
        return Examples(like, unlike)

    def _example(self, object_id: int, frame: int) -> Example:
        """Return the mask of an object on the frame nearest to one."""
        frames = sorted(self._store.frames(object_id), key=lambda other: abs(other - frame))
        for other in frames:
            result = self._store.result(object_id, other)
            if result is not None and result.area:
                return Example(result.index, result.own_crop)
        raise UserError(
            f"Object {object_id} has no mask, so it cannot be an example. Choose objects with "
            "masks."
        )

    def without_objects(
        self, frame: int, candidates: Iterable[Candidate], limits: CandidateLimits | None = None
    ) -> list[Candidate]:
        """Return candidates without pixels of the objects on a frame, best first.

        A candidate of which too much belongs to objects, or that covers one, is left out; see
        :func:`napari_sam2.candidates.selection.select_disjoint`.

        Parameters
        ----------
        frame : int
            Position along the propagated axis.
        candidates : iterable of Candidate
            Candidates on the frame.
        limits : CandidateLimits or None
            Which candidates are kept; None for the default ones.
        """
        shape = self._pipeline.placement.shape
        return select_disjoint(
            candidates, shape, limits or CandidateLimits(), self.occupied(frame).values()
        )

    def occupied(self, frame: int) -> dict[int, MaskCrop]:
        """Return the masks of the objects on a frame by their ids, without empty ones."""
        return {
            record.object_id: record.own_crop
            for record in self._store.records(frame)
            if record.excluded is None and record.area
        }

    def _detector(self, name: str) -> TextDetector:
        device = self._pipeline.encoder.predictor.info.device
        try:
            return load_text_detector(name, device, self._advance_download)
        finally:
            self.downloading = False

    def _advance_download(self, done: int, total: int) -> None:
        """Report the progress of a download in megabytes."""
        if self._state.cancelled():
            raise LoadCancelled
        self.downloading = True
        self._state.advance(done // _MEGABYTE, max(total // _MEGABYTE, 1))

    def _advance(self, done: int, total: int) -> None:
        """Report the progress, and let another thread call the model."""
        if self._state.cancelled():
            raise _CanceledError
        self._state.advance(done, total)
        self._model_lock.release()
        sleep(_PAUSE)
        self._model_lock.acquire()


class _CanceledError(Exception):
    """The search was canceled; only this module sees it."""
