"""Prompts from Labels layers and from files."""

from functools import partial
from pathlib import Path

from napari.layers import Labels

from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobPriority, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.types import Prompt
from napari_sam2.session.tracks.imported_labels import import_label_stack, open_label_stack
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.labels import layer_prompts


class PromptImportJobs:
    """Adds prompts from Labels layers and files, in place of those on the same frames.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices and errors.
    queue : JobQueue
        The queue of clicks, where labels are read.
    """

    def __init__(self, state: ControllerState, queue: JobQueue) -> None:
        self._state = state
        self._queue = queue

    def add_labels(self, layer: Labels, kind: LabelPromptKind) -> None:
        """Make an object of each label of a layer on the shown frame."""
        sync = self._state.sync
        if sync is None:
            return
        read = partial(layer_prompts, layer, sync.session.stack, kind, sync.dims.frame)
        done = partial(self._labels_read, sync, sync.dims.fixed, layer.name)
        self._queue.submit(JobKey(JobKind.READ_LABELS), read, done, JobPriority.CLICK)

    def _labels_read(
        self, sync: LayerSync, fixed: FixedPosition, name: str, prompts: tuple[Prompt, ...]
    ) -> None:
        sync.prompt_layers.replace(fixed, prompts, f"Start from {name!r}")
        self._state.notice.emit(f"{len(prompts)} objects were made from {name!r}.")

    def add_label_stack(self, path: Path) -> None:
        """Make a draft of each label of a label image, on all frames and positions."""
        sync = self._state.sync
        if sync is None:
            return
        key = JobKey(JobKind.READ_LABELS, path)
        done = partial(self._label_stack_read, sync, path)
        self._queue.submit(key, partial(_import_drafts, sync, path), done, JobPriority.STORE)

    def _label_stack_read(self, sync: LayerSync, path: Path, count: int) -> None:
        sync.refresh()
        sync.start_object()
        self._state.unsaved = True
        self._state.notice.emit(
            f"{count} objects were imported from {path.name}. Check, correct and accept them."
        )
        self._state.changed.emit()

    def add_file(self, path: str) -> None:
        """Add the prompts of a JSON or CSV file."""
        sync = self._state.sync
        if sync is None:
            return
        try:
            prompts = load_prompts(path, sync.session.stack)
            sync.prompt_layers.replace(sync.dims.fixed, prompts, "Add prompts of a file")
            if prompts.notes:
                self._state.notice.emit(" ".join(prompts.notes))
        except ValueError as error:
            self._state.fault.emit(ErrorMessage.of(error))


def _import_drafts(sync: LayerSync, path: Path) -> int:
    """Import labels as masks to be checked, and return the number of objects."""
    sessions = sync.sessions
    import_label_stack(sessions, open_label_stack(path, sessions.stack), drafts=True)
    return len(sessions.masks.objects())
