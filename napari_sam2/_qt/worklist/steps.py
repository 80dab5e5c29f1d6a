"""Steps that wait until the jobs of the widget allow them."""

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

_POLL_MS = 20


class WaitingStep(QObject):
    """Runs one function as soon as a condition holds, in the GUI thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ready: Callable[[], bool] | None = None
        self._step: Callable[[], Any] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def waiting(self) -> bool:
        """Whether a step waits."""
        return self._step is not None

    def run(self, ready: Callable[[], bool], step: Callable[[], Any]) -> None:
        """Run a step when a condition holds, in place of one that waits."""
        self._ready, self._step = ready, step
        self._timer.start()

    def cancel(self) -> None:
        """Drop the step that waits."""
        self._timer.stop()
        self._ready = self._step = None

    def _poll(self) -> None:
        if self._ready is None or self._step is None or not self._ready():
            return
        step = self._step
        self.cancel()
        step()
