"""Starts and stops propagation, with its direction, its frames and its progress."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, SpinBox
from napari.utils import cancelable_progress
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from napari_sam2._qt.components import button, folded, note, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.tracking.plan import PropagationDirection
from napari_sam2.viewer.keys import Action

if TYPE_CHECKING:
    from napari_sam2.session.session import SegmentationSession

_DIRECTIONS = {
    "both ways": PropagationDirection.BOTH,
    "forward": PropagationDirection.FORWARD,
    "backward": PropagationDirection.BACKWARD,
}


class PropagationPanel(QWidget):
    """Propagates objects and shows the progress.

    Parameters
    ----------
    controller : SegmentationController
        Propagates.
    key : Callable
        Returns the key of an action.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        controller: SegmentationController,
        key: Callable[[Action], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self._state = controller.state
        self._activity: Any = None
        self.propagate = button(
            "Propagate",
            key(Action.PROPAGATE),
            "Propagate all objects that are not accepted from their prompts.",
            controller.propagate,
        )
        self.stop = button(
            "Stop",
            key(Action.STOP),
            "Stop after this frame. Finished frames are kept.",
            controller.runs.stop,
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.progress = note()
        self._make_options()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(row(self.propagate, self.stop))
        layout.addWidget(self.bar)
        layout.addWidget(self.progress)
        layout.addWidget(folded("Direction and range", self.options.native))
        self.refresh()

    def _make_options(self) -> None:
        self.direction = ComboBox(label="Direction", choices=list(_DIRECTIONS), value="both ways")
        self.first = SpinBox(label="From frame", min=0, max=0)
        self.last = SpinBox(label="To frame", min=0, max=0)
        self.options = Container(widgets=[self.direction, self.first, self.last])
        self.options.margins = (0, 0, 0, 0)
        self.options.changed.connect(self._options_changed)

    def show_session(self) -> None:
        """Offer the frames of a new session."""
        last = self._state.n_frames - 1
        with self.options.changed.blocked():
            for box in (self.first, self.last):
                box.max = last
            self.first.value, self.last.value = 0, last
        self._options_changed()

    def refresh(self) -> None:
        """Show the progress, here and in napari's activity dock."""
        running = self._state.running
        self.stop.setEnabled(running is not None)
        self.propagate.setEnabled(running is None and self._state.sync is not None)
        self.bar.setVisible(running is not None)
        self.progress.setVisible(running is not None)
        if running is None:
            self.close_activity()
            return
        run = running.run
        self.bar.setRange(0, max(run.total, 1))
        self.bar.setValue(run.done)
        self.progress.setText(self._controller.runs.rate.text(run.done, run.total))
        self._show_activity(running)

    def _show_activity(self, running: "SegmentationSession") -> None:
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

    def _options_changed(self, *_: Any) -> None:
        self._controller.direction = _DIRECTIONS[self.direction.value]
        first, last = self.first.value, self.last.value
        everything = first == 0 and last == self.last.max
        self._controller.frames = None if everything or last < first else (first, last + 1)
