"""What the widget does off the GUI thread: look ahead, answer, propagate, sharpen, accept, save."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2._qt.jobs.accept_save import AcceptSaveJobs
from napari_sam2._qt.jobs.background_encoding import BackgroundEncoder
from napari_sam2._qt.jobs.error_messages import ErrorMessage, is_memory
from napari_sam2._qt.jobs.hover_preview import HoverPreview
from napari_sam2._qt.jobs.queue import Failure, JobPriority, JobQueue
from napari_sam2._qt.jobs.refine import RefinementJobs
from napari_sam2._qt.jobs.runs import ProgressRate
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.export.labels import free_path
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.inference.preview import Preview
from napari_sam2.masks.label_array import DraftAndResultLabels
from napari_sam2.masks.mask import FrameResult
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.session import SegmentationSession
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.tracking.plan import PropagationDirection, PropagationRequest
from napari_sam2.viewer.image_layers import (
    intensity_from_layers,
    is_large,
    is_lazy,
    stack_from_layers,
)
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.mouse import NegativeClickHandler
from napari_sam2.viewer.prompt_controller import at_once

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor

Steps = Callable[[SegmentationSession], Iterable[Any]]
"""Does one frame after the other."""
Words = Callable[[bool], str]
"""What to tell of a run, given whether it was stopped."""
TICK = 60
"""Milliseconds between two looks at what the threads have done."""


class SegmentationController(QObject):
    """One image of one viewer, from prompts to saved labels.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the image is.
    ending : str
        Format of saved labels.
    parent : QObject or None
        Owner.
    """

    changed = Signal()
    """Something that the panels show."""
    began = Signal()
    """A session began or ended."""
    fault = Signal(object)
    """A Fault."""
    notice = Signal(str)
    ran = Signal()
    """A propagation, or a run of second looks, ended."""

    def __init__(self, viewer: Any, ending: str = ".tif", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.predictor: Predictor | None = None
        self.sync: LayerSync | None = None
        self.direction = PropagationDirection.BOTH
        self.frames: tuple[int, int] | None = None
        self.saved: Path | None = None
        self.unsaved = False
        self.running: SegmentationSession | None = None
        self.pace = ProgressRate()
        self.previews: dict[PromptKey, Preview] = {}
        self._live = JobQueue("napari-sam2 clicks", self)
        self._runner = JobQueue("napari-sam2 propagation", self)
        for background in (self._live, self._runner):
            background.failed.connect(self._failed)
        self.keeping = AcceptSaveJobs(self, self._live, self._runner, ending)
        self.sharpening = RefinementJobs(self, self._live)
        self.hover = HoverPreview(self, self._live)
        self._alt: NegativeClickHandler | None = None
        self._touched: set[PlaneIndex] = set()
        self._lock = Lock()
        self._runs = self._asides = 0
        self._late: set[PromptKey] = set()
        self._short: dict[Hashable, Failure] = {}
        self._eyes = BackgroundEncoder(self._live)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK)

    def use(self, predictor: "Predictor") -> None:
        """Go on with another model; prompts and masks stay.

        A propagation that goes on ends with the model that it began with. What there was no
        memory for is done again.
        """
        self.predictor = predictor
        if self.sync is not None:
            self._runner.submit(
                "model", partial(self.sync.sessions.set_predictor, predictor), self._swapped
            )
        self.changed.emit()

    def _swapped(self, _: Any) -> None:
        self._eyes.forget()
        failures, self._short = list(self._short.values()), {}
        for failure in failures:
            failure.try_again()
        self.changed.emit()

    def begin(self, images: Sequence[Image], along: str | None = None) -> None:
        """Start on an image, or several as channels.

        Raises
        ------
        UserError
            If they cannot be segmented, or no model is loaded.
        """
        if self.predictor is None:
            return
        self.end()
        names = tuple(self.viewer.dims.axis_labels)
        stack = stack_from_layers(images, along=along, dims_labels=names)
        large = any(is_lazy(image) or is_large(image) for image in images)
        folder = free_path(stack, ".zarr") if large and stack.source.files else None
        labels = DraftAndResultLabels.make(stack, folder)
        sessions = SessionGroup(stack, self.predictor, intensity_from_layers(images), labels)
        self.adopt(LayerSync(self.viewer, images, sessions))
        if folder is not None:
            self.notice.emit(f"Accepted labels are written to {folder} as they come.")

    def adopt(self, sync: LayerSync) -> None:
        """Go on with a session that a script or a widget before has begun."""
        self.sync = sync
        self._alt = NegativeClickHandler(sync)
        sync.edits.aside = self._aside
        self.predictor = sync.sessions.predictor
        sync.sessions.connect(self._listen)
        sync.events.asked.connect(self.ask)
        sync.events.withdrawn.connect(self._withdraw)
        sync.events.notice.connect(self.notice.emit)
        sync.events.lost.connect(self._lose)
        sync.events.objects.connect(self.changed.emit)
        sync.events.current.connect(self._current)
        self._eyes.forget()
        self.began.emit()
        self.changed.emit()

    def _current(self, _: int) -> None:
        self.changed.emit()

    def _lose(self, text: str) -> None:
        self.end()
        self.fault.emit(ErrorMessage(text))

    def end(self) -> None:
        """Stop working on the image; layers stay."""
        if self.sync is not None:
            for signal, slot in (("asked", self.ask), ("lost", self._lose)):
                getattr(self.sync.events, signal).disconnect(slot, missing_ok=True)
            self.sync.detach()
        self._let_go()
        self.sync, self.saved, self.unsaved = None, None, False
        self.previews.clear()
        self._short.clear()
        self.began.emit()

    def close(self) -> None:
        """End all threads; what is done stays in the layers."""
        with suppress(RuntimeError):
            self._timer.stop()
        if self.sync is not None:
            self.sync.detach()
        self._let_go()
        self.hover.release()
        self._live.close()
        self._runner.close()

    def do(self, slot: Hashable, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Do something in the thread that answers clicks; ``done`` gets what it gave."""
        self._live.submit(slot, work, done, JobPriority.CLICK)

    def _aside(self, work: Callable[[], Any]) -> None:
        self._asides += 1
        self._live.submit(("aside", self._asides), work, urgency=JobPriority.STORE)

    def _let_go(self) -> None:
        self.hover.clear()
        if self.sync is not None:
            self.sync.sessions.disconnect(self._listen)
            self.sync.edits.aside = at_once
        if self._alt is not None:
            self._alt.release()
            self._alt = None

    def _listen(self, session: SegmentationSession) -> None:
        session.events.result.connect(self._result)
        session.events.masks.connect(self._mask)
        session.events.notice.connect(self._told)

    def _told(self, text: str) -> None:
        self.notice.emit(text)

    def _result(self, result: FrameResult) -> None:
        with self._lock:
            self._touched.add(result.index)

    def _mask(self, _: int, index: PlaneIndex) -> None:
        with self._lock:
            self._touched.add(index)

    def ask(self, key: PromptKey) -> None:
        """Compute the mask of an object on a frame; a newer request replaces an older one."""
        if self.sync is None:
            return
        self.hover.clear()
        session = self.sync.sessions[key[0]]
        if self.running is session:
            self._late.add(key)
        self.unsaved = True

        def keep(preview: Preview) -> None:
            self.previews[key] = preview
            self._short.pop(("ask", key), None)
            if preview.result.crop.window.empty:
                self.notice.emit("Nothing found there: click nearer the middle, or draw a box.")
            self.changed.emit()

        self._live.submit(("ask", key), partial(self.sync.answer, key), keep, JobPriority.CLICK)

    def _withdraw(self, key: PromptKey) -> None:
        for slot in (("ask", key), ("sharpen", key)):
            self._live.drop(slot)
            self._short.pop(slot, None)
        self.previews.pop(key, None)

    def next_candidate(self) -> None:
        """Show what else the prompts of this frame may mean."""
        if self.sync is None:
            return
        key = PromptKey(self.sync.fixed, self.sync.current, self.sync.frame)
        preview = self.previews.get(key)
        if preview is None or len(preview.candidates) < 2:
            self.notice.emit("There is one answer only: candidates come with a single click.")
            return
        session, number = self.sync.session, preview.chosen + 1

        def keep(chosen: Preview) -> None:
            self.previews[key] = chosen
            count = len(chosen.candidates)
            self.notice.emit(f"Candidate {chosen.chosen + 1} of {count}.")

        self._live.submit(
            ("ask", key), partial(session.choose, preview, number), keep, JobPriority.CLICK
        )

    def look_again(self, show: Callable[[Any], None]) -> None:
        """Take contrast and colours of the layers anew, and ``show`` what the model sees."""
        if self.sync is None:
            return
        sessions, session, frame = self.sync.sessions, self.sync.session, self.sync.frame
        intensity = intensity_from_layers(self.sync.images)

        def look() -> Any:
            if intensity != sessions.intensity:
                sessions.set_intensity(intensity)
            return session.encoder.image(session.stack.index(frame), session.placement.full)

        self._eyes.forget()
        self.do("look", look, show)

    def propagate(self) -> None:
        """Follow all objects that are not accepted yet, from their prompts."""
        if self.sync is None:
            return
        sync, done = self.sync, self.keeping.waiting
        asked = sync.session.prompts.objects()
        ids = tuple(o for o in asked if not sync.accepted(o) and o not in done)
        if not ids:
            self.notice.emit("Click an object first; then it can be followed.")
            return
        request = PropagationRequest(ids, self.direction, self.frames)
        self.follow(sync, lambda session: session.propagate(request))

    def follow(self, sync: LayerSync, steps: Steps, words: Words = lambda _: "") -> None:
        """Go along a track after the runs before, then tell what came of it."""
        self._runs += 1
        self._short = {s: f for s, f in self._short.items() if f.job.kind != "run"}
        work = partial(self._run, sync, sync.fixed, steps)
        self._runner.submit(("run", self._runs), work, partial(self._run_ended, words))

    def _run(self, sync: LayerSync, fixed: FixedPosition, steps: Steps) -> bool:
        session, self.pace = sync.sessions[fixed], ProgressRate()
        self.running = session
        try:
            for _ in steps(session):
                self.unsaved = True
        finally:
            self.running = None
        return session.run.cancelled

    def _run_ended(self, words: Words, cancelled: bool) -> None:
        stopped = "Stopped; what is done stays. " if cancelled else ""
        self.notice.emit((stopped + words(cancelled)).strip())
        self._ask_late()
        self._eyes.forget()
        self.ran.emit()
        self.changed.emit()

    def _ask_late(self) -> None:
        late, self._late = self._late, set()
        for key in late:
            self.ask(key)

    def stop(self) -> None:
        """End the run after the frame in work."""
        if self.running is not None:
            self.running.cancel()

    def _tick(self) -> None:
        sync = self.sync
        if sync is None or not sync.alive:
            return
        with self._lock:
            touched, self._touched = self._touched, set()
        if self.running is not None:
            self.pace.report(monotonic(), self.running.run.done)
        if touched:
            sync.refresh(touched)
        if touched or self.running is not None:
            self.changed.emit()
        if self.running is None:
            self._eyes.look(sync)

    def _failed(self, failure: Failure) -> None:
        job = failure.job
        if is_memory(failure.error) and job.kind in ("run", "ask", "sharpen"):
            self._short[job.slot] = failure
        if job.kind == "run":
            self._ask_late()
        if job.kind == "accept" and isinstance(job.slot, tuple):
            self.keeping.waiting.discard(job.slot[1])
        self.fault.emit(ErrorMessage.of(failure.error))
        self.changed.emit()
