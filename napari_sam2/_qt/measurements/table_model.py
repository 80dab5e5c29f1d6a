"""The rows of measurements as a Qt table."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.analysis.measurements.table import Row

_NO_INDEX = QModelIndex()


class MeasurementTableModel(QAbstractTableModel):
    """Shows rows; numbers have five significant digits."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[Row] = ()
        self._columns: Sequence[str] = ()

    def show_rows(self, rows: "Sequence[Row]", columns: "Sequence[str]") -> bool:
        """Show other rows, and return whether their columns are others."""
        before = self._columns
        self.beginResetModel()
        self._rows, self._columns = rows, columns
        self.endResetModel()
        return columns != before

    def rowCount(self, parent: Any = _NO_INDEX) -> int:  # noqa: N802
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Any = _NO_INDEX) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        value = self._rows[index.row()][self._columns[index.column()]]
        if value is None:
            return ""
        return f"{value:.5g}" if isinstance(value, float) else str(value)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column; rows have none."""
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return self._columns[section]
