"""Prompts in napari's own layers: points, boxes, outlines, paint; undo; corrections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_sam2.prompts.types import BoxPrompt, MaskPrompt

OpenWidget = Callable[..., Any]


def test_deleting_a_point_in_napari_removes_its_mask(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    points = user.points
    points.selected_data = {0}
    points.remove_selected()
    user.settle()
    assert not user.drafts().any()
    assert len(user.sync.session.prompts) == 0


def test_moving_a_point_moves_the_mask(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    points = user.points
    points.data = [[0, 60, 30]]
    user.settle()
    assert user.drafts()[0, 20, 20] == 0
    assert user.drafts()[0, 60, 30] == 1


def test_undo_takes_a_click_back_with_its_mask(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    before = user.drafts().copy()
    user.click(0, 60, 30)
    user.settle()
    assert not np.array_equal(user.drafts(), before)
    user.key("U")
    user.settle()
    np.testing.assert_array_equal(user.drafts(), before)
    assert len(user.points.data) == 1
    user.key("Shift-U")
    user.settle()
    assert len(user.points.data) == 2
    user.key("U")
    user.key("U")
    user.settle()
    assert not user.drafts().any()


def test_a_negative_point_is_red_and_says_outside(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("K")
    user.click(0, 21, 30)
    user.settle()
    layer = user.points
    assert list(layer.features["sign"]) == ["inside", "outside"]
    assert [str(s) for s in layer.symbol] == ["disc", "x"]
    assert [p.label for p in user.sync.session.prompts] == [1, 0]


def test_a_box_is_half_open_pixel_bounds(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    corners = [[0, 11.5, 9.5], [0, 11.5, 29.5], [0, 29.5, 29.5], [0, 29.5, 9.5]]
    user.sync.layers.shapes.layer.add([corners], shape_type="rectangle")
    user.settle()
    assert list(user.sync.session.prompts) == [BoxPrompt(1, 0, (12, 10), (30, 30))]
    assert user.drafts()[0, 20, 20] == 1


def test_an_outline_is_taken_as_it_is_and_replaces_points(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    outline = [[0, 40, 40], [0, 40, 50], [0, 50, 50], [0, 50, 40]]
    user.sync.layers.shapes.layer.add([outline], shape_type="polygon")
    user.settle()
    (prompt,) = user.sync.session.prompts
    assert isinstance(prompt, MaskPrompt)
    assert len(user.points.data) == 0
    assert set(np.argwhere(user.drafts()[0])[:, 0]) == set(range(40, 51))


def test_paint_on_drafts_is_a_mask_prompt_to_the_pixel(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.viewer.dims.set_point(0, 0)
    drafts = user.sync.layers.drafts
    drafts.brush_size = 6
    drafts.paint((0, 40, 40), 1)
    painted = user.drafts()[0] == 1
    user.settle()
    np.testing.assert_array_equal(user.drafts()[0] == 1, painted)
    drafts.paint((0, 40, 40), 0)
    user.settle()
    assert not user.drafts().any()


def test_painting_keeps_what_the_model_found(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    found = user.drafts()[0] == 1
    drafts = user.sync.layers.drafts
    drafts.brush_size = 3
    drafts.paint((0, 60, 60), 1)
    user.settle()
    after = user.drafts()[0] == 1
    assert after[60, 60]
    assert after[found].all()


def test_correction_is_one_click_and_one_key(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.settle()
    user.key("N")
    user.settle()
    user.select(1)
    user.actions.clear()
    user.click(4, 60, 38)
    user.settle()
    user.key("G")
    user.settle()
    assert user.actions == ["click", "G"]
    assert user.drafts()[4, 60, 38] == 1


def test_candidates_cycle_with_one_key(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    areas = {int((user.drafts()[0] == 1).sum())}
    for _ in range(2):
        user.key("Q")
        user.settle()
        areas.add(int((user.drafts()[0] == 1).sum()))
    assert len(areas) == 3


def test_several_objects_and_a_new_one_while_the_first_is_followed(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.key("N")
    user.click(0, 60, 30)
    user.key("G")
    user.key("N")
    user.settle()
    assert user.labels()[7, 27, 34] == 1
    assert user.labels()[7, 60, 44] == 2
    assert user.actions[3:] == ["click", "G", "N"]


def test_seeding_from_labels(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    theirs = np.zeros(image.shape, np.uint8)
    theirs[0, 15:26, 15:26] = 3
    theirs[0, 55:66, 25:36] = 7
    user.viewer.add_labels(theirs, name="mine")
    user.widget.refresh()
    user.viewer.dims.set_point(0, 0)
    user.widget.advanced.start_from_labels()
    user.settle()
    assert set(np.unique(user.drafts()[0])) == {0, 3, 7}
    assert user.viewer.layers["mine"].data is theirs


def test_hiding_and_renaming_an_object(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    row = user.widget.objects.topLevelItem(0)
    row.setText(0, "mother")
    row.setCheckState(0, row.checkState(0).Unchecked)
    user.settle()
    assert user.sync.sessions.objects[1].name == "mother"
    assert user.sync.layers.drafts.get_color(1)[3] == 0
    user.widget.objects.topLevelItem(0).setCheckState(0, row.checkState(0).Checked)
    assert user.sync.layers.drafts.get_color(1)[3] > 0


def test_deleting_an_object(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.settle()
    user.widget.controller.accept_save.delete(1)
    user.settle()
    assert not user.drafts().any()
    assert len(user.points.data) == 0
