"""The commands and the progress at the foot of the widget, visible at any size."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils import cancelable_progress
from qtpy.QtWidgets import QFileDialog, QProgressBar

from napari_sam2._qt.command_panel import CommandPanel
from napari_sam2._qt.components import button, row
from napari_sam2._qt.lineage.export import TrackExportJobs
from napari_sam2.export.destination import label_filters, with_ending
from napari_sam2.session.volume_series.series_session import SeriesSession
from napari_sam2.viewer.keys import Action
from napari_sam2.viewer.preferences import read_preferences

if TYPE_CHECKING:
    from napari_sam2.session.session import SegmentationSession


class FootPanel(CommandPanel):
    """Propagates, stops, accepts and saves, and shows the progress of a run."""

    def make(self) -> None:
        """Make the parts of the panel."""
        self._activity: Any = None
        self.tracks = TrackExportJobs(self._state, self._controller.runs)
        self._make_run_buttons()
        self._make_save_buttons()
        self.bar = QProgressBar()
        self.bar.setObjectName("sam2_progress")
        self.bar.setFixedHeight(16)
        runs = row(self.propagate, self.propagate_all, self.stop)
        self.arrange(runs, self.bar, row(self.accept, self.save, self.save_as))
        self.refresh()

    def _make_run_buttons(self) -> None:
        controller, key = self._controller, self._key
        self.propagate = button(
            "Propagate",
            key(Action.PROPAGATE),
            "Propagate the current object from its prompts through the stack.",
            controller.propagate,
        )
        self.propagate_all = button(
            "All",
            key(Action.PROPAGATE_ALL),
            "Propagate all objects that are not accepted.",
            controller.propagate_all,
        )
        self.stop = button(
            "Stop",
            key(Action.STOP),
            "Stop after this frame. Finished frames are kept.",
            controller.runs.stop,
        )

    def _make_save_buttons(self) -> None:
        jobs, key = self._controller.accept_save, self._key
        self.accept = button(
            "Accept",
            key(Action.ACCEPT),
            "Accept the current object, and go to the next one that is not accepted.",
            jobs.accept,
        )
        self.save = button(
            "Save", key(Action.SAVE), "Save the accepted labels to a file.", jobs.save
        )
        tip = "Choose the file and its format: labels, or tracks with their lineage."
        self.save_as = button("Save as…", "", tip, self._save_as)

    def refresh(self) -> None:
        """Show the progress, here and in napari's activity dock."""
        running, session = self._state.running, self._state.sync is not None
        for made in (self.propagate, self.propagate_all, self.accept, self.save, self.save_as):
            made.setEnabled(session)
        self.stop.setEnabled(running is not None)
        self.bar.setEnabled(running is not None)
        if running is None:
            self.bar.setRange(0, 1)
            self.bar.setValue(0)
            self.bar.setFormat(self._planned())
            self.close_activity()
            return
        run = running.run
        self.bar.setRange(0, max(run.total, 1))
        self.bar.setValue(run.done)
        self.bar.setFormat(self._progress_text(running))
        self._show_activity(running)

    def _progress_text(self, running: "SegmentationSession | SeriesSession") -> str:
        run = running.run
        if not isinstance(running, SeriesSession) and running.search.downloading:
            return f"Downloading: {run.done} of {run.total} MB"
        if self._state.searching:
            return f"Searching: {run.done} of {run.total}"
        return self._controller.runs.rate.text(run.done, run.total)

    def _planned(self) -> str:
        """Return what Propagate would compute; the tooltip of the progress bar has the details."""
        volumes = self._controller.corrections.volumes
        if volumes.active:
            plan = volumes.plan(self._controller.direction)
            self.bar.setToolTip("" if plan is None else "\n".join(plan.lines()))
            return volumes.text(plan)
        self.bar.setToolTip("")
        frames = self._controller.frames_to_propagate()
        return f"{frames} frame{'s' * (frames != 1)} to propagate" * bool(frames)

    def _show_activity(self, running: "SegmentationSession | SeriesSession") -> None:
        if self._activity is None:
            self._activity = cancelable_progress(
                total=running.run.total,
                desc="Segment and track",
                cancel_callback=self._controller.runs.stop,
            )
        self._activity.update(running.run.done - self._activity.n)

    def close_activity(self) -> None:
        """Remove the progress from napari's activity dock."""
        if self._activity is not None:
            self._activity.close()
            self._activity = None

    def _save_as(self) -> None:
        ending = read_preferences().label_format
        filters, tracks = label_filters(), self.tracks.filters()
        usual = next(name for name, endings in filters.items() if ending in endings)
        path, chosen = QFileDialog.getSaveFileName(
            self, "Save labels", f"labels{ending}", ";;".join((*filters, *tracks)), usual
        )
        if path and chosen in tracks:
            self.tracks.save(Path(path), tracks[chosen])
        elif path:
            target = with_ending(Path(path), filters.get(chosen, (ending,))[0])
            self._controller.accept_save.save(target)
