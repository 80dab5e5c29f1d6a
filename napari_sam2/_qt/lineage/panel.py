"""The section "Divisions and tracks": divisions that were found, and the layer of tracks."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QLabel, QListWidget, QListWidgetItem

from napari_sam2._qt.command_panel import CommandPanel
from napari_sam2._qt.components import button, column, folded, row
from napari_sam2._qt.lineage.divisions import DivisionJobs
from napari_sam2._qt.lineage.tracks import TrackJobs
from napari_sam2.tracking.division.division import Division

_TITLE = "Divisions and tracks"
_DIVISION = Qt.ItemDataRole.UserRole
_SCORE = 0.5
"""Score from which divisions are accepted together at first."""
_HEIGHT = 110


class LineagePanel(CommandPanel):
    """Lists divisions, accepts them, and shows tracks."""

    def make(self) -> None:
        """Make the parts of the panel."""
        state, runs = self._controller.state, self._controller.runs
        self.tracks = TrackJobs(state, runs)
        self.divisions = DivisionJobs(state, runs)
        self.list = QListWidget()
        self.list.setObjectName("sam2_divisions")
        self.list.setMaximumHeight(_HEIGHT)
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setToolTip("Divisions that were found, with their score. Click one to see it.")
        self.list.itemClicked.connect(lambda item: self.divisions.go_to(item.data(_DIVISION)))
        self._make_buttons()
        parts = column(
            row(self.find_divisions, self.show_tracks),
            self.list,
            row(self.accept, self.accept_all, QLabel("from score"), self.score),
        )
        self.section = folded(_TITLE, parts)
        self.arrange(self.section)
        self.refresh()

    def _make_buttons(self) -> None:
        jobs = self.divisions
        self.find_divisions = button(
            "Find divisions", "", "Look for divisions in the masks.", jobs.find
        )
        self.show_tracks = button(
            "Show tracks", "", "Show the tracks of all objects as a layer.", self.tracks.show
        )
        self.accept = button(
            "Accept", "", "Divide the object of the selected row.", self._accept_chosen
        )
        self.accept_all = button(
            "Accept all",
            "",
            "Accept all divisions with this score or a higher one, as one step.",
            self._accept_all,
        )
        self.score = QDoubleSpinBox()
        self.score.setRange(0, 1)
        self.score.setSingleStep(0.05)
        self.score.setValue(_SCORE)
        self.score.setToolTip(
            "How well the areas of daughters and parent fit: 1 if each daughter has half the area."
        )

    def _accept_chosen(self) -> None:
        item = self.list.currentItem()
        self.divisions.accept([] if item is None else [item.data(_DIVISION)])

    def _accept_all(self) -> None:
        least = self.score.value()
        self.divisions.accept([d for d in self.divisions.found if d.score >= least])

    def refresh(self) -> None:
        """Show the divisions that were found."""
        found = self.divisions.found
        self.section.setVisible(self.divisions.possible)
        self.accept.setEnabled(bool(found))
        self.accept_all.setEnabled(bool(found))
        rows = [self.list.item(at) for at in range(self.list.count())]
        if tuple(item.data(_DIVISION) for item in rows if item is not None) != found:
            self.section.setText(f"{_TITLE} ({len(found)})" if found else _TITLE)
            self.list.clear()
            for division in found:
                self.list.addItem(_item(division))
        self.tracks.refresh()


def _item(division: Division) -> QListWidgetItem:
    made = QListWidgetItem(f"{division.score:.2f}  {division.text}")
    made.setData(_DIVISION, division)
    return made
