"""The layer with the tracks of all objects, measured in the background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from napari_sam2._qt.jobs.queue import JobKind
from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.core.errors import UserError
from napari_sam2.export.tracking.label_movie import LabelMovie
from napari_sam2.export.tracking.mask_labels import MaskLabels
from napari_sam2.export.tracking.track_table import TrackTable, measure_tracks
from napari_sam2.session.session import SegmentationSession
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerRole


class TrackJobs:
    """Shows the tracks on request, and again after masks or parents have changed.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    runs : RunJobs
        Measures the tracks after the runs that wait.
    """

    def __init__(self, state: ControllerState, runs: RunJobs) -> None:
        self._state = state
        self._runs = runs
        self._sync: LayerSync | None = None
        self._outdated = False
        state.session_changed.connect(self._session_changed)

    def show(self) -> None:
        """Show the tracks of all objects; the layer is made if it is not in the viewer."""
        sync = self._state.sync
        if sync is not None:
            self._outdated = False
            work = partial(_tracks_or_reason, sync)
            self._runs.submit(JobKind.MEASURE_TRACKS, work, partial(self._measured, sync))

    def refresh(self) -> None:
        """Show the tracks again if the layer is there, something has changed, and nothing runs."""
        sync = self._state.sync
        shown = sync is not None and sync.layers.find(LayerRole.TRACKS) is not None
        if shown and self._outdated and self._state.running is None:
            self.show()

    def _measured(self, sync: LayerSync, found: SessionTracks | str) -> None:
        if self._state.sync is not sync:
            return
        try:
            if isinstance(found, str):
                raise UserError(found)
            sync.layers.tracks.show(found.table)
        except UserError as error:
            layer = sync.layers.find(LayerRole.TRACKS)
            if layer is not None:
                sync.layers.forget(LayerRole.TRACKS)
                sync.viewer.layers.remove(layer)
            self._state.notice.emit(str(error))

    def _session_changed(self) -> None:
        before, self._sync = self._sync, self._state.sync
        if before is not None and before is not self._sync:
            before.events.objects.disconnect(self._changed, missing_ok=True)
            before.sessions.disconnect(self._follow)
        if self._sync is not None and before is not self._sync:
            self._sync.events.objects.connect(self._changed)
            self._sync.sessions.connect(self._follow)

    def _follow(self, session: SegmentationSession) -> None:
        for signal in (session.events.masks, session.events.result, session.events.objects):
            signal.connect(self._changed)

    def _changed(self, *_: Any) -> None:
        self._outdated = True


@dataclass(frozen=True)
class SessionTracks:
    """The tracks of the masks of a session.

    Parameters
    ----------
    table : TrackTable
        The tracks.
    notes : tuple of str
        Links that are left out.
    left_out : str
        A message about objects that are left out; "" for none.
    """

    table: TrackTable
    notes: tuple[str, ...]
    left_out: str


def session_tracks(sync: LayerSync, *, drafts: bool) -> SessionTracks:
    """Return the tracks of all masks; may be called from any thread.

    Parameters
    ----------
    sync : LayerSync
        Has the masks and the objects.
    drafts : bool
        Whether masks that are not accepted have tracks, too.

    Raises
    ------
    UserError
        If there is no time axis, no object, or a parent still exists when its daughter begins.
    """
    sessions = sync.sessions
    stack = sessions.stack.with_along("t", {"z": 0}) if sessions.series else sessions.stack
    labels = MaskLabels(sessions.masks, stack.shape, drafts)
    movie = LabelMovie(stack, labels.read)
    if labels.empty:
        what = "mask. Propagate objects" if drafts else "accepted mask. Accept objects"
        raise UserError(f"There are no tracks, as there is no {what} first.")
    table, notes = measure_tracks(movie, sessions.objects.lineage)
    names = ", ".join(map(str, labels.left_out))
    left_out = f"Masks that are not accepted are left out, of object {names}." if names else ""
    return SessionTracks(table, notes, left_out)


def _tracks_or_reason(sync: LayerSync) -> SessionTracks | str:
    """Return the tracks, or why there are none."""
    try:
        return session_tracks(sync, drafts=True)
    except UserError as error:
        return str(error)
