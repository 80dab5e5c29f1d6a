"""Section with the table of measurements, its plot, and buttons to measure and to save."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QFileDialog, QTableView, QVBoxLayout, QWidget

from napari_sam2._qt.components import Choice, button, column, folded, note, row
from napari_sam2._qt.jobs.error_messages import ErrorMessage
from napari_sam2._qt.jobs.state import ControllerState
from napari_sam2._qt.measurements.jobs import MeasurementJobs
from napari_sam2._qt.measurements.plot import MeasurementPlot, PlotCurve
from napari_sam2._qt.measurements.table_model import MeasurementTableModel
from napari_sam2.analysis.measurements.table import check_table_path, write_table
from napari_sam2.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_sam2.analysis.measurements.table import Row

_TABLE_HEIGHT, _ROW_HEIGHT = 130, 20
_NOT_PLOTTED = ("label", "frame", "plane", "time", "parent")
_FILTERS = "CSV (*.csv);;Parquet (*.parquet)"


class MeasurementPanel(QWidget):
    """Measures the objects, shows the rows and plots a column of the selected objects.

    Parameters
    ----------
    state : ControllerState
        The session.
    selected : Callable
        Returns the ids of the objects that are selected in the list of objects.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        state: ControllerState,
        selected: Callable[[], list[int]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state, self._selected = state, selected
        self.jobs = MeasurementJobs(state)
        self.jobs.measured.connect(self._show)
        self.measure = button(
            "Measure",
            "",
            "Measure all masks, in physical units. The rows are updated after each edit.",
            self.jobs.start,
        )
        self.save = button("Save table…", "", "Save the rows as CSV or Parquet.", self._save)
        self.about = note()
        self.model = MeasurementTableModel(self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Measurements")
        self.table.setFixedHeight(_TABLE_HEIGHT)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.plotted = Choice("sam2_plotted", "The column that is plotted for selected objects.")
        self.plotted.currentIndexChanged.connect(self._plot)
        self.plot = MeasurementPlot()
        self.results = column(self.about, self.table, self.plotted, self.plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.section = folded("Measurements", column(row(self.measure, self.save), self.results))
        layout.addWidget(self.section)
        self._show()

    def attach(self) -> None:
        """Measure again when asked to."""
        self.jobs.open()

    def detach(self) -> None:
        """End the measurements."""
        self.jobs.close()

    def refresh(self) -> None:
        """Measure what has changed, and plot the selected objects."""
        self.measure.setEnabled(self._state.sync is not None)
        self.jobs.update()
        self._plot()

    def _show(self) -> None:
        rows, columns = self.jobs.rows, self.jobs.columns
        new_columns = self.model.show_rows(rows, columns)
        if new_columns:
            self.table.resizeColumnsToContents()
        self.results.setVisible(bool(rows))
        self.save.setEnabled(bool(rows))
        planes = self.jobs.planes
        if planes is not None and rows:
            unit = planes.measurement.unit
            count = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
            self.about.setText(f"{count}, lengths in {unit.length}. {unit.note}".strip())
        self._offer(self._plot_rows())
        self._plot()

    def _plot_rows(self) -> "Sequence[Row]":
        """Return the rows that are plotted: those over time, or those of planes."""
        rows = self.jobs.rows
        over_time = bool(rows) and "time" in rows[0]
        return rows if over_time else self.jobs.sections

    def _offer(self, rows: "Sequence[Row]") -> None:
        """Offer the columns with numbers; the chosen one stays."""
        names = [
            name
            for name, value in (rows[0] if rows else {}).items()
            if name not in _NOT_PLOTTED and not name.startswith("bbox")
            if isinstance(value, float | int) or name in ("displacement", "speed")
        ]
        shown = [self.plotted.itemText(number) for number in range(self.plotted.count())]
        if names != shown:
            chosen = self.plotted.currentText()
            before = self.plotted.blockSignals(True)
            self.plotted.clear()
            self.plotted.addItems(names)
            self.plotted.setCurrentIndex(max(0, self.plotted.findText(chosen)))
            self.plotted.blockSignals(before)
        for part in (self.plotted, self.plot):
            part.setVisible(bool(names))

    def _plot(self, _: Any = None) -> None:
        name, rows = self.plotted.currentText(), self._plot_rows()
        if not name or not rows or self._state.sync is None:
            return
        axis = "plane" if "plane" in rows[0] else "frame"
        ids = self._selected() or [self._state.current]
        curves = tuple(
            PlotCurve(label, self._color(label), _points(rows, label, axis, name)) for label in ids
        )
        self.plot.show_curves(curves, axis)

    def _color(self, label: int) -> tuple[int, int, int]:
        sync = self._state.sync
        color = None if sync is None else sync.layers.drafts.get_color(label)
        if color is None:
            return 128, 128, 128
        red, green, blue = (np.asarray(color)[:3] * 255).round().astype(int).tolist()
        return red, green, blue

    def _save(self) -> None:
        path, chosen = QFileDialog.getSaveFileName(self, "Save table", "table.csv", _FILTERS)
        if path:
            ending = ".parquet" if "parquet" in chosen else ".csv"
            self.save_table(Path(path) if Path(path).suffix else Path(path + ending))

    def save_table(self, path: Path) -> None:
        """Save the rows as a .csv or .parquet file; the user has agreed to replace it."""
        try:
            check_table_path(path)
            count = write_table(path, self.jobs.rows, self.jobs.columns)
        except (UserError, OSError) as error:
            self._state.fault.emit(ErrorMessage.of(error))
            return
        self._state.notice.emit(f"{count} rows saved to {path.name}.")


def _points(
    rows: "Sequence[Row]", label: int, axis: str, name: str
) -> tuple[tuple[int, float], ...]:
    """Return positions and values of an object, without those that are missing."""
    return tuple(
        (int(str(found[axis])), float(str(found[name])))
        for found in rows
        if found["label"] == label and found.get(name) is not None
    )
