"""Locks of the current object, its first and last frame, and ranges without it."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import count

from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobPriority, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.core.errors import UserError
from napari_sam2.core.frame_ranges import FrameRanges
from napari_sam2.prompts.types import PromptKey
from napari_sam2.session.history.edit_token import EditToken
from napari_sam2.session.session import SegmentationSession

Edit = Callable[[SegmentationSession], str]
"""Edits frames of an object in the thread of clicks; returns the message for the user."""


class FrameEditJobs:
    """Edits frames of the current object, after the predictions that wait.

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
        self._numbers = count()

    def lock_frame(self) -> None:
        """Lock the mask on the shown frame, or unlock it if it is locked."""
        key = self._state.current_key
        if key is not None:
            object_id, frame = key.object_id, key.frame
            title = f"Lock object {object_id}"
            self._submit(title, partial(_toggle_lock, object_id, frame))

    def lock_range(self, first: int, last: int) -> None:
        """Lock all masks from one frame to another one, both included."""
        object_id = self._state.current
        frames = range(first, last + 1)
        self._submit(f"Lock object {object_id}", partial(_lock, object_id, frames))

    def unlock_range(self, first: int, last: int) -> None:
        """Unlock all masks from one frame to another one, both included."""
        object_id = self._state.current
        frames = range(first, last + 1)
        self._submit(f"Unlock object {object_id}", partial(_unlock, object_id, frames))

    def end_here(self) -> None:
        """Let the shown frame be the last one: delete masks and prompts after it."""
        key = self._state.current_key
        if key is not None:
            text = f"Object {key.object_id} ends on frame {key.frame}"
            after = FrameRanges(((key.frame + 1, self._state.n_frames),))
            self._remove(text, after, lambda s: s.end_object(key.object_id, key.frame))

    def begin_here(self) -> None:
        """Let the shown frame be the first one: delete masks and prompts before it."""
        key = self._state.current_key
        if key is not None:
            text = f"Object {key.object_id} begins on frame {key.frame}"
            before = FrameRanges(((0, key.frame),))
            self._remove(text, before, lambda s: s.begin_object(key.object_id, key.frame))

    def clear_range(self, first: int, last: int) -> None:
        """Delete masks and prompts from one frame to another one, both included."""
        object_id, frames = self._state.current, FrameRanges(((first, last + 1),))
        text = f"Object {object_id} was cleared on {frames.text}"
        self._remove(text, frames, lambda s: s.clear(object_id, frames))

    def clear_extent(self) -> None:
        """Let the object have masks on all frames again; propagation makes them."""
        object_id = self._state.current
        text = f"Object {object_id} may be on all frames again. Propagate to find it there."

        def edit(session: SegmentationSession) -> str:
            session.clear_extent(object_id)
            return text

        self._submit(f"Clear the extent of object {object_id}", edit)

    def _remove(
        self, text: str, frames: FrameRanges, edit: Callable[[SegmentationSession], None]
    ) -> None:
        """Remove prompts on some frames, then edit the masks, in one step of the history."""
        sync, session, object_id = self._state.sync, self._state.session, self._state.current
        if sync is None or session is None:
            return
        locked = FrameRanges.of(session.locked(object_id)) & frames
        if locked:
            self._state.notice.emit(f"Object {object_id} is locked on {locked.text}. Unlock first.")
            return
        prompted = FrameRanges.of(session.prompts.frames(object_id)) & frames
        removed = f" Its prompts on {prompted.text} were removed." if prompted else ""
        fixed, history = sync.dims.fixed, sync.sessions.history
        action = history.action(text)
        with history.join(action):
            sync.prompts.edit([(PromptKey(fixed, object_id, f), ()) for f in prompted], text)
        if prompted:
            sync.prompt_layers.show()

        def work(session: SegmentationSession) -> str:
            edit(session)
            return f"{text}.{removed}"

        self._submit(text, work, action)

    def _submit(self, title: str, edit: Edit, action: EditToken | None = None) -> None:
        sync, session = self._state.sync, self._state.session
        if sync is None or session is None:
            return
        history, under_way = sync.sessions.history, ExitStack()
        token = action or history.action(title)
        under_way.enter_context(history.keep_open(token))
        time = dict(sync.dims.fixed).get("t")
        where = f" Frames are planes of the volume at t={time}." if sync.sessions.series else ""

        def work() -> str:
            with under_way, history.join(token):
                try:
                    return edit(session) + where
                except UserError as error:
                    return str(error)

        key = JobKey(JobKind.EDIT_FRAMES, next(self._numbers))
        self._queue.submit(key, work, self._done, JobPriority.CLICK)

    def _done(self, text: str) -> None:
        self._state.unsaved = True
        self._state.notice.emit(text)
        self._state.changed.emit()


def _toggle_lock(object_id: int, frame: int, session: SegmentationSession) -> str:
    if session.is_locked(object_id, frame):
        return _unlock(object_id, range(frame, frame + 1), session)
    return _lock(object_id, range(frame, frame + 1), session)


def _lock(object_id: int, frames: range, session: SegmentationSession) -> str:
    session.lock(object_id, frames)
    locked = FrameRanges.of(session.locked(object_id)) & FrameRanges.of(frames)
    missing = FrameRanges.of(frames) - locked
    left_out = f" There is no mask on {missing.text}." if missing else ""
    return f"Object {object_id} is locked on {locked.text}: nothing changes it there.{left_out}"


def _unlock(object_id: int, frames: range, session: SegmentationSession) -> str:
    before = FrameRanges.of(session.locked(object_id)) & FrameRanges.of(frames)
    session.unlock(object_id, frames)
    if not before:
        return f"Object {object_id} is not locked there."
    return f"Object {object_id} is unlocked on {before.text}."
