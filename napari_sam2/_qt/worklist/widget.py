"""The dock widget "SAM 2: worklist"."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QDockWidget,
    QFileDialog,
    QHeaderView,
    QMainWindow,
    QMessageBox,
    QProgressBar,
    QSizePolicy,
    QTableView,
)

from napari_sam2._qt.components import button, column, elided, row
from napari_sam2._qt.docked import DockedWidget
from napari_sam2._qt.widget import SegmentTrackWidget
from napari_sam2._qt.worklist.controller import UnsavedAnswer, WorklistController
from napari_sam2._qt.worklist.table_model import WorklistTableModel
from napari_sam2.session.worklist.items import ItemState

_REFRESH_MS = 150
"""Milliseconds for which changes are collected before the table is refreshed."""
_HEIGHT, _TABLE_HEIGHT, _COMMANDS_WIDTH = 180, 90, 300
"""Height of the widget below the canvas; smallest height of the table, and width of the buttons."""
_PLUGIN, _WIDGET = "napari-sam2", "Segment and track"
_NAME = "SAM 2: worklist"
_REPORTS = "Report of a batch (*.csv)"


def show_worklist(viewer: Viewer) -> "WorklistWidget":
    """Dock a worklist below the canvas, where there is most width, and return it.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """
    widget = WorklistWidget(viewer)
    viewer.window.add_dock_widget(widget, name=_NAME, area="bottom")
    return widget


class WorklistWidget(DockedWidget):
    """A list of stacks, to be opened, corrected, accepted and saved one after the other.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.controller = WorklistController(
            self.viewer, self._segment_widget, self._ask_unsaved, self
        )
        self.controller.changed.connect(self._schedule_refresh)
        self.controller.notice.connect(self._show_notice)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self._placed = False
        self._placing = QTimer(self)
        self._placing.setSingleShot(True)
        self._placing.setInterval(0)
        self._placing.timeout.connect(self._follow_dock)
        self.model = WorklistTableModel(self)
        self.place = elided(1)
        self.bar = QProgressBar()
        self.bar.setFixedHeight(16)
        self.notice = elided(2)
        self._make_table()
        self._make_buttons()
        self._arrange()
        self.refresh()
        self.attach()

    def _make_table(self) -> None:
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Worklist")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(20)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.doubleClicked.connect(lambda index: self._open_row(index.row()))
        self.table.selectionModel().selectionChanged.connect(self._enable)
        self.table.setMinimumHeight(_TABLE_HEIGHT)

    def _make_buttons(self) -> None:
        self.folder = button(
            "Open folder…",
            "",
            "Choose a folder of stacks, or the output folder of a batch.",
            self._choose_folder,
        )
        self.report = button("Open report…", "", "Choose the report of a batch.", self._choose_file)
        self.open_selected = button(
            "Open", "", "Open the selected stack with its session.", self._open_selected
        )
        self.previous = button(
            "Previous", "", "Open the stack before this one.", self.controller.previous
        )
        self.save_and_next = button(
            "Save and next",
            "",
            "Save the accepted labels, and open the next stack that is not saved.",
            self.controller.save_and_next,
        )

    def _arrange(self) -> None:
        commands = column(
            row(self.folder, self.report),
            self.place,
            self.notice,
            self.bar,
            row(self.open_selected, self.previous, self.save_and_next),
        )
        commands.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        commands.setMinimumWidth(_COMMANDS_WIDTH)
        self._parts = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._parts.setContentsMargins(6, 4, 6, 4)
        self._parts.setSpacing(4)
        self._parts.addWidget(self.table, 1)
        self._parts.addWidget(commands)

    def open_list(self, path: Path) -> None:
        """Open the worklist of a folder or of a batch's report, and show it."""
        self.controller.open_list(path)
        self.refresh()

    def refresh(self) -> None:
        """Show the states of all stacks, and how many are saved."""
        rows = self.controller.rows()
        before = (self.model.current, self.place.toolTip())
        self.place.setText(Path(self.controller.place).name)
        self.place.setToolTip(self.controller.place)
        self.model.show_rows(rows, self.controller.current)
        if before != (self.controller.current, self.controller.place):
            self._select(self.controller.last)
        saved = sum(item.state is ItemState.SAVED for item in rows)
        self.bar.setRange(0, max(len(rows), 1))
        self.bar.setValue(saved)
        self.bar.setFormat(f"{saved} of {len(rows)} saved" if rows else "")
        self._enable()

    def attached(self) -> None:
        """Follow the stack that is open, if there is one."""
        self.controller.follow()
        self._schedule_refresh()

    def steps_of_release(self) -> Iterable[Callable[[], Any]]:
        """Return what ends the timers and the connections."""
        return self._timer.stop, self._placing.stop, self.controller.close

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Arrange the parts when the widget is shown for the first time."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            self._placing.start()

    def _follow_dock(self) -> None:
        """Arrange the parts for the place of the dock, now and when it is moved."""
        window, dock = self.window(), self.parent()
        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parent()
        if dock is None or not isinstance(window, QMainWindow):
            return
        dock.dockLocationChanged.connect(self._fit_to)
        area = window.dockWidgetArea(dock)
        if area == Qt.DockWidgetArea.BottomDockWidgetArea:
            window.resizeDocks([dock], [_HEIGHT], Qt.Orientation.Vertical)
        self._fit_to(area)

    def _fit_to(self, area: Qt.DockWidgetArea) -> None:
        """Put the buttons beside the table above or below the canvas, else below the table."""
        wide = area in (Qt.DockWidgetArea.BottomDockWidgetArea, Qt.DockWidgetArea.TopDockWidgetArea)
        directions = QBoxLayout.Direction
        self._parts.setDirection(directions.LeftToRight if wide else directions.TopToBottom)

    def _schedule_refresh(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _enable(self, *_: Any) -> None:
        rows = self.model.rows
        self.open_selected.setEnabled(bool(self.table.selectionModel().selectedRows()))
        self.previous.setEnabled(bool(rows))
        self.save_and_next.setEnabled(bool(rows))

    def _select(self, name: str) -> None:
        for number, item in enumerate(self.model.rows):
            if item.item.name == name:
                self.table.selectRow(number)
                self.table.scrollTo(self.model.index(number, 0))

    def _open_selected(self) -> None:
        for index in self.table.selectionModel().selectedRows():
            self._open_row(index.row())

    def _open_row(self, number: int) -> None:
        self.controller.open(self.model.rows[number].item.name)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open the stacks of a folder")
        if path:
            self.open_list(Path(path))

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open the report of a batch", "", _REPORTS)
        if path:
            self.open_list(Path(path))

    def _show_notice(self, text: str) -> None:
        self.notice.setText(text)
        self.notice.setToolTip(text)

    def _segment_widget(self) -> SegmentTrackWidget:
        """Return the widget that segments in this window; it is opened if there is none."""
        found = self.window().findChildren(SegmentTrackWidget)
        if found:
            return found[-1]
        _, made = self.viewer.window.add_plugin_dock_widget(_PLUGIN, _WIDGET)
        widget: SegmentTrackWidget = made
        return widget

    def _ask_unsaved(self, name: str) -> UnsavedAnswer:
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "The labels are not saved",
            f"The labels of {name} have changed and are not saved to a file. Save them now? "
            "The session keeps all prompts and masks in any case.",
            buttons.Save | buttons.Discard | buttons.Cancel,
            buttons.Save,
        )
        answers = {buttons.Save: UnsavedAnswer.SAVE, buttons.Discard: UnsavedAnswer.KEEP_SESSION}
        return answers.get(answer, UnsavedAnswer.CANCEL)
