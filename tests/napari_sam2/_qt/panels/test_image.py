"""The whole flow on every kind of image that napari shows, in a real viewer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from tests.helpers.scenes import movie, straight

OpenWidget = Callable[..., Any]
Place = tuple[int, ...]
MOVIE = movie((80, 96), [straight((20, 20), (1, 2), 6), straight((60, 30), (0, 2), 6)])


@dataclass(frozen=True)
class Kind:
    """An image, where its object is clicked, and where it is at the end."""

    data: Any
    click: Place
    end: Place
    options: dict[str, Any] = field(default_factory=dict)


KINDS = {
    "plane": Kind(MOVIE[0], (20, 20), (20, 20)),
    "volume": Kind(
        MOVIE,
        (2, 22, 24),
        (5, 25, 30),
        {"axis_labels": ("z", "y", "x"), "scale": (2, 0.5, 0.5), "units": ("um",) * 3},
    ),
    "volume through time": Kind(
        np.stack([MOVIE, MOVIE[:, ::-1]], axis=1),
        (0, 1, 59, 20),
        (5, 1, 54, 30),
        {"axis_labels": ("t", "z", "y", "x")},
    ),
    "color": Kind(np.stack([MOVIE] * 3, axis=-1), (0, 20, 20), (5, 25, 30), {"rgb": True}),
}


@pytest.mark.parametrize("name", KINDS)
def test_click_propagate_accept_save(
    open_widget: OpenWidget, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kind = KINDS[name]
    user = open_widget(kind.data, name="image", **kind.options)
    monkeypatch.setattr("pathlib.Path.home", lambda: user.folder)
    user.click(*kind.click)
    user.settle()
    assert user.drafts()[kind.click] == 1
    for key in "GNW":
        user.key(key)
        user.settle()
    saved = tifffile.imread(user.folder / "image-labels.tif")
    assert saved[kind.click] == saved[kind.end] == 1
    assert saved.shape == user.sync.sessions.stack.label_shape
    np.testing.assert_array_equal(saved, user.labels())


def test_a_pyramid_is_clicked_on_a_coarse_level_and_labelled_at_full_resolution(
    open_widget: OpenWidget,
) -> None:
    data = movie((1600, 1600), [straight((700, 800), (4, 8), 3)], radius=150)
    levels = [data, data[:, ::2, ::2], data[:, ::4, ::4]]
    user = open_widget(levels, multiscale=True, contrast_limits=(0, 255))
    user.viewer.scene.camera.zoom = 0.2
    user.qtbot.waitUntil(lambda: user.viewer.layers[0].data_level > 0)
    user.click(0, 700, 800)
    user.settle()
    user.key("G")
    user.settle()
    assert user.drafts().shape == data.shape
    assert not user.sync.layers.drafts.multiscale
    found, true = user.drafts()[2] == 1, data[2] == 200
    assert np.count_nonzero(found & true) / np.count_nonzero(found | true) > 0.95


@pytest.mark.smoke
def test_channels_that_are_ticked_are_seen_together(open_widget: OpenWidget) -> None:
    empty = np.full_like(MOVIE, 20)
    user = open_widget(empty, MOVIE, contrast_limits=(0, 255))
    user.widget.images.image.setCurrentIndex(0)
    user.until(lambda: user.sync.images[0].data is empty)
    item = user.widget.images.channels.item(0)
    item.setCheckState(Qt.CheckState.Checked)
    user.until(lambda: user.sync.sessions.stack.n_channels == 2)
    user.click(0, 20, 20)
    user.key("G")
    user.settle()
    assert user.drafts()[5, 25, 30] == 1
    assert user.labels().shape == MOVIE.shape


@pytest.mark.rendering
def test_nothing_breaks_in_3d_display(open_widget: OpenWidget) -> None:
    user = open_widget(MOVIE, axis_labels=("z", "y", "x"))
    user.click(0, 20, 20)
    user.settle()
    user.viewer.dims.ndisplay = 3
    for key in ("G", "Q", "K", "K", "J", "Shift-B", "Shift-D", "Shift-K"):
        user.key(key)
        user.settle()
    user.points.add([0, 60, 30])
    user.key("U")
    user.settle()
    user.key("N")
    user.settle()
    user.viewer.dims.ndisplay = 2
    assert user.widget.status.error.text() == ""
    assert user.labels()[5, 25, 30] == 1


def test_a_plane_across_the_usual_ones_is_followed_along_the_chosen_axis(
    open_widget: OpenWidget,
) -> None:
    volume = np.full((24, 32, 40), 20, np.uint8)
    volume[6:18, 10:22, 12:28] = 200
    user = open_widget(volume, axis_labels=("z", "y", "x"))
    along = user.widget.images.along
    assert along.itemData(0) == "z"
    along.setCurrentIndex(along.findData("x"))
    user.until(lambda: user.sync.sessions.stack.along == "x")
    user.viewer.dims.order = (2, 0, 1)
    user.viewer.dims.set_point(2, 20)
    user.points.add([12, 16, 20])
    user.settle()
    user.key("G")
    user.settle()
    assert user.drafts()[12, 16, 14] == user.drafts()[12, 16, 26] == 1
    assert user.drafts()[12, 16, 4] == user.drafts()[2, 16, 20] == 0


@pytest.mark.parametrize("add", ["add_labels", "add_shapes"])
def test_layers_of_the_wrong_type_are_not_images(open_widget: OpenWidget, add: str) -> None:
    user = open_widget()
    data = np.zeros((3, 8, 8), np.uint8) if add == "add_labels" else None
    layer = getattr(user.viewer, add)(data)
    user.viewer.layers.selection.active = layer
    user.key("G")
    user.settle()
    assert user.sync is None
    assert user.widget.images.image.count() == 0
    assert "Open an image" in user.widget.status.next.text()
    assert list(user.viewer.layers) == [layer]


@pytest.mark.parametrize(
    ("names", "choices"),
    [(("t", "y", "x"), ["t", "y", "x"]), (("z", "y", "x"), ["z", "y", "x"]), (None, [*"tzyx"])],
)
def test_depth_is_offered_for_time_only_if_the_slider_has_no_name(
    open_widget: OpenWidget, names: tuple[str, ...] | None, choices: list[str]
) -> None:
    along = open_widget(MOVIE, axis_labels=names).widget.images.along
    assert [along.itemData(number) for number in range(along.count())] == choices
