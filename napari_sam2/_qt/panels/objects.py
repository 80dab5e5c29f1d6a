"""The objects: color, name, class, frames and lowest score, and commands for several of them."""

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QPoint, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from napari_sam2._qt.command_panel import CommandPanel
from napari_sam2._qt.components import button, row
from napari_sam2._qt.icons import draw_dot, draw_swatch
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2._qt.jobs.proofreading.parents import ParentEdits
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.masks.scores import ObjectProgress
from napari_sam2.session.objects import SegmentedObject
from napari_sam2.viewer.keys import Action
from napari_sam2.viewer.layers.colors import object_color

_COLUMNS = ("Object", "Class", "Frames", "Lowest score", "Parent")
_TIPS = (
    "Click to select an object, double-click to rename it, uncheck to hide it.",
    "Class of the object, e.g. nucleus. Double-click to set it.",
    "Frames with a mask; ✓ means accepted",
    "Lowest confidence of the masks of the object: above 0.8 good, below 0.5 poor",
    "Id of the object that divided into this one. Double-click to set it; empty for none.",
)
_NAME, _CLASS, _FRAMES, _SCORE, _PARENT = range(5)
_POSITIONS = {"t": "time point", "z": "depth", "y": "row", "x": "column"}
"""Names of positions on an axis, of which each has frames of its own."""
_ID = Qt.ItemDataRole.UserRole
_MIN_HEIGHT = 110
_GOOD, _POOR = 0.8, 0.5
"""Scores from which an object is marked green, and below which it is marked red."""
_COLORS = ("#35d07f", "#ffb02e", "#ff4d5e")


class ObjectPanel(CommandPanel):
    """The table of the objects, below the commands for many of them."""

    def make(self) -> None:
        """Make the parts of the panel."""
        controller, key = self._controller, self._key
        self.table = ObjectTable(controller)
        self.new = button(
            "New",
            key(Action.NEW_OBJECT),
            "Start a new object. The current one is kept, to propagate several together.",
            controller.new_object,
        )
        self.accept_all = button(
            "Accept all",
            key(Action.ACCEPT_ALL),
            "Accept all objects that have masks.",
            controller.accept_save.accept_all,
        )
        self.only = QCheckBox("Only selected")
        self.only.setToolTip("Show only the masks of the selected objects.")
        self.only.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.only.toggled.connect(self._show_only)
        self.table.itemSelectionChanged.connect(self._show_only)
        self.arrange(row(self.new, self.accept_all, self.only), self.table)
        controller.state.session_changed.connect(partial(self.only.setChecked, False))

    def refresh(self) -> None:
        """Show the present objects."""
        for made in (self.new, self.accept_all, self.only):
            made.setEnabled(self._controller.state.sync is not None)
        self.table.refresh()

    def _show_only(self, *_: Any) -> None:
        sync = self._controller.state.sync
        if sync is not None:
            sync.show_only(self.table.selected_ids() if self.only.isChecked() else None)


