"""A widget that is released when its dock is closed or hidden."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QDockWidget, QWidget


class DockedWidget(QWidget):
    """Connects to the viewer while its dock is shown, and disconnects otherwise.

    napari closes a dock by taking the widget's parent away; the widget gets no close event.
    """

    def __init__(self) -> None:
        super().__init__()
        self._connection = Connection()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._check)
        self.destroyed.connect(self._connection.end)

    def attach(self) -> None:
        """Connect to the viewer; a subclass calls this at the end of its constructor."""
        if not self._connection.active:
            self._connection.begin(self.steps_of_release())
            self.attached()

    def release(self) -> None:
        """Disconnect from the viewer and end the threads; :meth:`attach` undoes this."""
        self._connection.end()

    def steps_of_release(self) -> Iterable[Callable[[], Any]]:
        """Return what :meth:`release` calls, in order."""
        raise NotImplementedError

    def attached(self) -> None:
        """Connect; called by :meth:`attach`."""
        raise NotImplementedError

    def event(self, event: QEvent) -> bool:
        """Release everything when the dock is closed."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.release()
            self._later.start()
        return super().event(event)

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Connect again when the hidden dock is shown."""
        super().showEvent(event)
        self.attach()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        """Release everything soon, unless the dock is only moved or behind another tab."""
        super().hideEvent(event)
        if not event.spontaneous():
            self._later.start()

    def closeEvent(self, event: Any) -> None:  # noqa: N802
        """Release everything with the window."""
        self.release()
        super().closeEvent(event)

    def _check(self) -> None:
        dock = self._dock()
        if dock is not None and dock.isHidden():
            self.release()
        elif self.parent() is None and not self.isVisible():
            # napari does not delete the widget of a closed dock.
            self.deleteLater()

    def _dock(self) -> QDockWidget | None:
        parent = self.parent()
        while parent is not None and not isinstance(parent, QDockWidget):
            parent = parent.parent()
        return parent


class Connection:
    """Whether a widget is connected to the viewer, and how it is disconnected."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], Any]] = []

    @property
    def active(self) -> bool:
        """Whether :meth:`begin` was called and :meth:`end` was not called since."""
        return bool(self._steps)

    def begin(self, steps: Iterable[Callable[[], Any]]) -> None:
        """Keep the steps that disconnect."""
        self._steps = list(steps)

    def end(self, *_: Any) -> None:
        """Run the steps once, without those whose Qt object was deleted."""
        steps, self._steps = self._steps, []
        for step in steps:
            with suppress(RuntimeError):
                step()
