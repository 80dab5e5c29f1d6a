"""What the widget does, off the GUI thread: load, look ahead, answer, propagate, accept, save."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2._qt.faults import words
from napari_sam2._qt.pace import Pace
from napari_sam2._qt.worker import Background
from napari_sam2.geometry import Index
from napari_sam2.lanes import Lanes
from napari_sam2.layer_points import Key
from napari_sam2.layer_sync import LayerSync
from napari_sam2.plan import PropagationRequest, Ways
from napari_sam2.preview import Preview
from napari_sam2.results import FrameResult
from napari_sam2.saving import free_path, save_labels
from napari_sam2.session import SegmentationSession
from napari_sam2.split_labels import SplitLabels
from napari_sam2.tally import Tally
from napari_sam2.viewer_session import intensity_of, is_large, is_lazy, stack_of

if TYPE_CHECKING:
    from napari_sam2.predictor_protocol import Predictor

TICK = 60
"""Milliseconds between two looks at what the threads have done."""
ASK, WARM, NEAR = 3, 2, 1


class Engine(QObject):
    """One image of one viewer, from prompts to saved labels.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the image is.
    parent : QObject or None
        Owner.
    """

    changed = Signal()
    """Something that the panels show."""
    began = Signal()
    """A session began or ended."""
    fault = Signal(str)
    notice = Signal(str)
    ran = Signal()
    """A propagation ended."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.predictor: Predictor | None = None
        self.sync: LayerSync | None = None
        self.direction = Ways.BOTH
        self.frames: tuple[int, int] | None = None
        self.saved: Path | None = None
        self.unsaved = False
        self.running: SegmentationSession | None = None
        self.pace = Pace()
        self.tally = Tally()
        self.previews: dict[Key, Preview] = {}
        self._live = Background("napari-sam2 clicks", self)
        self._runner = Background("napari-sam2 propagation", self)
        for background in (self._live, self._runner):
            background.failed.connect(self._failed)
        self._touched: set[Index] = set()
        self._lock = Lock()
        self._late: set[Key] = set()
        self._looked: tuple[Any, ...] = ()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK)

    def load(self, make: Callable[[], "Predictor"], done: Callable[[], None]) -> None:
        """Load a model in the background and use it; ``done`` is called after."""

        def use(predictor: "Predictor") -> None:
            self.predictor = predictor
            if self.sync is not None:
                self.sync.lanes.use(predictor)
                self._looked = ()
            done()
            self.changed.emit()

        self._live.submit("load", lambda: _leave_a_core(make()), use, urgency=9)

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
        stack = stack_of(images, along=along, dims_labels=names)
        large = any(is_lazy(image) or is_large(image) for image in images)
        folder = free_path(stack, ".zarr") if large and stack.source.files else None
        labels = SplitLabels.make(stack, folder)
        lanes = Lanes(stack, self.predictor, intensity_of(images), labels)
        self.adopt(LayerSync(self.viewer, images, lanes))
        if folder is not None:
            self.notice.emit(f"Accepted labels are written to {folder} as they come.")

    def adopt(self, sync: LayerSync) -> None:
        """Go on with a session that a script or a widget before has begun."""
        self.sync = sync
        self.predictor = sync.lanes.predictor
        self.tally = Tally()
        sync.lanes.listen(self._listen)
        sync.events.asked.connect(self.ask)
        sync.events.notice.connect(self.notice.emit)
        sync.events.lost.connect(self._lose)
        sync.events.objects.connect(self.changed.emit)
        sync.events.current.connect(self._current)
        self._looked = ()
        self.began.emit()
        self.changed.emit()

    def _current(self, _: int) -> None:
        self.changed.emit()

    def _lose(self, text: str) -> None:
        self.end()
        self.fault.emit(text)

    def end(self) -> None:
        """Stop working on the image; layers stay."""
        if self.sync is not None:
            for signal, slot in (("asked", self.ask), ("lost", self._lose)):
                getattr(self.sync.events, signal).disconnect(slot, missing_ok=True)
            self.sync.detach()
        self.sync, self.saved, self.unsaved = None, None, False
        self.previews.clear()
        self.began.emit()

    def close(self) -> None:
        """End all threads; what is done stays in the layers."""
        self._timer.stop()
        if self.sync is not None:
            self.sync.detach()
        self._live.close()
        self._runner.close()

    def _listen(self, session: SegmentationSession) -> None:
        session.events.result.connect(self._result)
        session.events.masks.connect(self._mask)

    def _result(self, result: FrameResult) -> None:
        self.tally.add(result)
        with self._lock:
            self._touched.add(result.index)

    def _mask(self, object_id: int, index: Index) -> None:
        if self.sync is not None:
            record = self.sync.lanes.masks.get(object_id, index)
            self.tally.set_status(object_id, index, record.status if record else None)
        with self._lock:
            self._touched.add(index)

    def ask(self, key: Key) -> None:
        """Compute the mask of an object on a frame; a newer request replaces an older one."""
        if self.sync is None:
            return
        session = self.sync.lanes[key[0]]
        if self.running is session:
            self._late.add(key)
        self.unsaved = True

        def keep(preview: Preview) -> None:
            self.previews[key] = preview
            if preview.result.window.empty:
                self.notice.emit("Nothing found there: click nearer the middle, or draw a box.")
            self.changed.emit()

        self._live.submit(("ask", key), partial(session.preview, *key[1:]), keep, ASK)

    def next_candidate(self) -> None:
        """Show what else the prompts of this frame may mean."""
        if self.sync is None:
            return
        key = (self.sync.fixed, self.sync.current, self.sync.frame)
        preview = self.previews.get(key)
        if preview is None or len(preview.candidates) < 2:
            self.notice.emit("There is one answer only: candidates come with a single click.")
            return
        session, number = self.sync.session, preview.chosen + 1

        def keep(chosen: Preview) -> None:
            self.previews[key] = chosen
            count = len(chosen.candidates)
            self.notice.emit(f"Candidate {chosen.chosen + 1} of {count}.")

        self._live.submit(("ask", key), partial(session.choose, preview, number), keep, ASK)

    def look_again(self, show: Callable[[Any], None]) -> None:
        """Take contrast and colours of the layers anew, and ``show`` what the model sees."""
        if self.sync is None:
            return
        lanes, session, frame = self.sync.lanes, self.sync.session, self.sync.frame
        intensity = intensity_of(self.sync.images)

        def look() -> Any:
            if intensity != lanes.intensity:
                lanes.show(intensity)
            return session.looker.image(session.stack.index(frame), session.rules.full)

        self._looked = ()
        self._live.submit("look", look, show, ASK)

    def propagate(self) -> None:
        """Follow all objects that are not accepted yet, from their prompts."""
        if self.sync is None:
            return
        session, sync = self.sync.session, self.sync
        ids = tuple(o for o in session.prompts.objects() if not sync.accepted(o))
        if not ids:
            self.notice.emit("Click an object first; then it can be followed.")
            return
        request = PropagationRequest(ids, self.direction, self.frames)
        self._runner.submit(("run", ids), partial(self._run, session, request), self._run_ended)

    def _run(self, session: SegmentationSession, request: PropagationRequest) -> bool:
        self.pace = Pace()
        self.running = session
        try:
            for _ in session.propagate(request):
                self.unsaved = True
        finally:
            self.running = None
        return session.run.cancelled

    def _run_ended(self, cancelled: bool) -> None:
        self.notice.emit("Stopped; what is done stays." if cancelled else "")
        late, self._late = self._late, set()
        for key in late:
            self.ask(key)
        self._looked = ()
        self.ran.emit()
        self.changed.emit()

    def stop(self) -> None:
        """End the propagation after the frame in work."""
        if self.running is not None:
            self.running.cancel()

    def accept(self) -> None:
        """Accept the object in work and go on with a new one."""
        sync = self.sync
        if sync is None:
            return
        object_id = sync.current
        if object_id not in sync.lanes.masks.objects():
            self.notice.emit("There is no mask to accept yet: click an object.")
            return
        self._runner.submit(
            ("accept", object_id),
            partial(self._accept, sync.session, object_id),
            lambda _: self._accepted(object_id),
        )
        sync.start_object()

    def _accept(self, session: SegmentationSession, object_id: int) -> None:
        self._live_settles()
        session.accept(object_id)

    def _live_settles(self) -> None:
        """Accept what the last click gives, not what was there before it."""
        deadline = monotonic() + 30
        while self._live.holds("ask") and monotonic() < deadline:
            sleep(0.01)

    def _accepted(self, object_id: int) -> None:
        self.unsaved = True
        self.notice.emit(f"Object {object_id} is accepted. Click the next one, or save.")
        if self.saved is not None:
            self.save(self.saved)
        self.changed.emit()

    def reopen(self, object_id: int) -> None:
        """Make an accepted object a draft again."""
        self._in_session("reopen", object_id, lambda session: session.reopen(object_id))

    def delete(self, object_id: int) -> None:
        """Delete an object with its prompts and masks."""
        if self.sync is None:
            return
        sync = self.sync
        sync.undo_steps.forget(object_id)
        for _, session in sync.lanes:
            session.prompts.clear(object_id)
        sync.show_prompts()

        def done(_: Any) -> None:
            self.unsaved = True
            if sync.current == object_id or sync.current not in sync.lanes.objects:
                sync.start_object()
            self.changed.emit()

        sessions = [session for _, session in sync.lanes]
        work = lambda: [s.delete_object(object_id) for s in sessions]  # noqa: E731
        self._runner.submit(("delete", object_id), work, done)

    def _in_session(
        self, kind: str, object_id: int, work: Callable[[SegmentationSession], Any]
    ) -> None:
        if self.sync is not None:
            session = self.sync.session
            done = lambda _: self.changed.emit()  # noqa: E731
            self._runner.submit((kind, object_id), lambda: work(session), done)

    def save(self, path: Path | None = None) -> None:
        """Write accepted labels; without a path, beside the image."""
        sync = self.sync
        if sync is None:
            return
        lanes = sync.lanes
        where = path or self.saved or free_path(lanes.stack)
        note = "" if lanes.predictor.info.trained else "untrained"

        def done(count: int) -> None:
            self.saved, self.unsaved = where, False
            open_ones = len(lanes.masks.objects()) - count
            more = f" {open_ones} not accepted yet." if open_ones > 0 else ""
            self.notice.emit(f"Saved {count} object{'s' * (count != 1)} to {where}.{more}")
            self.changed.emit()

        work = partial(save_labels, where, lanes.stack, lanes.labels, lanes.masks, note)
        self._runner.submit("save", work, done)

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
        self._look_ahead(sync)

    def _look_ahead(self, sync: LayerSync) -> None:
        """Encode the frame that is shown, then its neighbours."""
        place = (sync.fixed, sync.frame)
        if place == self._looked or self.running is not None:
            return
        self._looked = place
        session, frame = sync.session, sync.frame
        self._live.submit("warm", partial(session.warm, frame), urgency=WARM)
        for slot, near in (("after", frame + 1), ("before", frame - 1)):
            self._live.drop(slot)
            if 0 <= near < session.stack.n_frames:
                self._live.submit(slot, partial(session.warm, near), urgency=NEAR)

    def _failed(self, error: BaseException) -> None:
        self.fault.emit(words(error))
        self.changed.emit()


def _leave_a_core(predictor: "Predictor") -> "Predictor":
    """Leave one processor core to the GUI."""
    import os
    import sys

    if "torch" in sys.modules:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        sys.modules["torch"].set_num_threads(max(1, (cores or 2) - 1))
    return predictor
