"""The section "Find objects": what to find, the score, and what becomes of the candidates."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import inf

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QMessageBox, QSlider, QSpinBox, QWidget

from napari_sam2._qt.candidates.jobs import CandidateJobs
from napari_sam2._qt.command_panel import CommandPanel
from napari_sam2._qt.components import Choice, button, column, folded, form, note, row
from napari_sam2._qt.jobs.controller import SegmentationController
from napari_sam2.candidates.candidate import CandidateLimits, CandidateSource
from napari_sam2.candidates.target import SearchTarget
from napari_sam2.core.errors import UserError
from napari_sam2.inference.text.catalog import DEFAULT_TEXT_MODEL, TEXT_MODELS
from napari_sam2.viewer.candidates.review import LOWEST_SCORE
from napari_sam2.viewer.keys import Action

MANY = 1000
"""From this number of candidates on, the user is asked before they become objects."""
_SOURCES = {
    CandidateSource.EVERYTHING: "Everything",
    CandidateSource.EXAMPLE: "Objects like the selected ones",
    CandidateSource.TEXT: "Text",
}
_ABOUT_EXAMPLES = (
    "The objects that are selected in the table below are examples. Each candidate that you accept "
    "is one, too, and each that you reject is a counter-example: the others are ranked again."
)
_MAX_AREA = 10**9
_PERCENT = 100


class CandidatePanel(CommandPanel):
    """Searches the shown frame for objects, and accepts what was found.

    Parameters
    ----------
    controller : SegmentationController
        Runs the commands.
    key : Callable
        Returns the key of an action.
    selected : Callable
        Returns the ids of the objects that are selected in the list of objects.
    parent : QWidget or None
        Owner.
    """

    def __init__(
        self,
        controller: SegmentationController,
        key: Callable[[Action], str],
        selected: Callable[[], list[int]],
        parent: QWidget | None = None,
    ) -> None:
        self._selected = selected
        super().__init__(controller, key, parent)

    def make(self) -> None:
        """Make the parts of the panel."""
        self.jobs = CandidateJobs(self._controller.state, self._controller.runs)
        self._make_search()
        self._make_review()
        areas = row(QLabel("Area"), self.min_area, QLabel("to"), self.max_area)
        score = row(QLabel("Score"), self.score, self.score_text)
        parts = column(
            *(self.source_form, self.text_form, self.about_examples),
            *(areas, self.search, score, self.buttons),
        )
        self.section = folded("Find objects", parts)
        self.arrange(self.section)
        self._show_source()
        self._show_text_model(self.text_model.currentText())
        self.refresh()

    def _make_search(self) -> None:
        self.source = Choice("sam2_find_source", "What is searched for on the shown frame.")
        for source, text in _SOURCES.items():
            self.source.addItem(text, source)
        self.source.currentIndexChanged.connect(self._show_source)
        self.phrase = QLineEdit()
        self.phrase.setPlaceholderText("red car; bicycle")
        self.phrase.setToolTip("What to find, in a few words. Separate several phrases by ;")
        self.phrase.returnPressed.connect(self.start)
        self.text_model = Choice(
            "sam2_text_model", "Finds boxes by text: one of these models, or the path of a folder."
        )
        self.text_model.setEditable(True)
        self.text_model.addItems(list(TEXT_MODELS))
        for number, model in enumerate(TEXT_MODELS.values()):
            self.text_model.setItemData(number, model.about, Qt.ItemDataRole.ToolTipRole)
        self.text_model.setCurrentText(DEFAULT_TEXT_MODEL)
        self.text_about = note("")
        self.text_model.currentTextChanged.connect(self._show_text_model)
        self.source_form = form(("Find", self.source))
        self.text_form = form(
            ("Phrase", self.phrase), ("Text model", self.text_model), ("", self.text_about)
        )
        self.about_examples = note(_ABOUT_EXAMPLES)
        self.min_area = _area_box("Smallest area of a candidate in pixels.")
        self.max_area = _area_box("Largest area of a candidate in pixels.")
        self.search = button("Find", "", "Search the shown frame; nothing is changed.", self.start)

    def _make_review(self) -> None:
        self.score = QSlider(Qt.Orientation.Horizontal)
        self.score.setObjectName("sam2_score")
        self.score.setToolTip("Candidates of a lower score are hidden.")
        self.score.setRange(round(LOWEST_SCORE * _PERCENT), _PERCENT)
        self.score.setValue(round(CandidateLimits().min_score * _PERCENT))
        self.score_text = QLabel()
        self.score.valueChanged.connect(self._limit)
        self.min_area.valueChanged.connect(self._limit)
        self.max_area.valueChanged.connect(self._limit)
        self.accept_all = button(
            "Accept all", "", "Make an object of each candidate, as one step.", self._accept_all
        )
        tip = "Remove the candidates. Objects made of them stay."
        self.clear = button("Clear", "", tip, self.jobs.clear)
        self.buttons = row(self.accept_all, self.clear)

    @property
    def count(self) -> int:
        """How many candidates are neither accepted nor rejected."""
        return 0 if self.jobs.review is None else len(self.jobs.review.open)

    @property
    def limits(self) -> CandidateLimits:
        """Which candidates are shown.

        Raises
        ------
        UserError
            If the smallest area is larger than the largest one.
        """
        score = self.score.value() / _PERCENT
        largest = self.max_area.value() or inf
        return CandidateLimits(score, self.min_area.value(), largest)

    @property
    def target(self) -> SearchTarget:
        """What is searched for.

        Raises
        ------
        UserError
            If a phrase is empty or has a dot inside, or no object is selected as an example.
        """
        source = self.source.currentData()
        if source is CandidateSource.EVERYTHING:
            return SearchTarget(source)
        if source is CandidateSource.EXAMPLE:
            return SearchTarget(source, like=self._examples())
        return SearchTarget.of_phrases(self.phrase.text())

    def _examples(self) -> tuple[int, ...]:
        ids = self._selected()
        empty = [i for i in ids if (found := self._state.progress(i)) is None or not found.frames]
        if not ids or empty:
            raise UserError(
                "Select objects that have masks in the table of objects: they are the examples."
            )
        return tuple(ids)

    def start(self) -> None:
        """Search the shown frame."""
        try:
            target, limits = self.target, self.limits
        except UserError as error:
            self._state.notice.emit(str(error))
            return
        self.jobs.find(target, limits, self.text_model.currentText().strip())
        self._state.changed.emit()

    def _limit(self) -> None:
        self.score_text.setText(f"{self.score.value() / _PERCENT:.2f}")
        try:
            self.jobs.limit(self.limits)
        except UserError as error:
            self._state.notice.emit(str(error))

    def _accept_all(self) -> None:
        review = self.jobs.review
        if review is not None and (len(review.open) < MANY or self._confirm(len(review.open))):
            self.jobs.accept_all()

    def _confirm(self, count: int) -> bool:
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "Many candidates",
            f"Make {count} objects? Tracking them takes long. A higher score or other areas leave "
            "fewer candidates.",
            buttons.Yes | buttons.Cancel,
            buttons.Cancel,
        )
        return answer == buttons.Yes

    def _show_source(self) -> None:
        source = self.source.currentData()
        self.text_form.setVisible(source is CandidateSource.TEXT)
        self.about_examples.setVisible(source is CandidateSource.EXAMPLE)
        self.score_text.setText(f"{self.score.value() / _PERCENT:.2f}")

    def _show_text_model(self, name: str) -> None:
        known = TEXT_MODELS.get(name)
        self.text_about.setText("" if known is None else known.about)

    def refresh(self) -> None:
        """Show how many candidates there are."""
        review = self.jobs.review
        if review is not None:
            review.update()
            with suppress(UserError):
                review.limit(self.limits)
        count = self.count
        self.accept_all.setText(f"Accept all ({count})" if count else "Accept all")
        self.accept_all.setEnabled(count > 0)
        self.clear.setEnabled(review is not None)
        self.search.setEnabled(self._state.sync is not None and not self._state.searching)


def _area_box(tip: str) -> QSpinBox:
    """Return a field for an area in pixels; 0 is shown as "any"."""
    made = QSpinBox()
    made.setRange(0, _MAX_AREA)
    made.setSpecialValueText("any")
    made.setToolTip(tip)
    made.setKeyboardTracking(False)
    made.setSizePolicy(made.sizePolicy().Policy.Expanding, made.sizePolicy().Policy.Fixed)
    made.setMinimumWidth(60)
    return made
