"""Edits of napari's points, shapes and labels become prompts, and undo takes them back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_sam2.prompts.types import BoxPrompt, MaskPrompt, PointPrompt
from napari_sam2.viewer.layers.points import PointsLayer
from napari_sam2.viewer.layers.shapes import ShapesLayer
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser

MOVIE = movie((80, 96), [straight((20, 20), (1, 2), 8), straight((60, 30), (0, 2), 8)])
BOX = [[0, 11.5, 9.5], [0, 11.5, 29.5], [0, 29.5, 29.5], [0, 29.5, 9.5]]
OUTLINE = [[0, 40, 40], [0, 40, 50], [0, 50, 50], [0, 50, 40]]


@pytest.fixture
def user() -> ModelUser:
    """A session on two discs that move through 8 frames; the first frame is shown."""
    user = ModelUser.open(MOVIE)
    user.viewer.dims.set_point(0, 0)
    return user


def test_deleting_a_point_in_napari_removes_its_mask(user: ModelUser) -> None:
    user.click(0, 20, 20)
    user.points.selected_data = {0}
    user.points.remove_selected()
    assert not user.drafts().any()
    assert user.prompts == []


def test_moving_a_point_moves_the_mask(user: ModelUser) -> None:
    user.click(0, 20, 20)
    user.points.data = [[0, 60, 30]]
    assert user.drafts()[0, 20, 20] == 0
    assert user.drafts()[0, 60, 30] == 1


def test_an_added_point_is_the_only_one_that_is_read(
    user: ModelUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.click(0, 20, 20)
    read: list[int] = []
    usual = PointsLayer.prompts

    def count(self: PointsLayer, rows: slice = slice(None)) -> object:
        found = usual(self, rows)
        read.append(sum(map(len, found.values())))
        return found

    monkeypatch.setattr(PointsLayer, "prompts", count)
    monkeypatch.setattr(ShapesLayer, "prompts", lambda _: pytest.fail("no shape was changed"))
    user.click(0, 21, 24)
    user.click(3, 60, 36)
    assert read == [1, 1]
    assert [p.yx for p in user.prompts] == [(20, 20), (21, 24), (60, 36)]


def test_several_points_added_at_once(user: ModelUser) -> None:
    user.click(0, 20, 20)
    user.points.add([[0, 21, 24], [3, 60, 36]])
    assert [(p.frame, p.yx) for p in user.prompts] == [(0, (20, 20)), (0, (21, 24)), (3, (60, 36))]


def test_a_prompt_of_a_script_outlives_a_click(user: ModelUser) -> None:
    user.sync.session.prompts.add(PointPrompt(1, 0, (20, 20), 1))
    user.click(0, 21, 24)
    assert [p.yx for p in user.prompts] == [(20, 20), (21, 24)]


def test_undo_takes_a_click_back_with_its_mask(user: ModelUser) -> None:
    user.click(0, 20, 20)
    before = user.drafts().copy()
    user.click(0, 60, 30)
    assert not np.array_equal(user.drafts(), before)
    assert user.sync.undo()
    np.testing.assert_array_equal(user.drafts(), before)
    assert len(user.points.data) == 1
    assert user.sync.redo()
    assert len(user.points.data) == 2
    assert user.sync.undo()
    assert user.sync.undo()
    assert not user.drafts().any()
    assert not user.sync.undo()


def test_a_point_outside_has_its_own_color_symbol_and_label(user: ModelUser) -> None:
    user.click(0, 20, 20)
    user.sync.prompt_layers.flip_sign()
    user.click(0, 21, 30)
    assert list(user.points.features["sign"]) == ["inside", "outside"]
    assert [str(s) for s in user.points.symbol] == ["disc", "x"]
    assert [p.label for p in user.prompts] == [1, 0]


def test_a_box_is_half_open_pixel_bounds(user: ModelUser) -> None:
    user.shapes.add([BOX], shape_type="rectangle")
    assert user.prompts == [BoxPrompt(1, 0, (12, 10), (30, 30))]
    assert user.drafts()[0, 20, 20] == 1


def test_a_point_stands_beside_a_box(user: ModelUser) -> None:
    user.shapes.add([BOX], shape_type="rectangle")
    user.click(0, 20, 20)
    assert [type(p) for p in user.prompts] == [PointPrompt, BoxPrompt]
    assert (len(user.points.data), len(user.shapes.data)) == (1, 1)


def test_an_outline_is_the_mask_and_replaces_points(user: ModelUser) -> None:
    user.click(0, 20, 20)
    user.shapes.add([OUTLINE], shape_type="polygon")
    (prompt,) = user.prompts
    assert isinstance(prompt, MaskPrompt)
    assert len(user.points.data) == 0
    assert set(np.argwhere(user.drafts()[0])[:, 0]) == set(range(40, 51))


def test_a_point_replaces_an_outline(user: ModelUser) -> None:
    user.shapes.add([OUTLINE], shape_type="polygon")
    user.click(0, 20, 20)
    assert [type(p) for p in user.prompts] == [PointPrompt]
    assert (len(user.points.data), len(user.shapes.data)) == (1, 0)


def test_deleting_a_box_keeps_the_points_beside_it(user: ModelUser) -> None:
    user.shapes.add([BOX], shape_type="rectangle")
    user.click(0, 20, 20)
    user.shapes.selected_data = {0}
    user.shapes.remove_selected()
    assert [type(p) for p in user.prompts] == [PointPrompt]


def test_paint_on_drafts_is_a_mask_prompt_to_the_pixel(user: ModelUser) -> None:
    drafts = user.sync.layers.drafts
    drafts.brush_size = 6
    drafts.paint((0, 40, 40), 1)
    painted = user.drafts()[0] == 1
    assert painted.any()
    (prompt,) = user.prompts
    assert prompt.mask.sum() == painted.sum()
    drafts.paint((0, 40, 40), 0)
    assert not user.drafts().any()


def test_paint_adds_to_the_predicted_mask_and_replaces_its_points(user: ModelUser) -> None:
    user.click(0, 20, 20)
    predicted = user.drafts()[0] == 1
    drafts = user.sync.layers.drafts
    drafts.brush_size = 3
    drafts.paint((0, 60, 60), 1)
    after = user.drafts()[0] == 1
    assert after[60, 60]
    assert after[predicted].all()
    assert len(user.points.data) == 0


def test_picking_a_label_selects_its_object(user: ModelUser) -> None:
    user.sync.layers.drafts.selected_label = 7
    assert user.sync.prompt_layers.current == 7
    assert 7 in user.sync.sessions.objects
    user.click(0, 20, 20)
    assert [p.object_id for p in user.prompts] == [7]


@pytest.fixture
def notices(user: ModelUser) -> list[str]:
    """The messages that the user is shown."""
    shown: list[str] = []
    user.sync.events.notice.connect(shown.append)
    return shown


def drag_brush(layer: Any, where: tuple[int, ...]) -> None:
    """Paint as the brush does, whose event comes when the mouse is released."""
    with layer.block_history():
        layer.paint(where, 1)


def test_a_click_outside_the_image_is_refused(user: ModelUser, notices: list[str]) -> None:
    user.click(0, 20, 20)
    user.click(0, -3, 20)
    user.click(0, 20, 96)
    assert notices == ["The click lies outside the image. Click inside the image."] * 2
    assert len(user.points.data) == len(user.prompts) == 1
    assert user.sync.undo()
    assert user.prompts == []


def test_a_point_moved_out_of_the_image_is_removed(user: ModelUser, notices: list[str]) -> None:
    user.click(0, 20, 20)
    user.points.data = [[0, -9, 20]]
    assert len(notices) == 1
    assert len(user.points.data) == len(user.prompts) == 0


def test_a_box_is_cut_at_the_edge_and_shown_so(user: ModelUser) -> None:
    user.shapes.add([[[0, -15, -9], [0, -15, 29.5], [0, 29.5, 29.5], [0, 29.5, -9]]])
    assert user.prompts == [BoxPrompt(1, 0, (0, 0), (30, 30))]
    (shown,) = user.shapes.data
    assert shown[:, 1:].min() == -0.5


def test_a_box_outside_the_image_leaves_nothing(user: ModelUser, notices: list[str]) -> None:
    user.click(0, 20, 20)
    user.shapes.add([[[0, 90, 9], [0, 90, 30], [0, 99, 30], [0, 99, 9]]])
    assert notices == ["The shape encloses no pixel of the image. Draw it on the image."]
    assert len(user.shapes.data) == 0
    assert [type(p) for p in user.prompts] == [PointPrompt]


def test_no_prompts_in_3d(user: ModelUser, notices: list[str]) -> None:
    user.viewer.dims.ndisplay = 3
    user.click(0, 20, 20)
    user.shapes.add([BOX], shape_type="rectangle")
    drag_brush(user.sync.layers.drafts, (0, 40, 40))
    assert notices == ["Go back to 2D to click."] * 3
    assert (len(user.points.data), len(user.shapes.data), len(user.prompts)) == (0, 0, 0)
    assert not user.drafts().any()
    user.viewer.dims.ndisplay = 2
    user.click(0, 20, 20)
    assert len(user.prompts) == 1


def test_no_prompts_on_other_axes(user: ModelUser, notices: list[str]) -> None:
    user.viewer.dims.order = (1, 0, 2)
    user.click(0, 20, 20)
    assert notices == ["Show the axes y and x again to click."]
    assert user.prompts == []


def test_a_locked_mask_cannot_be_edited(user: ModelUser, notices: list[str]) -> None:
    user.click(0, 20, 20)
    user.sync.session.lock(1, [0])
    before = user.labels().copy()
    user.click(0, 21, 24)
    user.shapes.add([OUTLINE], shape_type="polygon")
    for layer in (user.sync.layers.drafts, user.sync.layers.results):
        drag_brush(layer, (0, 40, 40))
    user.points.selected_data = {0}
    user.points.remove_selected()
    advice = "Object 1 is locked on frame 0. Unlock it there to change it."
    assert set(notices) == {advice}
    np.testing.assert_array_equal(user.labels(), before)
    assert not user.drafts().any()
    assert [p.yx for p in user.prompts] == [(20, 20)]
    assert (len(user.points.data), len(user.shapes.data)) == (1, 0)


def test_a_point_outside_a_track_trims_the_shown_frame_only(user: ModelUser) -> None:
    user.click(0, 20, 20)
    for _ in user.sync.session.propagate():
        pass
    before = user.drafts().copy()
    user.sync.prompt_layers.flip_sign()
    user.click(4, 24, 32)
    after = user.drafts()
    np.testing.assert_array_equal(np.delete(after, 4, axis=0), np.delete(before, 4, axis=0))
    assert after[4].sum() < before[4].sum()
    assert not np.any(after[4] & ~before[4])
