"""Propagate, stop, how far it is, which way and how far it goes."""

from collections.abc import Callable
from typing import Any

from magicgui.widgets import ComboBox, Container, SpinBox
from napari.utils import cancelable_progress
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, folded, note, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.viewer.keys import Action

_WAYS = {
    "both ways": PropagationDirection.BOTH,
    "forward": PropagationDirection.FORWARD,
    "backward": PropagationDirection.BACKWARD,
}


class PropagationPanel(QWidget):
    """The part of the widget that follows objects.

    Parameters
    ----------
    engine : SegmentationController
        Does it.
    key : Callable
        Gives the key of an action.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        engine: SegmentationController,
        key: Callable[[Action], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._activity: Any = None
        self.propagate = button(
            "Propagate",
            key(Action.PROPAGATE),
            "Follow all objects that are not accepted, from their prompts.",
            engine.propagate,
        )
        self.stop = button(
            "Stop", key(Action.STOP), "End after this frame; what is done stays.", engine.stop
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.words = note()
        self.way = ComboBox(label="Direction", choices=list(_WAYS), value="both ways")
        self.first = SpinBox(label="From frame", min=0, max=0)
        self.last = SpinBox(label="To frame", min=0, max=0)
        self.options = Container(widgets=[self.way, self.first, self.last])
        self.options.margins = (0, 0, 0, 0)
        self.options.changed.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(row(self.propagate, self.stop))
        layout.addWidget(self.bar)
        layout.addWidget(self.words)
        layout.addWidget(folded("Direction and range", self.options.native))
        self.show_run()

    def show_session(self) -> None:
        """Offer the frames of a new session."""
        sync = self._engine.sync
        frames = 1 if sync is None else sync.sessions.stack.n_frames
        with self.options.changed.blocked():
            for box in (self.first, self.last):
                box.max = frames - 1
            self.first.value, self.last.value = 0, frames - 1
        self._choose()

    def show_run(self) -> None:
        """Show how far a propagation is, here and in napari's activity dock."""
        running = self._engine.running
        self.stop.setEnabled(running is not None)
        self.propagate.setEnabled(running is None and self._engine.sync is not None)
        self.bar.setVisible(running is not None)
        self.words.setVisible(running is not None)
        if running is not None:
            run = running.run
            self.bar.setRange(0, max(run.total, 1))
            self.bar.setValue(run.done)
            self.words.setText(self._engine.pace.words(run.done, run.total))
        self._show_activity(running)

    def _show_activity(self, running: Any) -> None:
        if running is None:
            self.end_activity()
            return
        if self._activity is None:
            self._activity = cancelable_progress(
                total=running.run.total, desc="Segment and track", cancel_callback=self._engine.stop
            )
        self._activity.update(running.run.done - self._activity.n)

    def end_activity(self) -> None:
        """Take the progress out of the activity dock."""
        if self._activity is not None:
            self._activity.close()
            self._activity = None

    def _choose(self, *_: Any) -> None:
        self._engine.direction = _WAYS[self.way.value]
        first, last = self.first.value, self.last.value
        whole = first == 0 and last == self.last.max
        self._engine.frames = None if whole or last < first else (first, last + 1)
