"""The timeline as a widget of its own, on values that were made up."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QBuffer, QEvent, QIODevice, QPoint, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPalette
from qtpy.QtWidgets import QApplication, QToolTip

from napari_sam2._qt.timeline.model import TimelineModel
from napari_sam2._qt.timeline.timeline import Timeline
from napari_sam2.analysis.review import TrackReview
from napari_sam2.masks.mask import MaskStatus
from tests.helpers.score_rows import score_row

Show = Callable[..., Timeline]
WIDTH = 308


def _track(n_frames: int, **marks: Any) -> TrackReview:
    rows = [score_row(f, 0 if f == 2 else 100, 0.3 if f == 4 else 0.9) for f in range(n_frames)]
    return TrackReview.of(3, rows, marks.pop("length", n_frames), **marks)


@pytest.fixture
def show(qtbot: Any) -> Show:
    """Return a function that shows a model in a timeline of 300 columns."""

    def make(model: TimelineModel) -> Timeline:
        timeline = Timeline()
        qtbot.addWidget(timeline)
        timeline.resize(WIDTH, 76)
        timeline.show_model(model)
        timeline.show()
        return timeline

    return make


def _pixels(timeline: Timeline) -> np.ndarray:
    """Return the widget as it is drawn, (height, width, 3)."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    timeline.grab().save(buffer, "PNG")
    return np.asarray(Image.open(BytesIO(buffer.data().data())).convert("RGB")).astype(int)


def _x(frame: int, n_frames: int) -> int:
    return 4 + round((frame + 0.5) * (WIDTH - 8) / n_frames)


def test_a_click_and_a_drag_choose_frames(show: Show, qtbot: Any) -> None:
    timeline = show(TimelineModel(10, 0, _track(10)))
    chosen: list[int] = []
    timeline.frame_chosen.connect(chosen.append)
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(timeline, left, pos=QPoint(_x(3, 10), 30))
    qtbot.mouseMove(timeline, QPoint(_x(6, 10), 30))
    qtbot.mouseRelease(timeline, left, pos=QPoint(_x(6, 10), 30))
    assert chosen[0] == 3
    qtbot.mouseClick(timeline, left, pos=QPoint(_x(9, 10), 30))
    assert chosen[-1] == 9
    assert timeline.model.shown == 9


def test_the_frame_that_is_shown_is_not_chosen_again(show: Show, qtbot: Any) -> None:
    timeline = show(TimelineModel(10, 3, _track(10)))
    with qtbot.assertNotEmitted(timeline.frame_chosen):
        qtbot.mouseClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(_x(3, 10), 30))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("Key_Left", 49),
        ("Key_Right", 51),
        ("Key_PageUp", 40),
        ("Key_PageDown", 60),
        ("Key_Home", 0),
        ("Key_End", 99),
    ],
)
def test_keys_choose_frames(show: Show, qtbot: Any, key: str, expected: int) -> None:
    timeline = show(TimelineModel(100, 50, _track(100)))
    with qtbot.waitSignal(timeline.frame_chosen) as chosen:
        qtbot.keyClick(timeline, getattr(Qt.Key, key))
    assert chosen.args == [expected]


@pytest.mark.parametrize(("key", "shown"), [("Key_Left", 0), ("Key_Right", 99)])
def test_keys_stay_inside_the_stack(show: Show, qtbot: Any, key: str, shown: int) -> None:
    timeline = show(TimelineModel(100, shown, _track(100)))
    with qtbot.assertNotEmitted(timeline.frame_chosen):
        qtbot.keyClick(timeline, getattr(Qt.Key, key))


def test_a_click_does_not_take_the_focus_from_the_canvas(show: Show) -> None:
    assert not show(TimelineModel(5)).focusPolicy() & Qt.FocusPolicy.ClickFocus


def test_the_tooltip_names_the_state_of_the_frame(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeline = show(TimelineModel(10, 0, _track(10, prompted=[4])))
    shown: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _, text, *rest: shown.append(text))
    for frame in (2, 4):
        at = QPoint(_x(frame, 10), 30)
        QApplication.sendEvent(timeline, QHelpEvent(QEvent.Type.ToolTip, at, at))
    assert shown[0].startswith("Frame 2: lost")
    assert shown[1].startswith("Frame 4: has a mask, confidence 0.3")
    assert shown[1].endswith("prompt")


def test_screen_readers_are_given_the_object_and_the_frame(show: Show) -> None:
    timeline = show(TimelineModel(10, 2, _track(10)))
    assert timeline.accessibleName() == "Timeline of object 3"
    assert timeline.accessibleDescription().startswith("Frame 2: lost")
    timeline.show_frame(5)
    assert timeline.accessibleDescription().startswith("Frame 5: has a mask")
    timeline.show_model(TimelineModel(10))
    assert timeline.accessibleName() == "Timeline"


@pytest.mark.parametrize("n_frames", [1, 2, 37, 100_000])
def test_any_number_of_frames_is_drawn(show: Show, n_frames: int) -> None:
    confidence = np.linspace(0, 1, n_frames)
    track = TrackReview.of(3, [score_row(0)], n_frames, prompted=[n_frames - 1])
    timeline = show(TimelineModel(n_frames, n_frames - 1, track, others=(confidence,) * 30))
    assert timeline.frame_at(0) == 0
    pixels = _pixels(timeline)
    assert pixels.shape[1] >= WIDTH
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 3


def test_one_lost_frame_of_many_is_visible(show: Show) -> None:
    rows = [score_row(f, 0 if f == 25_000 else 100) for f in range(50_000)]
    track = TrackReview.of(1, rows, 50_000)
    plain = show(TimelineModel(50_000, 0, TrackReview.of(1, [score_row(0)], 50_000)))
    assert not _reddish(_pixels(plain)).any()
    columns = _reddish(_pixels(show(TimelineModel(50_000, 0, track)))).any(axis=0)
    assert 0 < np.count_nonzero(columns) <= 3
    assert abs(np.flatnonzero(columns).mean() - WIDTH / 2) < 3


def _reddish(pixels: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(pixels, -1, 0)
    return (red > green + 40) & (red > blue + 40)


def test_locks_prompts_and_reviewed_frames_change_the_drawing(show: Show) -> None:
    open_rows = [score_row(f) for f in range(9)]
    rows = [*open_rows[:3], score_row(3, status=MaskStatus.LOCKED), *open_rows[4:]]
    drawings = [
        _pixels(show(TimelineModel(9, 8, track)))
        for track in (
            TrackReview.of(1, open_rows, 9),
            TrackReview.of(1, rows, 9),
            TrackReview.of(1, open_rows, 9, prompted=[3]),
            TrackReview.of(1, open_rows, 9, reviewed=[3]),
            TrackReview.of(1, open_rows[:-2], 9),
        )
    ]
    for other in drawings[1:]:
        assert not np.array_equal(drawings[0], other)


def test_colors_follow_the_theme(show: Show) -> None:
    timeline = show(TimelineModel(9, 8, _track(9)))
    brightness = []
    for background, text in (("#f0f0f0", "#202020"), ("#202428", "#f0f0f0")):
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Window, QColor(background))
        palette.setColor(QPalette.ColorRole.WindowText, QColor(text))
        timeline.setPalette(palette)
        timeline.setAutoFillBackground(True)
        corner = _pixels(timeline)[16:40, 6:20]
        brightness.append(corner.mean())
    light, dark = brightness
    assert light > dark + 40


def test_the_height_suits_a_dock(show: Show) -> None:
    timeline = show(TimelineModel(5))
    assert 60 <= timeline.minimumHeight() <= timeline.sizeHint().height() <= 90
