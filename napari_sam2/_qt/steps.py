"""Work of the GUI thread that is done in steps, so that the window responds in between."""

from collections.abc import Iterator

from qtpy.QtCore import QObject, QTimer, Signal


def run_at_once(steps: Iterator[None]) -> None:
    """Do all steps now."""
    for _ in steps:
        pass


class StepRunner(QObject):
    """Does one step of some work each time the event loop has nothing else to do.

    Parameters
    ----------
    parent : QObject
        Owner.
    """

    finished = Signal()
    """All steps are done."""
    failed = Signal(object)
    """The error of a step, which is raised, too; the steps that are left are not done."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._steps: Iterator[None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._advance)

    @property
    def running(self) -> bool:
        """Whether there are steps left, also after :meth:`pause`."""
        return self._steps is not None

    def run(self, steps: Iterator[None]) -> None:
        """Do the steps of an iterator."""
        self._steps = steps
        self._timer.start()

    def pause(self) -> None:
        """Do no further step until :meth:`resume`."""
        self._timer.stop()

    def resume(self) -> None:
        """Do the steps that are left."""
        if self.running:
            self._timer.start()

    def finish(self) -> None:
        """Do all steps that are left now."""
        while self.running:
            self._advance()

    def _advance(self) -> None:
        if self._steps is None:
            return
        try:
            next(self._steps)
        except StopIteration:
            self._end()
            self.finished.emit()
        except BaseException as error:
            self._end()
            self.failed.emit(error)
            raise

    def _end(self) -> None:
        self._steps = None
        self._timer.stop()
