"""Table of the objects: color, name, prompts, frames, lowest score."""

import numpy as np
from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from napari_sam2._qt.jobs.accept_save import AcceptSaveJobs
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2.masks.scores import ObjectProgress
from napari_sam2.session.objects import SegmentedObject

_COLUMNS = ("Object", "Prompts", "Frames", "Worst")
_TIPS = (
    "Click to select an object, double-click to rename it, uncheck to hide it.",
    "Points, boxes and outlines",
    "Planes with a mask; ✓ means accepted",
    "Lowest confidence of the masks of the object",
)
_ID = Qt.ItemDataRole.UserRole


class ObjectTable(QTreeWidget):
    """Shows and changes the objects of a session.

    Parameters
    ----------
    state : ControllerState
        The objects.
    jobs : AcceptSaveJobs
        Reopens and deletes objects.
    parent : QWidget or None
        Owner.
    """

    jump = Signal(int)
    """The user wants to see the lowest score of an object, given by its id."""

    def __init__(
        self, state: ControllerState, jobs: AcceptSaveJobs, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._jobs = jobs
        self._filling = False
        self.setObjectName("sam2_objects")
        self.setColumnCount(len(_COLUMNS))
        self.setHeaderLabels(list(_COLUMNS))
        for column, tip in enumerate(_TIPS):
            self.headerItem().setToolTip(column, tip)
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setFixedHeight(130)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self.currentItemChanged.connect(self._selected)
        self.itemChanged.connect(self._edited)
        self.customContextMenuRequested.connect(self._menu)

    def refresh(self) -> None:
        """Show the present objects."""
        self._filling = True
        try:
            objects, prompts = self._state.objects, self._state.prompt_counts()
            self._match([item.id for item in objects])
            for row, item in enumerate(objects):
                self._fill(self.topLevelItem(row), item, prompts[item.id])
        finally:
            self._filling = False

    def _match(self, ids: list[int]) -> None:
        """Add and remove rows so that there is one for each object."""
        wanted = set(ids)
        for number, shown_id in reversed(list(enumerate(self._ids()))):
            if shown_id not in wanted:
                self.takeTopLevelItem(number)
        shown = set(self._ids())
        for row, object_id in enumerate(ids):
            if object_id not in shown:
                item = QTreeWidgetItem()
                item.setData(0, _ID, object_id)
                item.setFlags(
                    item.flags() | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsUserCheckable
                )
                self.insertTopLevelItem(row, item)

    def _ids(self) -> list[int]:
        rows = (self.topLevelItem(number) for number in range(self.topLevelItemCount()))
        return [int(row.data(0, _ID)) for row in rows if row is not None]

    def _fill(self, row: QTreeWidgetItem | None, item: SegmentedObject, prompts: int) -> None:
        progress = self._state.progress(item.id)
        if progress is None or row is None:
            return
        texts = (item.name, str(prompts or ""), _frames(progress), _score(progress))
        for column, text in enumerate(texts):
            if row.text(column) != text:
                row.setText(column, text)
                if column:
                    row.setTextAlignment(column, Qt.AlignmentFlag.AlignCenter)
        if row.icon(0).isNull():
            row.setIcon(0, self._swatch(item.id))
        checked = Qt.CheckState.Unchecked if item.hidden else Qt.CheckState.Checked
        if row.checkState(0) != checked:
            row.setCheckState(0, checked)
        if item.id == self._state.current and self.currentItem() is not row:
            self.setCurrentItem(row)

    def _swatch(self, object_id: int) -> QIcon:
        sync = self._state.sync
        color = None if sync is None else sync.layers.drafts.get_color(object_id)
        red, green, blue = (
            (np.asarray(color)[:3] * 255).astype(int) if color is not None else (128,) * 3
        )
        pixmap = QPixmap(12, 12)
        pixmap.fill(QColor(int(red), int(green), int(blue)))
        return QIcon(pixmap)

    def _selected(self, row: QTreeWidgetItem | None) -> None:
        sync = self._state.sync
        if row is not None and sync is not None and not self._filling:
            sync.prompt_layers.select(row.data(0, _ID))

    def _edited(self, row: QTreeWidgetItem, column: int) -> None:
        sync = self._state.sync
        if self._filling or sync is None or column != 0:
            return
        object_id = row.data(0, _ID)
        sync.sessions.objects.change(
            object_id,
            name=row.text(0),
            hidden=row.checkState(0) == Qt.CheckState.Unchecked,
        )
        sync.show_hidden()

    def _menu(self, position: QPoint) -> None:
        row = self.itemAt(position)
        if row is None:
            return
        object_id = row.data(0, _ID)
        menu = self.menu_of(object_id)
        menu.exec(self.viewport().mapToGlobal(position))
        menu.deleteLater()

    def menu_of(self, object_id: int) -> QMenu:
        """Return the menu of an object."""
        menu = QMenu(self)
        menu.addAction("Go to the worst frame", lambda: self.jump.emit(object_id))
        menu.addAction("Reopen for corrections", lambda: self._jobs.reopen(object_id))
        menu.addSeparator()
        menu.addAction("Delete object", lambda: self._jobs.delete(object_id))
        return menu


def _frames(progress: ObjectProgress) -> str:
    if not progress.frames:
        return ""
    return f"{progress.frames} ✓" if progress.accepted else str(progress.frames)


def _score(progress: ObjectProgress) -> str:
    return "" if progress.worst is None else f"{progress.worst:.2f}"
