"""Predictions of masks on single frames from the user's prompts."""

from functools import partial

from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobPriority, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.inference.preview import Preview
from napari_sam2.prompts.types import PromptKey


class PredictionJobs:
    """Predicts a mask after each edit of prompts, and offers its other candidates.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    queue : JobQueue
        The queue of clicks.
    """

    def __init__(self, state: ControllerState, queue: JobQueue) -> None:
        self._state = state
        self._queue = queue
        self._previews: dict[PromptKey, Preview] = {}
        self._during_run: set[PromptKey] = set()

    def predict(self, key: PromptKey) -> None:
        """Predict the mask of an object on a frame; a newer request replaces a waiting one."""
        sync, state = self._state.sync, self._state
        if sync is None:
            return
        changing = (sync.series, sync.sessions[key.position])
        if state.running in changing and not state.searching:
            self._during_run.add(key)
        state.unsaved = True
        history = sync.sessions.history
        self._queue.submit(
            JobKey(JobKind.PREDICT, key),
            partial(sync.prompts.predict, key, history.current or history.owner(key)),
            partial(self._predicted, key),
            JobPriority.CLICK,
        )

    def _predicted(self, key: PromptKey, preview: Preview) -> None:
        self._previews[key] = preview
        if preview.result.crop.window.empty:
            self._state.notice.emit(
                "No object was found there. Click nearer to its middle, or draw a box."
            )
        self._state.changed.emit()

    def withdraw(self, key: PromptKey) -> None:
        """Remove the waiting prediction or refinement of a mask."""
        self._queue.drop(JobKey(JobKind.PREDICT, key))
        self._queue.drop(JobKey(JobKind.REFINE, key))
        self._previews.pop(key, None)

    def clear(self) -> None:
        """Forget the candidates of all predictions."""
        self._previews.clear()

    def repeat_after_run(self) -> None:
        """Predict again the masks whose prompts changed during a run, which replaced them."""
        keys, self._during_run = self._during_run, set()
        for key in keys:
            self.predict(key)

    def next_candidate(self) -> None:
        """Replace the mask of the current object on the shown frame by the next candidate."""
        key, session = self._state.current_key, self._state.session
        if key is None or session is None:
            return
        preview = self._previews.get(key)
        if preview is None or len(preview.candidates) < 2:
            self._state.notice.emit("There is no other mask. A single click offers three.")
            return
        self._queue.submit(
            JobKey(JobKind.PREDICT, key),
            partial(session.choose, preview, preview.chosen + 1),
            partial(self._chosen, key),
            JobPriority.CLICK,
        )

    def _chosen(self, key: PromptKey, preview: Preview) -> None:
        self._previews[key] = preview
        self._state.notice.emit(f"Mask {preview.chosen + 1} of {len(preview.candidates)}.")
