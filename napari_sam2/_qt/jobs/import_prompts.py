"""Prompts from Labels layers and from files."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from napari.layers import Labels

from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2._qt.jobs.queue import JobKey, JobKind, JobPriority, JobQueue
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.images.coordinates import FixedPosition
from napari_sam2.prompts.from_labels import LabelPromptKind
from napari_sam2.prompts.io import load_prompts
from napari_sam2.prompts.json_format import write_prompts_json
from napari_sam2.prompts.types import Prompt
from napari_sam2.prompts.volume_series.series_prompts import load_series_prompts
from napari_sam2.session.tracks.imported_labels import import_label_stack, open_label_stack
from napari_sam2.session.volume_series.series_session import volume_position
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
        """Add the prompts of a JSON or CSV file; along t and z, those of all time points."""
        sync = self._state.sync
        if sync is None:
            return
        try:
            volumes, notes = _read(path, sync)
            sync.prompt_layers.replace_at(volumes, "Add prompts of a file")
            if notes:
                self._state.notice.emit(" ".join(notes))
        except ValueError as error:
            self._state.fault.emit(ErrorMessage.of(error))

    def save_file(self, path: Path) -> None:
        """Write the prompts of the shown position, or along t and z of all, to a JSON file."""
        sync = self._state.sync
        if sync is None:
            return
        series = sync.sessions.series
        sessions = sync.series.volumes().values() if series else (sync.session,)
        prompted = [s.prompts.snapshot() for s in sessions if not series or len(s.prompts)]
        if prompted:
            write_prompts_json(path, prompted, sync.session.stack.shape)
        else:
            self._state.notice.emit("There is no prompt to save. Click an object first.")


def _import_drafts(sync: LayerSync, path: Path) -> int:
    """Import labels as masks to be checked, and return the number of objects."""
    sessions = sync.sessions
    import_label_stack(sessions, open_label_stack(path, sessions.stack), drafts=True)
    return len(sessions.masks.objects())


def _read(
    path: str, sync: LayerSync
) -> tuple[Mapping[FixedPosition, Iterable[Prompt]], tuple[str, ...]]:
    """Return the prompts of a file by position, and notes on them."""
    if not sync.sessions.series:
        prompts = load_prompts(path, sync.session.stack)
        return {sync.dims.fixed: prompts}, prompts.notes
    found = load_series_prompts(path, sync.sessions.stack)
    return {volume_position(t): store for t, store in found.volumes.items()}, found.notes
