"""The map of a series as a widget: what it draws, and the plane that a key or a click chooses."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor

from napari_sam2._qt.volume_series.map_model import VolumeMapModel
from napari_sam2._qt.volume_series.volume_map import VolumeMap
from tests.napari_sam2._qt.volume_series.test_map_model import volume


@pytest.fixture
def drawn(qtbot: Any) -> VolumeMap:
    """A map of three time points with four planes each; the object is lost at the second one."""
    made = VolumeMap()
    qtbot.addWidget(made)
    made.resize(312, 130)
    found = volume(0, 9, 9, 0, prompted=(1,))
    volumes = {0: found, 1: volume(0, 0, 0, 0), 2: found}
    made.show_model(VolumeMapModel(4, 4, (0, 0), 1, volumes))
    return made


def color(drawn: VolumeMap, plane: tuple[int, int]) -> QColor:
    """Return the color beside the middle of a plane, where no mark is."""
    where = drawn.rect_of(plane).center()
    return drawn.grab().toImage().pixelColor(QPoint(int(where.x()) + 12, int(where.y())))


def test_colors_tell_masks_losses_and_planes_without_a_mask_apart(drawn: VolumeMap) -> None:
    mask, lost, none = (color(drawn, plane) for plane in ((0, 2), (1, 2), (0, 3)))
    assert lost.red() > 200
    assert lost.green() < 100
    assert len({mask.name(), lost.name(), none.name()}) == 3


def test_planes_that_are_not_computed_are_hatched(drawn: VolumeMap) -> None:
    picture, rect = drawn.grab().toImage(), drawn.rect_of((3, 2))
    row = [
        picture.pixelColor(x, int(rect.center().y())).name()
        for x in range(int(rect.left()) + 3, int(rect.right()) - 3)
    ]
    assert len(set(row)) > 1


def test_a_click_chooses_the_plane_under_it(drawn: VolumeMap, qtbot: Any) -> None:
    where = drawn.rect_of((2, 3)).center().toPoint()
    with qtbot.waitSignal(drawn.plane_chosen) as chosen:
        qtbot.mouseClick(drawn, Qt.MouseButton.LeftButton, pos=where)
    assert chosen.args == [2, 3]
    assert drawn.model.shown == (2, 3)


@pytest.mark.parametrize(
    ("key", "plane"),
    [
        (Qt.Key.Key_Right, (2, 1)),
        (Qt.Key.Key_Left, (0, 1)),
        (Qt.Key.Key_Up, (1, 0)),
        (Qt.Key.Key_Down, (1, 2)),
    ],
)
def test_arrow_keys_move_in_time_and_depth(
    drawn: VolumeMap, qtbot: Any, key: Any, plane: tuple[int, int]
) -> None:
    drawn.show_plane((1, 1))
    qtbot.keyClick(drawn, key)
    assert drawn.model.shown == plane


def test_keys_stay_on_the_map(drawn: VolumeMap, qtbot: Any) -> None:
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_A):
        qtbot.keyClick(drawn, key)
    assert drawn.model.shown == (0, 0)


def test_it_is_described_for_screen_readers(drawn: VolumeMap) -> None:
    assert drawn.accessibleName() == "Map over time and depth of object 1"
    drawn.show_plane((1, 2))
    assert drawn.accessibleDescription() == "t=1, z=2: not found at this time point"
