"""Opens the stacks of a worklist in the widget "Segment and track", one after the other."""

from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_sam2._qt.widget import SegmentTrackWidget
from napari_sam2._qt.worklist.open_list import OpenWorklist
from napari_sam2._qt.worklist.steps import WaitingStep
from napari_sam2.core.errors import UserError
from napari_sam2.session.worklist.items import ItemState, WorklistItem, WorklistRow
from napari_sam2.viewer.contributions.reader import add_images
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.worklist.item_layers import remove_item_layers


class UnsavedAnswer(Enum):
    """What the user wants to do with labels that are not saved when another stack is opened."""

    SAVE = auto()
    KEEP_SESSION = auto()
    """The session has everything; the labels are saved later."""
    CANCEL = auto()


class WorklistController(QObject):
    """Opens, saves and closes stacks, and records what was done.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    find_widget : Callable
        Returns the widget that segments in this viewer; it is opened if it is closed.
    ask : Callable
        Asks what to do with the labels of a stack, given by its name, that are not saved.
    parent : QObject or None
        Owner.

    Attributes
    ----------
    place : str
        The folder or the report of the list; "" for none.
    """

    changed = Signal()
    """A state, the stacks or the open stack changed."""
    notice = Signal(str)
    """A message for the user."""

    def __init__(
        self,
        viewer: Any,
        find_widget: Callable[[], SegmentTrackWidget],
        ask: Callable[[str], UnsavedAnswer],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._find_widget = find_widget
        self._ask = ask
        self._list: OpenWorklist | None = None
        self._widget: SegmentTrackWidget | None = None
        self._name = self.place = ""
        self._images: list[Image] = []
        self._next = WaitingStep(self)
        self._import = WaitingStep(self)
        self._after_save: Callable[[], Any] | None = None

    @property
    def current(self) -> str:
        """Name of the stack that is open; "" for none."""
        return self._name if self._images else ""

    @property
    def last(self) -> str:
        """Name of the stack that was opened last, also in an earlier napari; "" for none."""
        return "" if self._list is None else self._name or self._list.worklist.current

    @property
    def busy(self) -> bool:
        """Whether a stack is being opened, closed or saved."""
        return self._next.waiting or self._after_save is not None

    @property
    def importing(self) -> bool:
        """Whether prompts or labels are imported as soon as the session of the stack begins."""
        return self._import.waiting

    @property
    def left_out(self) -> dict[str, str]:
        """Why a file is no stack of the list, by its name."""
        return {} if self._list is None else self._list.left_out

    def rows(self) -> tuple[WorklistRow, ...]:
        """Return all stacks with their states."""
        if self._list is None:
            return ()
        sync = self._sync()
        if sync is not None and self._state.running is None:
            self._list.show_progress(self._name, sync.sessions)
        return self._list.rows()

    def open_list(self, path: Path) -> None:
        """Open the worklist of a folder or of a batch's report, in the place of the one before.

        The stack that is open is closed; asks if its labels are not saved.
        """
        if not self._images:
            if not self._is_busy():
                self._load(path)
        elif not self._refuses():
            self._leave_then(partial(self._load, path))

    def _load(self, path: Path) -> None:
        try:
            self._list = OpenWorklist(path)
        except (UserError, OSError) as error:
            self.notice.emit(str(error))
            return
        self._name, self.place = "", str(path)
        self.changed.emit()
        self.notice.emit(self._summary())

    def _summary(self) -> str:
        rows, left_out = self.rows(), self.left_out
        count = f"{len(rows)} stack{'s' * (len(rows) != 1)}."
        last = f" {self.last} was opened last." if self.last else ""
        names = ", ".join(f"{name} ({reason})" for name, reason in list(left_out.items())[:3])
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        return f"{count}{last}" + (f" Left out: {names}{more}." if names else "")

    def open(self, name: str) -> None:
        """Open a stack in the place of the one before; asks if its labels are not saved."""
        if self._list is None or self._refuses() or name == self.current:
            return
        self._leave_then(partial(self._show, self._list.worklist.item(name)))

    def _leave_then(self, step: Callable[[], Any]) -> None:
        """Close the open stack and run a step, unless the user wants to keep the stack open."""
        sync = self._sync()
        if sync is None or not (self._state.unsaved or sync.sessions.unsaved):
            self._close_then(step)
            return
        answer = self._ask(self._name)
        if answer is UnsavedAnswer.SAVE:
            self._save_then(partial(self._close_then, step))
        elif answer is UnsavedAnswer.KEEP_SESSION:
            self._close_then(step)

    def previous(self) -> None:
        """Open the stack before the present one."""
        before = None if self._list is None else self._list.before(self.last)
        if before is None:
            self.notice.emit("This is the first stack of the list.")
        else:
            self.open(before)

    def save_and_next(self) -> None:
        """Save the labels of the stack, and open the next one that is not saved.

        If no stack is open, the one that was opened last is opened again, unless it is saved.
        """
        if self._list is None or self._refuses():
            return
        sync = self._sync()
        if sync is None:
            stopped = not self._images and bool(self.last) and self._list.unfinished(self.last)
            if stopped:
                self.open(self.last)
            else:
                self._open_next()
            return
        self._list.show_progress(self._name, sync.sessions)
        row = self._list.row(self._name)
        if row.progress.objects and not row.progress.accepted:
            self.notice.emit(
                f"No object of {self._name} is accepted, so there are no labels to save. Accept "
                "the objects first, or open another stack: the session keeps them."
            )
        elif row.progress.accepted and row.state is not ItemState.SAVED:
            self._save_then(self._open_next)
        else:
            self._open_next()

    def _open_next(self) -> None:
        if self._list is None:
            return
        name = self._list.after(self.last)
        if name is None:
            self.notice.emit("No other stack is left: all are saved or could not be opened.")
        else:
            self.open(name)

    def follow(self) -> None:
        """Follow the open stack again after :meth:`close`."""
        if self._images:
            self._follow(self._find_widget())

    def close(self) -> None:
        """Disconnect from the widget that segments; the open stack stays in the viewer."""
        for step in (self._next, self._import):
            step.cancel()
        self._after_save = None
        self._follow(None)

    @property
    def _state(self) -> Any:
        return self._follow(self._find_widget()).state

    def _sync(self) -> LayerSync | None:
        """Return the segmentation of the open stack; None if another one or none is shown."""
        if not self._images or self._widget is None:
            return None
        sync: LayerSync | None = self._widget.state.sync
        return sync if sync is not None and sync.images[0] in self._images else None

    def _follow(self, widget: SegmentTrackWidget | None) -> Any:
        """Connect to the widget that segments, in place of an earlier one."""
        if widget is self._widget:
            return widget
        before, self._widget = self._widget, widget
        for old in [] if before is None else self._connections(before):
            old[0].disconnect(old[1])
        for new in [] if widget is None else self._connections(widget):
            new[0].connect(new[1])
        return widget

    def _connections(self, widget: SegmentTrackWidget) -> list[tuple[Any, Callable[..., Any]]]:
        state = widget.state
        return [
            (state.changed, self.changed.emit),
            (state.labels_saved, self._labels_saved),
            (state.fault, self._save_failed),
        ]

    def _is_busy(self) -> bool:
        """Return whether a stack is being opened, closed or saved; the user is told."""
        if self.busy:
            self.notice.emit("Wait until the stack is opened or saved.")
        return self.busy

    def _refuses(self) -> bool:
        """Return whether no stack can be opened or closed now; the user is told why."""
        if self._state.running is not None:
            self.notice.emit("A run is in progress. Stop it, or wait until it ends, and try again.")
            return True
        return self._is_busy()

    def _save_then(self, step: Callable[[], Any]) -> None:
        self._after_save = step
        worklist = self._list
        saved = None if worklist is None else worklist.worklist.record(self._name).saved
        self._find_widget().controller.accept_save.save(None if saved is None else saved.path)

    def _labels_saved(self, path: Path) -> None:
        sync = self._sync()
        if sync is not None and self._list is not None:
            self._record(partial(self._list.saved, self._name, path, sync.sessions))
        step, self._after_save = self._after_save, None
        if step is not None:
            self._next.run(self._idle, step)
        self.changed.emit()

    def _save_failed(self, _: Any) -> None:
        self._after_save = None

    def _record(self, record: Callable[[], Any]) -> None:
        try:
            record()
        except OSError as error:
            self.notice.emit(f"The worklist cannot be saved: {error}. The sessions are saved.")

    def _idle(self) -> bool:
        return self._widget is None or bool(self._widget.controller.idle)

    def _close_then(self, step: Callable[[], Any]) -> None:
        """Close the open stack when no job uses it any more, and run a step."""
        self._import.cancel()
        if self._sync() is not None and self._widget is not None:
            self._widget.controller.end()
        self._next.run(self._idle, partial(self._remove_layers_then, step))

    def _remove_layers_then(self, step: Callable[[], Any]) -> None:
        images, self._images = self._images, []
        if images and self._list is not None:
            remove_item_layers(self._viewer, images)
            self._list.find_sessions()
            self._list.read_progress(self._name)
        step()
        self.changed.emit()

    def _show(self, item: WorklistItem) -> None:
        """Open a stack as layers; why this fails is recorded."""
        if self._list is None:
            return
        self._name = item.name
        self._list.read_progress(item.name)
        row = self._list.row(item.name)
        if item.missing:
            self._fail(row.reason)
            return
        if row.progress.in_use:
            self.notice.emit(f"{item.name} is not opened: {row.progress.problem}")
            return
        try:
            self._images = add_images(self._viewer, item.image, self._list.session(item))
        # Readers of other projects raise errors of any kind for damaged files.
        except Exception as error:
            self._fail(str(error) if isinstance(error, UserError) else f"{error!r}")
            return
        self._record(partial(self._list.opened, item.name))
        self._begin(item)

    def _fail(self, reason: str) -> None:
        if self._list is not None:
            self._record(partial(self._list.failed, self._name, reason))
            self.notice.emit(f"{self._name} cannot be opened: {reason}")
            self.changed.emit()

    def _begin(self, item: WorklistItem) -> None:
        """Begin the session of the new layers, and import prompts or labels into a new one."""
        widget = self._follow(self._find_widget())
        widget.panel.images.choose(self._images[0])
        if self._sync() is None:
            widget.panel.begin()
        if self._sync() is None and widget.state.predictor is not None:
            self._fail(widget.status.error.text())
            return
        self.notice.emit(f"{item.name}: {item.note}" if item.note else "")
        if item.labels is not None or item.prompts is not None:
            self._import.run(
                lambda: self._sync() is not None and self._idle(), partial(self._fill, item)
            )

    def _fill(self, item: WorklistItem) -> None:
        """Import prompts or labels into a session that has no objects yet."""
        sync = self._sync()
        if sync is None or self._widget is None or sync.used_objects():
            return
        if item.labels is not None:
            self._widget.controller.prompt_import.add_label_stack(item.labels)
        elif item.prompts is not None:
            self._widget.controller.prompt_import.add_file(str(item.prompts))
