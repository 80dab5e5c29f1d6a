"""The stacks of a worklist as a Qt table."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QBrush, QColor, QFont

from napari_sam2.session.worklist.items import ItemState, WorklistRow

COLUMNS = ("Stack", "State", "Objects")
_NO_INDEX = QModelIndex()
_COLORS = {
    ItemState.ACCEPTED: "#e0b040",
    ItemState.SAVED: "#4cb06a",
    ItemState.FAILED: "#e06060",
}


class WorklistTableModel(QAbstractTableModel):
    """Shows the name, the state and the objects of each stack; the open one is bold."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.rows: Sequence[WorklistRow] = ()
        self.current = ""

    def show_rows(self, rows: Sequence[WorklistRow], current: str) -> None:
        """Show other rows; the selection stays if the stacks are the same.

        Parameters
        ----------
        rows : sequence of WorklistRow
            The stacks.
        current : str
            Name of the stack that is open; "" for none.
        """
        same = [row.item.name for row in rows] == [row.item.name for row in self.rows]
        if not same:
            self.beginResetModel()
        self.rows, self.current = rows, current
        if not same:
            self.endResetModel()
        elif rows:
            last = self.index(len(rows) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: Any = _NO_INDEX) -> int:  # noqa: N802
        """Return the number of stacks."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Any = _NO_INDEX) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, why a stack failed as tooltip, and the color of the state."""
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (row.item.name, row.state.value, objects_text(row))[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.reason or row.item.image
        if role == Qt.ItemDataRole.ForegroundRole and row.state in _COLORS and index.column() == 1:
            return QBrush(QColor(_COLORS[row.state]))
        if role == Qt.ItemDataRole.FontRole and row.item.name == self.current:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column; rows have none."""
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return COLUMNS[section]


def objects_text(row: WorklistRow) -> str:
    """Return how many objects a stack has and how many are accepted; "" without objects."""
    progress = row.progress
    if not progress.objects:
        return ""
    if progress.all_accepted:
        return str(progress.objects)
    return f"{progress.accepted} of {progress.objects} accepted"
