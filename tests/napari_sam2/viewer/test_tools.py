"""The tool that is shown is the one that the canvas uses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from napari_sam2.viewer.tools import Tool, ToolSelection
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser

MOVIE = movie((80, 96), [straight((20, 20), (1, 2), 8)])


@pytest.fixture
def user() -> ModelUser:
    return ModelUser.open(MOVIE, axis_labels=("t", "y", "x"))


@pytest.fixture
def tools(user: ModelUser) -> Iterator[ToolSelection]:
    selection = ToolSelection(user.sync)
    yield selection
    selection.release()


@pytest.mark.parametrize("tool", Tool)
def test_a_tool_is_active_once_it_is_used(
    user: ModelUser, tools: ToolSelection, tool: Tool
) -> None:
    tools.use(tool)
    assert tools.active is tool
    assert str(user.viewer.layers.selection.active.mode) == tool.value


def test_it_follows_layers_and_modes_that_are_chosen_in_napari(
    user: ModelUser, tools: ToolSelection
) -> None:
    changes: list[Tool | None] = []
    tools.use(Tool.POINT)
    tools.events.changed.connect(lambda: changes.append(tools.active))
    user.points.mode = "select"
    assert tools.active is None
    user.viewer.layers.selection.active = user.sync.layers.drafts
    user.sync.layers.drafts.mode = "erase"
    assert tools.active is Tool.PAINT
    user.viewer.layers.selection.active = user.viewer.add_labels(np.zeros((8, 8), int))
    assert tools.active is None
    assert changes[-1] is None
    assert Tool.PAINT in changes


def test_no_tool_can_be_used_in_3d(user: ModelUser, tools: ToolSelection) -> None:
    said: list[str] = []
    tools.events.notice.connect(said.append)
    tools.use(Tool.POINT)
    user.viewer.dims.ndisplay = 3
    assert tools.active is None
    assert str(user.points.mode) == "pan_zoom"
    assert "2-D" in tools.obstacle
    user.points.mode = "add"
    tools.use(Tool.BOX)
    assert str(user.points.mode) == "pan_zoom"
    assert said == [tools.obstacle] * 2
    user.viewer.dims.ndisplay = 2
    assert tools.active is Tool.POINT
    assert not tools.obstacle


def test_no_tool_can_be_used_across_the_plane(user: ModelUser, tools: ToolSelection) -> None:
    tools.use(Tool.POINT)
    user.viewer.dims.order = (1, 0, 2)
    assert tools.active is None
    assert "y and x" in tools.obstacle
    user.viewer.dims.order = (0, 1, 2)
    assert tools.active is Tool.POINT


def test_the_tool_works_on_a_layer_that_was_made_again(
    user: ModelUser, tools: ToolSelection
) -> None:
    user.viewer.layers.remove(user.points)
    tools.use(Tool.POINT)
    user.points.mode = "select"
    assert tools.active is None
    user.points.mode = "add"
    assert tools.active is Tool.POINT
