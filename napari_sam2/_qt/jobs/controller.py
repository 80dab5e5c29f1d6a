"""The controller of the widget: begins and ends sessions and runs the user's commands."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer

from napari_sam2._qt.jobs.accept_save import AcceptSaveJobs
from napari_sam2._qt.jobs.background_encoding import BackgroundEncoder
from napari_sam2._qt.jobs.error_messages import ErrorMessage, is_out_of_memory
from napari_sam2._qt.jobs.hover_preview import HoverPreview
from napari_sam2._qt.jobs.import_prompts import PromptImportJobs
from napari_sam2._qt.jobs.model_input import ModelInputJobs
from napari_sam2._qt.jobs.predict import PredictionJobs
from napari_sam2._qt.jobs.proofreading.corrections import CorrectionJobs
from napari_sam2._qt.jobs.proofreading.frame_edits import FrameEditJobs
from napari_sam2._qt.jobs.proofreading.merge import MergeJobs
from napari_sam2._qt.jobs.queue import Failure, JobKey, JobKind, JobPriority, JobQueue
from napari_sam2._qt.jobs.refine import RefinementJobs
from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import PlaneIndex
from napari_sam2.masks.mask import FrameResult
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.session import SegmentationSession
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.mouse import CanvasClicks, NegativeClickHandler
from napari_sam2.viewer.open_layers import input_changes, open_layers
from napari_sam2.viewer.prompt_controller import Done, Work, execute_now
from napari_sam2.viewer.tools import ToolSelection

if TYPE_CHECKING:
    from napari_sam2.inference.protocol import Predictor

UPDATE_MS = 60
"""Milliseconds between two updates of what the threads have computed."""
_RETRIED = (JobKind.RUN, JobKind.PREDICT, JobKind.REFINE)
"""Jobs that are repeated with the next model if the memory was full."""
_CHECK_INPUT = JobKey(JobKind.CHECK_INPUT)


class SegmentationController(QObject):
    """Segments one image of one viewer at a time, with two threads: for clicks and for runs.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    label_format : str
        Ending of the names of saved labels, see :class:`OutputDestination`.
    parent : QObject or None
        Owner.

    Attributes
    ----------
    state : ControllerState
        What panels show.
    runs, corrections, frame_edits, predictions, prompt_import, refinement, accept_save, merging,
    hover
        The jobs that panels start.
    model_input : ModelInputJobs
        What the model is shown.
    tools : ToolSelection or None
        The tool that the canvas uses, None without a session.
    direction, frames : PropagationDirection, and (int, int) or None
        Direction and half-open range of propagation; None for all frames.
    """

    def __init__(
        self, viewer: Any, label_format: str = ".tif", parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.state = ControllerState(viewer, self)
        self.direction = PropagationDirection.BOTH
        self.frames: tuple[int, int] | None = None
        self._clicks = JobQueue("napari-sam2 clicks", self)
        self._run_queue = JobQueue("napari-sam2 propagation", self)
        self.runs = RunJobs(self.state, self._run_queue)
        self.corrections = CorrectionJobs(self.state, self.runs)
        self.frame_edits = FrameEditJobs(self.state, self._clicks)
        self.predictions = PredictionJobs(self.state, self._clicks)
        self.prompt_import = PromptImportJobs(self.state, self._clicks)
        self.refinement = RefinementJobs(self.state, self._clicks, self.runs)
        self.accept_save = AcceptSaveJobs(self.state, self._clicks, self._run_queue, label_format)
        self.merging = MergeJobs(self.state, self._run_queue)
        self.hover = HoverPreview(self.state, self._clicks)
        self._encoder = BackgroundEncoder(self._clicks)
        self.model_input = ModelInputJobs(self.state, self._clicks, self._encoder)
        self._mouse: tuple[NegativeClickHandler | CanvasClicks | ToolSelection, ...] = ()
        self.tools: ToolSelection | None = None
        self._changed_planes: set[PlaneIndex] = set()
        self._lock = Lock()
        self._store_numbers = count()
        self.state.run_ended.connect(self._run_ended)
        for queue in (self._clicks, self._run_queue):
            queue.failed.connect(self._failed)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.update)
        self._timer.start(UPDATE_MS)

    @property
    def idle(self) -> bool:
        """Whether no job waits or runs and all results have been delivered."""
        return self._clicks.idle and self._run_queue.idle

    def set_predictor(self, predictor: "Predictor") -> None:
        """Use another model; prompts and masks are kept.

        Runs that have been started end with their model. Jobs for which the memory was full are
        repeated.
        """
        sync = self.state.sync
        self.state.predictor = predictor
        if sync is not None:
            work = partial(sync.sessions.set_predictor, predictor)
            self._run_queue.submit(JobKey(JobKind.SET_MODEL), work, self._predictor_set)
        self.state.changed.emit()

    def _predictor_set(self, _: Any) -> None:
        self._encoder.reset()
        self._clicks.retry()
        self._run_queue.retry()
        self.state.changed.emit()

    def begin(self, images: Sequence[Image], along: str | None = None) -> None:
        """Continue the session of an image or start a new one; does nothing without a model.

        Parameters
        ----------
        images : sequence of Image
            The image, one layer for each channel.
        along : str or None
            The propagated axis; None selects t, else z.

        Raises
        ------
        UserError
            If the layers cannot be segmented.
        """
        predictor = self.state.predictor
        if predictor is None:
            return
        self.end()
        opened = open_layers(self.state.viewer, images, predictor, along)
        self.adopt(opened.sync)
        if opened.notes:
            self.state.notice.emit(" ".join(opened.notes))
        sessions = opened.sync.sessions
        if opened.restored:
            self._store(sessions.redraw, lambda _: opened.sync.refresh())
            opened.sync.prompts.request_awaited()
        self._clicks.submit(_CHECK_INPUT, partial(input_changes, sessions), self._notify)

    def adopt(self, sync: LayerSync) -> None:
        """Continue a segmentation that a script or an earlier widget has begun."""
        sync.attach()
        self.state.sync = sync
        self.state.predictor = sync.sessions.predictor
        self.tools = ToolSelection(sync)
        self._mouse = (NegativeClickHandler(sync), CanvasClicks(sync, self.tools), self.tools)
        sync.prompts.execute = self._store
        sync.sessions.connect(self._connect_session)
        for signal, slot in self._connections(sync):
            signal.connect(slot)
        self._encoder.reset()
        self.state.session_changed.emit()
        self.state.changed.emit()

    def _connections(self, sync: LayerSync) -> list[tuple[Any, Callable[..., Any]]]:
        events = sync.events
        return [
            (events.prompts_changed, self._prompts_changed),
            (events.prompts_withdrawn, self._prompts_withdrawn),
            (events.notice, self._notify),
            (events.image_lost, self._image_lost),
            (events.objects, self._objects_changed),
            (events.selection, self._selection_changed),
            *([(sync.sessions.folder.created, self._notify)] if sync.sessions.folder else []),
            (events.contrast, self._contrast_changed),
        ]

    def _session_connections(
        self, session: SegmentationSession
    ) -> list[tuple[Any, Callable[..., Any]]]:
        events = session.events
        return [
            (events.result, self._mask_computed),
            (events.masks, self._mask_changed),
            (events.notice, self._notify),
        ]

    def _connect_session(self, session: SegmentationSession) -> None:
        for signal, slot in self._session_connections(session):
            signal.connect(slot)

    def end(self) -> None:
        """End the session; its layers stay in the viewer."""
        if self.tools is not None:
            self.tools.stop()
        self._disconnect()
        self.state.sync, self.state.saved, self.state.unsaved = None, None, False
        self.predictions.clear()
        self._clicks.discard_retained()
        self._run_queue.discard_retained()
        self.state.session_changed.emit()

    def open(self) -> None:
        """Work again after :meth:`close`; call :meth:`adopt` or :meth:`begin` next."""
        self.state.sync = None
        self._clicks.open()
        self._run_queue.open()
        self.hover.open()
        self._timer.start(UPDATE_MS)

    def close(self) -> None:
        """End the session and the threads; masks that are done stay in the layers."""
        with suppress(RuntimeError):
            self._timer.stop()
        self._disconnect()
        self.hover.close()
        self._clicks.close()
        self._run_queue.close()
        self.state.pending_accepts.clear()

    def _disconnect(self) -> None:
        self.hover.clear()
        for handler in self._mouse:
            handler.release()
        self._mouse, self.tools = (), None
        sync = self.state.sync
        if sync is None:
            return
        sync.detach()
        sync.sessions.disconnect(self._connect_session)
        sync.prompts.execute = execute_now
        connections = self._connections(sync)
        for _, session in sync.sessions:
            connections += self._session_connections(session)
        for signal, slot in connections:
            signal.disconnect(slot, missing_ok=True)

    def new_object(self) -> None:
        """Start a new object; the present one is not accepted."""
        if self.state.sync is not None:
            self.state.sync.start_object()

    def frames_to_propagate(self) -> int:
        """Return how many frames :meth:`propagate` would compute."""
        return self.corrections.n_frames(self.direction, self.frames)

    def propagate(self) -> None:
        """Propagate the current object where its prompts have changed."""
        self.corrections.propagate(self.direction, self.frames)

    def propagate_all(self) -> None:
        """Propagate all objects that are not accepted, over all frames."""
        self.corrections.propagate_all(self.direction, self.frames)

    def propagate_objects(self, object_ids: Iterable[int]) -> None:
        """Propagate those of some objects that have prompts and are not accepted."""
        self.corrections.propagate_objects(object_ids, self.direction, self.frames)

    def undo(self) -> None:
        """Undo the last step."""
        self._replay(LayerSync.undo, "undo")

    def redo(self) -> None:
        """Redo the step that was undone last."""
        self._replay(LayerSync.redo, "redo")

    def _replay(self, replay: Callable[[LayerSync], bool], verb: str) -> None:
        if self.state.sync is not None and not replay(self.state.sync):
            self.state.notice.emit(f"There is nothing to {verb}.")

    def update(self) -> None:
        """Show what the threads have computed since the last update."""
        sync, state = self.state.sync, self.state
        if sync is None or not sync.alive:
            return
        with self._lock:
            changed, self._changed_planes = self._changed_planes, set()
        self.runs.report_rate()
        if changed:
            sync.refresh(changed)
        if changed or state.running is not None:
            state.changed.emit()
        if state.running is None:
            self._encoder.encode_shown(sync)

    def _store(self, work: Work, done: Done) -> None:
        key = JobKey(JobKind.STORE, next(self._store_numbers))
        self._clicks.submit(key, work, done, JobPriority.STORE)

    def _prompts_changed(self, key: PromptKey) -> None:
        self.hover.clear()
        self.predictions.predict(key)

    def _prompts_withdrawn(self, key: PromptKey) -> None:
        self.predictions.withdraw(key)

    def _notify(self, text: str) -> None:
        if text:
            self.state.notice.emit(text)

    def _objects_changed(self) -> None:
        self.state.unsaved = True
        self.state.changed.emit()

    def _selection_changed(self, _: int) -> None:
        self.state.changed.emit()

    def _contrast_changed(self) -> None:
        self.state.contrast_changed.emit()

    def _image_lost(self, text: str) -> None:
        self.end()
        self.state.notice.emit(text)

    def _mask_computed(self, result: FrameResult) -> None:
        with self._lock:
            self._changed_planes.add(result.index)

    def _mask_changed(self, _: int, index: PlaneIndex) -> None:
        with self._lock:
            self._changed_planes.add(index)

    def _run_ended(self) -> None:
        self.predictions.repeat_after_run()
        self._encoder.reset()

    def _failed(self, failure: Failure) -> None:
        key = failure.job.key
        if is_out_of_memory(failure.error) and key.kind in _RETRIED:
            failure.queue.retain(failure.job)
        if key.kind is JobKind.RUN:
            self.predictions.repeat_after_run()
        if key.kind is JobKind.ACCEPT and isinstance(key.subject, tuple):
            self.state.pending_accepts.difference_update(key.subject)
        if key.kind is JobKind.REFINE and isinstance(failure.error, UserError):
            self.state.notice.emit(str(failure.error))
        else:
            self.state.fault.emit(ErrorMessage.of(failure.error))
        self.state.changed.emit()
