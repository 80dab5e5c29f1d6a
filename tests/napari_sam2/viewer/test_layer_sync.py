"""Layers and sessions in step, for every kind of image, without a window."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam2.core.errors import UserError
from napari_sam2.images.intensity import PRIMARIES
from napari_sam2.viewer.contributions.commands import accept_all, propagate, start_session
from napari_sam2.viewer.image_layers import intensity_from_layers, stack_from_layers
from napari_sam2.viewer.layer_sync import LayerSync
from napari_sam2.viewer.layers.layer_set import LayerRole
from tests.helpers.fakes import FakePredictor
from tests.helpers.scenes import movie, straight
from tests.helpers.viewer_model import ModelUser

MOVIE = movie((48, 64), [straight((20, 20), (1, 2), 6), straight((40, 50), (0, -1), 6)], radius=4)


def started(viewer: ViewerModel, **options: Any) -> LayerSync:
    return ModelUser.start(viewer, **options).sync


def click(sync: LayerSync, *where: float) -> None:
    sync.layers.points.layer.add(np.array(where, float))


def drafts(sync: LayerSync) -> np.ndarray:
    return np.asarray(sync.layers.drafts.data)


@pytest.mark.parametrize("kind", ["numpy", "dask", "multiscale", "rgb"])
def test_a_click_becomes_a_mask_and_a_track(kind: str) -> None:
    viewer = ViewerModel()
    options: dict[str, Any] = {"contrast_limits": (0, 255)}
    if kind == "dask":
        viewer.add_image(da.from_array(MOVIE, chunks=(1, 48, 64)), **options)
    elif kind == "multiscale":
        viewer.add_image([MOVIE, MOVIE[:, ::2, ::2]], multiscale=True, **options)
    elif kind == "rgb":
        viewer.add_image(np.stack([MOVIE] * 3, axis=-1), rgb=True)
    else:
        viewer.add_image(MOVIE, **options)
    sync = started(viewer)
    click(sync, 0, 20, 20)
    assert drafts(sync).shape == MOVIE.shape
    assert drafts(sync)[0, 20, 20] == 1
    propagate(viewer)
    assert drafts(sync)[5, 25, 30] == 1
    accept_all(viewer)
    assert np.asarray(sync.layers.results.data)[5, 25, 30] == 1
    assert not drafts(sync).any()


def test_a_lone_plane() -> None:
    viewer = ViewerModel()
    viewer.add_image(MOVIE[0])
    sync = started(viewer)
    click(sync, 20, 20)
    assert drafts(sync)[20, 20] == 1


@pytest.mark.parametrize("along", ["z", "y", "x"])
def test_a_volume_along_any_axis(along: str) -> None:
    volume = np.full((24, 32, 40), 20, np.uint8)
    volume[6:18, 10:22, 12:28] = 200
    viewer = ViewerModel()
    viewer.add_image(volume, axis_labels=("z", "y", "x"), scale=(2, 1, 1))
    sync = started(viewer, along=along)
    viewer.dims.order = ("zyx".index(along), *(i for i in range(3) if "zyx"[i] != along))
    click(sync, 12, 16, 20)
    propagate(viewer)
    found = drafts(sync) == 1
    assert found[12, 16, 20]
    assert np.count_nonzero(found & (volume > 100)) > 0.7 * np.count_nonzero(volume > 100)


def test_3d_and_time_each_depth_is_its_own_session() -> None:
    data = np.stack([MOVIE, MOVIE[:, ::-1]], axis=1)
    viewer = ViewerModel()
    viewer.add_image(data, axis_labels=("t", "z", "y", "x"))
    viewer.dims.set_point((0, 1), (0, 0))
    sync = started(viewer)
    click(sync, 0, 0, 20, 20)
    viewer.dims.set_point((0, 1), (0, 1))
    assert len(sync.session.prompts) == 0
    click(sync, 0, 1, 27, 20)
    assert [p.yx for p in sync.session.prompts] == [(27.0, 20.0)]
    propagate(viewer)
    assert drafts(sync)[5, 1, 22, 30] == 1
    assert not drafts(sync)[5, 0].any()
    assert len(sync.layers.points.layer.data) == 2


def test_layers_lie_where_the_image_lies() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(
        MOVIE, scale=(3, 0.5, 0.5), translate=(0, 10, 20), axis_labels=("t", "y", "x"),
        units=("s", "um", "um"),
    )  # fmt: skip
    sync = started(viewer)
    assert [layer.name for layer in viewer.layers[1:]] == [
        f"SAM 2 {what}: MOVIE" for what in ("drafts", "points")
    ]
    for role in LayerRole:
        sync.layers.get(role)
    ours = [layer for layer in viewer.layers if layer is not image]
    assert [layer.name for layer in ours] == [f"{role.value}: MOVIE" for role in LayerRole]
    for layer in ours:
        np.testing.assert_array_equal(layer.scale, image.scale)
        np.testing.assert_array_equal(layer.translate, image.translate)
        assert layer.axis_labels == image.axis_labels
        assert layer.units == image.units
    viewer.dims.set_point(0, 6)
    assert sync.dims.frame == 2
    assert sync.session.stack.scale == (3, 0.5, 0.5)


def test_the_image_layer_is_not_touched() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(MOVIE, name="mine")
    before = image.metadata.copy()
    sync = started(viewer)
    click(sync, 0, 20, 20)
    assert viewer.layers[0] is image
    assert (image.name, image.metadata) == ("mine", before)
    assert image.data is MOVIE


def test_what_the_layer_shows_is_what_the_model_sees() -> None:
    viewer = ViewerModel()
    viewer.add_image(MOVIE, contrast_limits=(20, 200), gamma=0.5)
    assert intensity_from_layers(list(viewer.layers)).limits == ((20, 200),)
    assert intensity_from_layers(list(viewer.layers)).gamma == (0.5,)
    viewer.add_image(MOVIE, colormap="green", contrast_limits=(0, 100))
    viewer.layers[0].colormap = "magenta"
    two = intensity_from_layers(list(viewer.layers))
    assert two.colors == ((1, 0, 1), (0, 1, 0))
    stack = stack_from_layers(list(viewer.layers))
    assert stack.n_channels == 2
    assert stack.label_shape == MOVIE.shape
    np.testing.assert_array_equal(stack.read(stack.index(3))[1], MOVIE[3])
    rgb = ViewerModel().add_image(np.zeros((4, 5, 3), np.uint8), rgb=True)
    assert intensity_from_layers([rgb]).colors == PRIMARIES


def test_channels_of_different_shapes_are_refused() -> None:
    viewer = ViewerModel()
    viewer.add_image(MOVIE, name="a")
    viewer.add_image(MOVIE[:3], name="b")
    with pytest.raises(UserError, match="same shape"):
        stack_from_layers(list(viewer.layers))


def test_a_channel_slider_is_refused_in_words() -> None:
    viewer = ViewerModel()
    viewer.add_image(MOVIE[:, None], axis_labels=("t", "c", "y", "x"))
    with pytest.raises(UserError, match="Split Stack"):
        start_session(viewer, model=FakePredictor())


def test_a_script_and_the_viewer_share_one_session() -> None:
    viewer = ViewerModel()
    viewer.add_image(MOVIE)
    first = start_session(viewer, model=FakePredictor())
    assert start_session(viewer, model=FakePredictor()) is first
    with pytest.raises(UserError, match="no image"):
        start_session(ViewerModel())
    with pytest.raises(UserError, match="start_session"):
        propagate(ViewerModel())


def test_a_3d_display_does_not_disturb() -> None:
    viewer = ViewerModel()
    viewer.add_image(MOVIE, axis_labels=("z", "y", "x"))
    sync = started(viewer)
    click(sync, 0, 20, 20)
    viewer.dims.ndisplay = 3
    propagate(viewer)
    click(sync, 0, 40, 50)
    viewer.dims.ndisplay = 2
    assert drafts(sync)[5, 25, 30] == 1


def test_points_outside_the_image_ask_nothing() -> None:
    viewer = ViewerModel()
    viewer.add_image(MOVIE)
    sync = started(viewer)
    click(sync, 0, -20, 500)
    assert len(sync.session.prompts) == 0


def test_undo_works_on_all_layers_and_names_the_step() -> None:
    user = ModelUser.open(MOVIE)
    notices: list[str] = []
    user.sync.events.notice.connect(notices.append)
    click(user.sync, 2, 22, 24)
    click(user.sync, 0, 20, 20)
    propagate(user.viewer)
    accept_all(user.viewer)
    layers = user.sync.layers
    own = [layers.points.layer, layers.shapes.layer, layers.drafts, layers.results]
    for layer in own:
        undo = next(work for keys, work in layer.keymap.items() if str(keys) == "Ctrl+Z")
        undo(layer)
    assert notices == [
        "Undid: accept all objects.",
        "Undid: propagate object 1.",
        "Undid: click on object 1, frame 0.",
        "Undid: click on object 1, frame 2.",
    ]
    assert user.sync.dims.frame == 2
    assert not drafts(user.sync).any()
    redo = next(work for keys, work in own[0].keymap.items() if str(keys) == "Ctrl+Shift+Z")
    for _ in own:
        redo(own[0])
    assert np.asarray(layers.results.data)[5, 25, 30] == 1


def test_a_locked_mask_is_shown_before_anything_is_accepted() -> None:
    user = ModelUser.open(MOVIE)
    user.click(0, 20, 20)
    user.sync.session.lock(1, [0])
    user.sync.refresh()
    layer = user.sync.layers.find(LayerRole.RESULTS)
    assert layer is not None
    assert np.asarray(layer.data)[0, 20, 20] == 1


def test_deleted_layers_are_made_again_when_masks_change() -> None:
    user = ModelUser.open(MOVIE)
    user.click(0, 20, 20)
    accept_all(user.viewer)
    assert user.sync.layers.find(LayerRole.RESULTS) is not None
    for role in LayerRole:
        layer = user.sync.layers.find(role)
        if layer is not None:
            user.viewer.layers.remove(layer)
    assert len(user.viewer.layers) == 1
    user.sync.refresh()
    assert user.labels()[0, 20, 20] == 1
    assert user.sync.layers.find(LayerRole.DRAFTS) is not None
    assert [tuple(p) for p in user.points.data] == [(0, 20, 20)]


def test_prompts_of_accepted_objects_are_hidden_and_kept() -> None:
    user = ModelUser.open(MOVIE)
    user.click(0, 20, 20)
    user.shapes.add(np.array([[0, 36, 46], [0, 36, 54], [0, 44, 54], [0, 44, 46]], float))
    user.sync.start_object()
    user.click(1, 39, 50)
    first, second = (tuple(color) for color in user.points.border_color)
    assert first != second
    accepted = user.sync.session
    accepted.accept(1)
    user.sync.refresh()
    assert list(user.points.shown) == [False, True]
    assert user.shapes.edge_color[0][3] == 0
    user.click(2, 38, 50)
    assert list(user.points.shown) == [False, True, True]
    assert sorted(accepted.prompts.objects()) == [1, 2]
    assert len(accepted.prompts.get(1, 0)) == 2
    user.sync.layers.points.layer.selected_data = {1, 2}
    user.points.remove_selected()
    assert sorted(accepted.prompts.objects()) == [1]
    accepted.reopen(1)
    user.sync.refresh()
    assert list(user.points.shown) == [True]
    assert user.shapes.edge_color[0][3] == 1


def test_only_some_objects_are_shown() -> None:
    user = ModelUser.open(MOVIE)
    for place in ((0, 20, 20), (0, 40, 50)):
        user.click(*place)
        user.sync.start_object()
    drafts = user.sync.layers.drafts
    user.sync.show_only([2])
    assert [drafts.get_color(i)[3] > 0 for i in (1, 2)] == [False, True]
    user.sync.show_only(None)
    assert all(drafts.get_color(i)[3] > 0 for i in (1, 2))