class ObjectTable(QTreeWidget):
    """Shows and changes the objects of a session.

    Parameters
    ----------
    controller : SegmentationController
        Has the objects, and changes them.
    parent : QWidget or None
        Owner.
    """

    jump = Signal(int)
    """The user wants to see the lowest score of an object, given by its id."""
    tracks_wanted = Signal()
    """The user wants to see the tracks of all objects."""

    def __init__(self, controller: SegmentationController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._state: ControllerState = controller.state
        self.parents = ParentEdits(controller.state)
        self._filling = False
        self.setObjectName("sam2_objects")
        self.setColumnCount(len(_COLUMNS))
        self.setHeaderLabels(list(_COLUMNS))
        for column, tip in enumerate(_TIPS):
            self.headerItem().setToolTip(column, tip)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setMinimumHeight(_MIN_HEIGHT)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.itemDoubleClicked.connect(self._edit)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = self.header()
        header.setStretchLastSection(False)
        # Qt would read all rows after each change of a text, which takes seconds for hundreds.
        header.setResizeContentsPrecision(0)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        for column in (_CLASS, _FRAMES, _SCORE, _PARENT):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.currentItemChanged.connect(self._selected)
        self.itemChanged.connect(self._edited)
        self.customContextMenuRequested.connect(self._menu)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size of few rows: the table grows where there is space."""
        return QSize(super().sizeHint().width(), _MIN_HEIGHT)

    def selected_ids(self) -> list[int]:
        """Return the ids of the selected rows."""
        return sorted(int(item.data(_NAME, _ID)) for item in self.selectedItems())

    def merge_selected(self) -> None:
        """Merge the objects of the selected rows into the current one."""
        self._controller.merging.merge(self.selected_ids())

    def refresh(self) -> None:
        """Show the present objects."""
        self._filling = True
        try:
            self._name_count()
            objects, prompts = self._state.objects, self._state.prompt_counts()
            self._match([item.id for item in objects])
            for number, item in enumerate(objects):
                self._fill(self.topLevelItem(number), item, prompts[item.id])
        finally:
            self._filling = False

    @property
    def _position(self) -> str:
        """Name of a position with frames of its own; "" if the image has only one."""
        others = "" if self._state.sync is None else self._state.sync.grid.others
        return _POSITIONS[others[0]] if others else ""

    def _name_count(self) -> None:
        """Name the count of masks: planes, where the image has several positions with frames."""
        name, tip, position = _COLUMNS[_FRAMES], _TIPS[_FRAMES], self._position
        if position:
            name, tip = "Planes", f"Planes with a mask, at all {position}s; ✓ means accepted"
        header = self.headerItem()
        if (header.text(_FRAMES), header.toolTip(_FRAMES)) != (name, tip):
            header.setText(_FRAMES, name)
            header.setToolTip(_FRAMES, tip)

    def _explain_count(self, row: QTreeWidgetItem, progress: ObjectProgress) -> None:
        """Say in the tooltip of a count at how many positions the planes are."""
        text, position = "", self._position
        if progress.frames and position:
            planes, at = _number(progress.frames, "plane"), _number(progress.tables, position)
            text = f"{planes} with a mask, at {at}"
        if row.toolTip(_FRAMES) != text:
            row.setToolTip(_FRAMES, text)

    def _match(self, ids: list[int]) -> None:
        """Add and remove rows so that there is one for each object."""
        wanted = set(ids)
        for number, shown_id in reversed(list(enumerate(self._ids()))):
            if shown_id not in wanted:
                self.takeTopLevelItem(number)
        shown = set(self._ids())
        for number, object_id in enumerate(ids):
            if object_id not in shown:
                self.insertTopLevelItem(number, _new_row(object_id))

    def _ids(self) -> list[int]:
        rows = (self.topLevelItem(number) for number in range(self.topLevelItemCount()))
        return [int(row.data(_NAME, _ID)) for row in rows if row is not None]

    def _fill(self, row: QTreeWidgetItem | None, item: SegmentedObject, prompts: int) -> None:
        progress = self._state.progress(item.id)
        if progress is None or row is None:
            return
        parent = "" if item.parent is None else str(item.parent)
        texts = (item.name, item.label_class, _frames(progress), _score(progress), parent)
        for column, text in enumerate(texts):
            if row.text(column) != text:
                row.setText(column, text)
                if column == _SCORE:
                    row.setIcon(_SCORE, draw_dot(_color(progress)))
        self._explain_count(row, progress)
        tip = f"{prompts} prompt{'s' * (prompts != 1)}"
        if row.toolTip(_NAME) != tip:
            row.setToolTip(_NAME, tip)
        checked = Qt.CheckState.Unchecked if item.hidden else Qt.CheckState.Checked
        if row.checkState(_NAME) != checked:
            row.setCheckState(_NAME, checked)
        if item.id == self._state.current and self.currentItem() is not row:
            self.setCurrentItem(row)

    def _selected(self, row: QTreeWidgetItem | None) -> None:
        sync = self._state.sync
        if row is not None and sync is not None and not self._filling:
            sync.prompt_layers.select(row.data(_NAME, _ID))

    def _edit(self, row: QTreeWidgetItem, column: int) -> None:
        if column in (_NAME, _CLASS, _PARENT):
            self.editItem(row, column)

    def _edited(self, row: QTreeWidgetItem, column: int) -> None:
        sync = self._state.sync
        if self._filling or sync is None:
            return
        object_id = row.data(_NAME, _ID)
        if column == _PARENT:
            self.parents.set_text(object_id, row.text(_PARENT))
            self.refresh()
        if column not in (_NAME, _CLASS):
            return
        sync.sessions.objects.change(
            object_id,
            name=row.text(_NAME),
            label_class=row.text(_CLASS),
            hidden=row.checkState(_NAME) == Qt.CheckState.Unchecked,
        )
        sync.show_hidden()

    def _menu(self, position: QPoint) -> None:
        row = self.itemAt(position)
        if row is None:
            return
        menu = self.menu_of(row.data(_NAME, _ID))
        menu.exec(self.viewport().mapToGlobal(position))
        menu.deleteLater()

    def menu_of(self, object_id: int) -> QMenu:
        """Return the menu of an object, and of those that are selected together with it."""
        selected = self.selected_ids()
        ids = selected if object_id in selected else [object_id]
        several = f" {len(ids)} objects" if len(ids) > 1 else ""
        daughters = [other for other in ids if other != object_id]
        jobs, menu = self._controller.accept_save, QMenu(self)
        menu.addAction("Go to the next frame to review", lambda: self.jump.emit(object_id))
        menu.addAction(f"Propagate{several}", partial(self._controller.propagate_objects, ids))
        menu.addSeparator()
        menu.addAction(f"Accept{several}", partial(jobs.accept_objects, ids))
        menu.addAction(f"Reopen{several} for corrections", partial(_each, jobs.reopen, ids))
        menu.addSeparator()
        if several:
            menu.addAction(f"Merge{several}", partial(self._controller.merging.merge, ids))
            link = partial(self.parents.set_parent, daughters, object_id)
            menu.addAction(f"Object {object_id} divides into the others", link)
        divide = partial(self.parents.divide, object_id, daughters)
        menu.addAction(f"Divide object {object_id} on this frame", divide)
        menu.addAction("Show the tracks of all objects", self.tracks_wanted.emit)
        menu.addAction("Allow masks on all frames", self._controller.frame_edits.clear_extent)
        menu.addAction(f"Delete{several or ' object'}", partial(_each, jobs.delete, ids))
        return menu


def _each(call: Callable[[int], Any], ids: list[int]) -> None:
    for object_id in ids:
        call(object_id)


def _new_row(object_id: int) -> QTreeWidgetItem:
    row = QTreeWidgetItem()
    row.setData(_NAME, _ID, object_id)
    row.setIcon(_NAME, draw_swatch(object_color(object_id)))
    row.setFlags(row.flags() | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsUserCheckable)
    row.setTextAlignment(_FRAMES, Qt.AlignmentFlag.AlignCenter)
    return row


def _frames(progress: ObjectProgress) -> str:
    if not progress.frames:
        return ""
    return f"{progress.frames} ✓" if progress.accepted else str(progress.frames)


def _number(count: int, name: str) -> str:
    return f"{count} {name}{'s' * (count != 1)}"


def _score(progress: ObjectProgress) -> str:
    return "" if progress.worst is None else f"{progress.worst:.2f}"


def _color(progress: ObjectProgress) -> str:
    if progress.worst is None:
        return "transparent"
    good, fair, poor = _COLORS
    return good if progress.worst >= _GOOD else fair if progress.worst >= _POOR else poor
