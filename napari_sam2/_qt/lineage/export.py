"""Export of tracks with their lineage for other programs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from napari_sam2._qt.jobs.queue import JobKind
from napari_sam2._qt.jobs.runs import RunJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.lineage.tracks import session_tracks
from napari_sam2.export.destination import OutputKind
from napari_sam2.export.tracking.formats import (
    TrackingFormat,
    check_tracking_output,
    tracking_notes,
    write_tracks,
)
from napari_sam2.images.input_files import check_outside
from napari_sam2.viewer.layer_sync import LayerSync


class TrackExportJobs:
    """Writes the tracks of the accepted objects.

    Parameters
    ----------
    state : ControllerState
        The segmentation; receives notices.
    runs : RunJobs
        Writes after the runs that wait.
    """

    def __init__(self, state: ControllerState, runs: RunJobs) -> None:
        self._state = state
        self._runs = runs

    def filters(self) -> dict[str, TrackingFormat]:
        """Return the formats by their filters for a file dialog; none without a time axis."""
        sync = self._state.sync
        if sync is None:
            return {}
        over_time = sync.grid.along == "t" and self._state.n_frames > 1
        if not over_time and not sync.sessions.series:
            return {}
        return {f"Tracks: {kind.title} (*{kind.ending})": kind for kind in TrackingFormat}

    def save(self, path: Path, kind: TrackingFormat) -> None:
        """Write the tracks; an earlier output of the same format is replaced.

        Parameters
        ----------
        path : Path
            File or folder; the ending of the format is added if it is missing.
        kind : TrackingFormat
            The format.
        """
        sync = self._state.sync
        if sync is None:
            return
        target = _with_ending(path, kind)
        work = partial(_write, sync, target, kind)
        self._runs.submit(JobKind.EXPORT_TRACKS, work, self._state.notice.emit, target)


def _with_ending(path: Path, kind: TrackingFormat) -> Path:
    """Return the path with the ending of a format, in place of one of labels."""
    labels = next(filter(None, (labels.ending_of(path.name) for labels in OutputKind)), "")
    name = path.name.removesuffix(labels)
    known = name.lower().endswith(kind.ending)
    return path.with_name(name if known else name + kind.ending)


def _write(sync: LayerSync, path: Path, kind: TrackingFormat) -> str:
    """Write the tracks, and return the message for the user."""
    check_tracking_output(path, kind, overwrite=True)
    for file in sync.sessions.stack.source.files:
        check_outside(path, file)
    found = session_tracks(sync, drafts=False)
    write_tracks(path, found.table, kind)
    count, links = len(found.table.tracks), len(found.table.lineage.parents)
    parts = [
        f"{count} object{'s' * (count > 1)}, {links} with a parent, written to {path}.",
        *([found.left_out] if found.left_out else []),
        *found.notes,
        *tracking_notes(found.table, kind),
    ]
    return " ".join(parts)
