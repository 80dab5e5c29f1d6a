"""Jobs that accept, reopen, delete and save objects."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.session.session_group import SessionGroup
from napari_sam2.viewer.layer_sync import LayerSync

_GROUP = 16
"""Number of objects that are accepted together."""


class AcceptSaveJobs:
    """Accepts, reopens, deletes and saves objects in the queue of runs, after those that wait.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives what is saved, pending accepts and notices.
    clicks, runs : JobQueue
        The queue of clicks, which an accept waits for, and the queue of runs.
    label_format : str
        Ending of the names of saved labels, see :class:`OutputDestination`.

    Attributes
    ----------
    cover : bool
        Whether an accepted object takes the pixels that it shares with objects accepted before.
    """

    def __init__(
        self,
        state: ControllerState,
        clicks: JobQueue,
        runs: JobQueue,
        label_format: str = ".tif",
    ) -> None:
        self._state = state
        self._clicks = clicks
        self._runs = runs
        self._label_format = label_format
        self.cover = False

    def accept(self) -> None:
        """Accept the current object, and select the next one that is not accepted."""
        state, sync = self._state, self._state.sync
        if sync is None:
            return
        object_id = state.current
        if sync.is_used(object_id):
            self._submit(sync, [object_id])
            self.select_next()
        elif self._waiting(sync):
            self.select_next()
            state.notice.emit(f"Object {state.current} is the next one that is not accepted.")
        else:
            state.notice.emit("There is no mask to accept. Click an object first.")

    def accept_all(self) -> None:
        """Accept all objects with a mask, and start a new one."""
        if self._state.sync is not None:
            self.accept_objects(self._waiting(self._state.sync))

    def accept_objects(self, object_ids: Sequence[int]) -> None:
        """Accept some objects; if the current one is among them, select the next one."""
        sync = self._state.sync
        if sync is None:
            return
        waiting = set(self._waiting(sync))
        ids = [object_id for object_id in object_ids if object_id in waiting]
        if not ids:
            self._state.notice.emit("There is no object to accept. Click an object first.")
            return
        self._submit(sync, ids)
        if self._state.current in ids:
            self.select_next()

    def select_next(self) -> None:
        """Select the next object that is not accepted, and show it; else start a new object."""
        sync = self._state.sync
        if sync is None:
            return
        waiting, current = self._waiting(sync), self._state.current
        if not waiting:
            sync.start_object()
            return
        following = [object_id for object_id in waiting if object_id > current]
        object_id = (following or waiting)[0]
        sync.prompt_layers.select(object_id)
        sync.show_object(object_id)

    def _waiting(self, sync: LayerSync) -> list[int]:
        """Return the objects with prompts or masks that are neither accepted nor about to be."""
        return [o for o in sync.open_drafts() if o not in self._state.pending_accepts]

    def _submit(self, sync: LayerSync, ids: Sequence[int]) -> None:
        self._state.pending_accepts.update(ids)
        self._runs.submit(
            JobKey(JobKind.ACCEPT, tuple(ids)),
            partial(self._accept, sync.sessions, sync.dims.fixed, ids, self.cover),
            self._accepted,
        )

    def _accept(
        self, sessions: SessionGroup, fixed: FixedPosition, ids: Sequence[int], cover: bool
    ) -> list[int]:
        """Accept the objects whose runs were not stopped meanwhile, and return them."""
        self._clicks.wait_for((JobKind.PREDICT, JobKind.REFINE))
        pending = [object_id for object_id in ids if object_id in self._state.pending_accepts]
        one = len(pending) == 1
        title = f"Accept object {pending[0]}" if one else f"Accept {len(pending)} objects"
        with sessions.history.step(title):
            # Labels are drawn after each group, and clicks can be stored in between.
            for start in range(0, len(pending), _GROUP):
                with sessions.history.edit(title):
                    for object_id in pending[start : start + _GROUP]:
                        sessions.accept(fixed, object_id, cover=cover)
        return pending

    def _accepted(self, ids: Sequence[int]) -> None:
        state = self._state
        state.pending_accepts.difference_update(ids)
        if not ids:
            return
        state.unsaved = True
        done = f"Object {ids[0]} is" if len(ids) == 1 else f"{len(ids)} objects are"
        state.notice.emit(f"{done} accepted. Click the next object, or save.")
        if state.sync is not None:
            state.sync.show_masks()
        if state.saved is not None:
            self.save(state.saved)
        state.changed.emit()

    def reopen(self, object_id: int) -> None:
        """Make an accepted object a draft again."""
        sync = self._state.sync
        if sync is not None:
            work = partial(sync.sessions.reopen, sync.dims.fixed, object_id)
            self._runs.submit(JobKey(JobKind.REOPEN, object_id), work, self._changed)

    def _changed(self, _: Any) -> None:
        self._state.changed.emit()

    def delete(self, object_id: int) -> None:
        """Delete an object with its prompts and masks."""
        sync = self._state.sync
        if sync is None:
            return
        history, sessions = sync.sessions.history, [session for _, session in sync.sessions]
        action = history.action(f"Delete object {object_id}")
        under_way = ExitStack()
        under_way.enter_context(history.keep_open(action))
        sync.prompts.forget(object_id)
        with history.join(action):
            for session in sessions:
                session.prompts.clear(object_id)
        sync.prompt_layers.show()

        def work() -> None:
            with under_way, history.join(action):
                for session in sessions:
                    session.delete_object(object_id)

        key = JobKey(JobKind.DELETE, object_id)
        self._runs.submit(key, work, partial(self._deleted, sync, object_id))

    def _deleted(self, sync: LayerSync, object_id: int, _: Any) -> None:
        self._state.unsaved = True
        current = sync.prompt_layers.current
        if current == object_id or current not in sync.sessions.objects:
            sync.start_object()
        self._state.changed.emit()

    def save(self, path: Path | None = None) -> None:
        """Write the accepted labels to a file.

        Parameters
        ----------
        path : Path or None
            The file; None selects the last one, else a free name beside the image.
        """
        sync = self._state.sync
        if sync is None:
            return
        sessions = sync.sessions
        work = partial(_save, sessions, path or self._state.saved, self._label_format)
        self._runs.submit(JobKey(JobKind.SAVE), work, partial(self._saved, sessions))

    def _saved(self, sessions: SessionGroup, saved: tuple[Path, int, str]) -> None:
        state, (path, count, lost) = self._state, saved
        state.saved, state.unsaved = path, False
        state.labels_saved.emit(path)
        drafts = len(sessions.masks.objects()) - count
        more = f" {drafts} not accepted yet." if drafts > 0 else ""
        state.notice.emit(
            f"Saved {count} object{'s' * (count != 1)} to {path}.{more} {lost}".strip()
        )
        state.changed.emit()


def _save(sessions: SessionGroup, path: Path | None, label_format: str) -> tuple[Path, int, str]:
    """Write the accepted labels to a file or to a free name.

    Returns
    -------
    path, count, note
        The file, the number of objects, and what the file does not store.
    """
    # Imported in the thread of the job, as the libraries of all formats take long to import.
    from napari_sam2.export.classes.object_classes import ObjectClasses
    from napari_sam2.export.destination import OutputDestination
    from napari_sam2.export.labels import free_path, save_labels

    target = path or free_path(sessions.stack, label_format)
    note = "" if sessions.predictor.info.trained else "untrained"
    classes = ObjectClasses.of(sessions.objects)
    count = save_labels(target, sessions.stack, sessions.labels, sessions.masks, note, classes)
    return target, count, classes.note(OutputDestination.parse(target))
