"""Merges objects that are parts of one."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.core.errors import UserError
from napari_sam2.prompts.types import Prompt
from napari_sam2.viewer.layer_sync import LayerSync


class MergeJobs:
    """Merges objects in the queue of runs, after those that wait.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    runs : JobQueue
        The queue of runs.
    """

    def __init__(self, state: ControllerState, runs: JobQueue) -> None:
        self._state = state
        self._runs = runs

    def merge(self, object_ids: Sequence[int]) -> None:
        """Merge objects into the current one, or into the first if it is not among them."""
        sync, ids = self._state.sync, sorted(set(object_ids))
        if sync is None:
            return
        if len(ids) < 2:
            self._state.notice.emit("Select two or more objects in the table to merge them.")
            return
        target = self._state.current if self._state.current in ids else ids[0]
        sources = [object_id for object_id in ids if object_id != target]
        history, under_way = sync.sessions.history, ExitStack()
        action = history.action(_title(sources, target))
        under_way.enter_context(history.keep_open(action))

        def work() -> str:
            with under_way, history.join(action):
                return _merge(sync, sources, target)

        key = JobKey(JobKind.MERGE, (target, *sources))
        self._runs.submit(key, work, partial(self._merged, sync, target))

    def _merged(self, sync: LayerSync, target: int, text: str) -> None:
        self._state.unsaved = True
        if self._state.sync is sync:
            sync.prompt_layers.select(target)
            sync.prompt_layers.show()
        self._state.notice.emit(text)
        self._state.changed.emit()


def _title(sources: Sequence[int], target: int) -> str:
    return f"Merge object {', '.join(map(str, sources))} into object {target}"


def _merge(sync: LayerSync, sources: Sequence[int], target: int) -> str:
    """Merge objects one after the other, and return the message for the user."""
    done: list[int] = []
    dropped: list[Prompt] = []
    refused = ""
    for source in sources:
        try:
            dropped += sync.sessions.merge(source, target)
            done.append(source)
        except UserError as error:
            refused = f" {error}"
    if not done:
        return refused.strip()
    text = f"Object {', '.join(map(str, done))} is now a part of object {target}."
    if dropped:
        frames = ", ".join(map(str, sorted({prompt.frame for prompt in dropped})))
        text += f" Its prompts on frame {frames} were removed: object {target} has its own there."
    return text + refused
