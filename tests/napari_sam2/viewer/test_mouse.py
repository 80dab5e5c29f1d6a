"""Clicks outside the object, on the image, and on masks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from napari_sam2.viewer.mouse import CanvasClicks, NegativeClickHandler
from napari_sam2.viewer.tools import Tool, ToolSelection
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser, click

MOVIE = movie((80, 96), [straight((20, 20), (1, 2), 8), straight((60, 30), (0, 2), 8)])


@pytest.fixture
def user() -> Iterator[ModelUser]:
    """A session with the point tool active on the first frame."""
    user = ModelUser.open(MOVIE)
    handler, tools = NegativeClickHandler(user.sync), ToolSelection(user.sync)
    clicks = CanvasClicks(user.sync, tools)
    user.viewer.dims.set_point(0, 0)
    _use_points(user)
    yield user
    handler.release()
    clicks.release()
    tools.stop()
    tools.release()
    assert clicks._press not in user.viewer.mouse_drag_callbacks
    assert {str(layer.mode) for layer in user.viewer.layers} == {"pan_zoom"}
    callbacks = user.points.mouse_drag_callbacks
    assert not [c for c in callbacks if "viewer.mouse" in getattr(c, "__module__", "")]


def _use_points(user: ModelUser) -> None:
    user.viewer.layers.selection.active = user.points
    user.points.mode = "add"


def test_alt_click_is_outside_and_changes_no_tool(user: ModelUser) -> None:
    click(user.viewer, 0, 20, 20)
    click(user.viewer, 0, 21, 30, modifiers=("Alt",))
    click(user.viewer, 0, 22, 20)
    assert list(user.points.features["sign"]) == ["inside", "outside", "inside"]
    assert [str(s) for s in user.points.symbol] == ["disc", "x", "disc"]
    assert [p.label for p in user.prompts] == [1, 0, 1]
    assert user.sync.prompt_layers.sign == "inside"
    assert str(user.points.mode) == "add"


def test_alt_click_works_after_other_tools_and_on_a_new_layer(user: ModelUser) -> None:
    user.viewer.layers.remove(user.points)
    user.viewer.layers.selection.active = user.shapes
    _use_points(user)
    user.points.mode = "select"
    user.points.mode = "add"
    click(user.viewer, 0, 20, 20)
    click(user.viewer, 0, 21, 30, modifiers=("Alt",))
    assert [p.label for p in user.prompts] == [1, 0]


def test_a_click_counts_while_the_image_is_the_active_layer(user: ModelUser) -> None:
    user.viewer.layers.selection.active = user.sync.images[0]
    click(user.viewer, 0, 20, 20)
    click(user.viewer, 0, 21, 30, modifiers=("Alt",))
    click(user.viewer, 0, -9, 20)
    assert [p.label for p in user.prompts] == [1, 0]
    assert user.drafts()[0, 20, 20] == 1
    assert user.viewer.layers.selection.active is user.sync.images[0]


def test_no_point_is_added_to_the_image_after_another_tool(user: ModelUser) -> None:
    tools = ToolSelection(user.sync)
    tools.use(Tool.BOX)
    user.viewer.layers.selection.active = user.sync.images[0]
    assert tools.active is None
    tools.release()


def _two_objects(user: ModelUser) -> None:
    click(user.viewer, 0, 20, 20)
    user.sync.start_object()
    click(user.viewer, 0, 60, 30)


def test_ctrl_click_selects_the_object_with_any_tool(user: ModelUser) -> None:
    _two_objects(user)
    for mode in ("add", "select"):
        user.points.mode = mode
        user.sync.prompt_layers.select(2)
        click(user.viewer, 0, 21, 21, modifiers=("Control",))
        assert user.sync.prompt_layers.current == 1
        assert str(user.points.mode) == mode
    assert len(user.prompts) == 2


def test_a_click_without_a_tool_selects_the_object(user: ModelUser) -> None:
    _two_objects(user)
    user.sync.session.accept(1)
    user.sync.refresh()
    user.viewer.layers.selection.active = user.sync.layers.results
    click(user.viewer, 0, 21, 21)
    assert user.sync.prompt_layers.current == 1
    click(user.viewer, 0, 5, 5)
    assert user.sync.prompt_layers.current == 1
    assert len(user.prompts) == 2


def test_each_click_can_start_a_new_object(user: ModelUser) -> None:
    user.sync.new_object_per_click = True
    click(user.viewer, 0, 20, 20)
    click(user.viewer, 0, 60, 30)
    assert sorted(user.sync.session.prompts.objects()) == [1, 2]
    assert user.sync.open_drafts() == [1, 2]
    assert user.drafts()[0, 60, 30] == 2
    user.sync.prompt_layers.select(1)
    assert not user.sync.new_object_per_click
