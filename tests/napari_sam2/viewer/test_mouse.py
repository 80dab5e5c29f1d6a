"""Alt+click adds a point outside the object and leaves the tool as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from napari_sam2.viewer.mouse import NegativeClickHandler
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser, click

MOVIE = movie((80, 96), [straight((20, 20), (1, 2), 8)])


@pytest.fixture
def user() -> Iterator[ModelUser]:
    """A session with the point tool active on the first frame."""
    user = ModelUser.open(MOVIE)
    handler = NegativeClickHandler(user.sync)
    user.viewer.dims.set_point(0, 0)
    _use_points(user)
    yield user
    handler.release()
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
