"""Sessions come back: after another image or axis, in another widget and from their folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.masks.mask import MaskStatus
from napari_sam2.prompts.types import PointPrompt
from napari_sam2.session.storage.session_archive import pack_session
from napari_sam2.viewer.contributions.commands import open_image
from tests.helpers.session_states import replayed, state_of

OpenWidget = Callable[..., Any]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notifications would raise in tests."""
    monkeypatch.setattr("napari_sam2._qt.segment_track.show_error", lambda text: None)


def begin(user: Any, layers: list[Any], along: str | None = None) -> None:
    user.controller.begin(layers, along)
    user.settle()


@pytest.mark.smoke
def test_another_image_and_back_shows_the_earlier_session(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    first = user.viewer.layers[0]
    user.click(0, 20, 20)
    user.key("G")
    user.key("N")
    user.click(0, 60, 30)
    user.settle()
    sync, drafts, labels = user.sync, user.drafts().copy(), user.labels().copy()
    other = user.viewer.add_image(image[:, ::-1].copy(), name="other")
    begin(user, [other])
    assert user.sync is not sync
    assert not sync.shown
    n_layers = len(user.viewer.layers)
    begin(user, [first])
    assert user.sync is sync
    assert sync.shown
    assert len(user.viewer.layers) == n_layers
    np.testing.assert_array_equal(user.drafts(), drafts)
    np.testing.assert_array_equal(user.labels(), labels)
    user.click(3, 60, 36)
    user.settle()
    assert len(user.sync.session.prompts) == 3


def test_another_axis_and_back(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(np.stack([image[:3], image[3:6]], axis=1), axis_labels=("t", "z", "y", "x"))
    layer = user.viewer.layers[0]
    user.click(0, 0, 20, 20)
    user.settle()
    sync = user.sync
    begin(user, [layer], "z")
    assert user.sync.sessions.stack.along == "z"
    assert not any(len(session.prompts) for _, session in user.sync.sessions)
    begin(user, [layer], "t")
    assert user.sync is sync


def test_a_file_in_another_viewer_has_its_session_again(
    open_widget: OpenWidget, image: np.ndarray, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "movie.tif", image, metadata={"axes": "TYX"})
    user = open_widget()
    (layer,) = open_image(user.viewer, tmp_path / "movie.tif")
    layer.contrast_limits = (0, 255)
    user.until(lambda: user.sync is not None)
    user.click(0, 20, 20)
    user.key("G")
    user.key("N")
    user.click(0, 60, 30)
    user.settle()
    user.sync.session.rename(1, "first")
    user.sync.session.lock(1, [3])
    labels, drafts = user.labels().copy(), user.drafts().copy()
    folder = user.sync.sessions.folder.path
    assert folder == tmp_path / "movie-t.sam2-session"
    user.sync.sessions.close()
    user.close()

    again = open_widget()
    (layer,) = open_image(again.viewer, tmp_path / "movie.tif")
    layer.contrast_limits = (0, 255)
    again.until(lambda: again.sync is not None)
    again.settle()
    np.testing.assert_array_equal(again.labels(), labels)
    np.testing.assert_array_equal(again.drafts(), drafts)
    assert len(again.points.data) == 2
    assert again.sync.sessions.objects[1].name == "first"
    assert again.sync.sessions.masks.get(1, (3,)).status is MaskStatus.LOCKED
    again.key("U")
    again.key("U")
    again.settle()
    assert again.sync.sessions.masks.get(1, (3,)).status is MaskStatus.ACCEPTED
    assert again.sync.sessions.objects[1].name == "object 1"


def test_the_folder_of_a_session_in_use_is_left_alone(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    again = open_widget(image)
    assert "in use" in again.notice
    again.click(0, 60, 30)
    again.settle()
    first, second = user.sync.sessions.folder.path, again.sync.sessions.folder.path
    assert first != second
    assert first.parent == second.parent


def test_undo_names_the_step_and_shows_its_frame(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(5, 25, 30)
    user.settle()
    user.viewer.dims.set_point(0, 1)
    user.key("U")
    user.settle()
    assert user.notice == "Undid: click on object 1, frame 5."
    assert user.sync.dims.frame == 5
    assert not user.drafts().any()


def test_a_deleted_object_comes_back_with_its_prompts_and_masks(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.settle()
    drafts = user.drafts().copy()
    user.controller.accept_save.delete(1)
    user.settle()
    assert not user.drafts().any()
    assert len(user.points.data) == 0
    user.key("U")
    user.settle()
    np.testing.assert_array_equal(user.drafts(), drafts)
    assert len(user.points.data) == 1
    assert user.sync.prompt_layers.current == 1
    assert user.notice == "Undid: delete object 1."


def test_a_run_under_way_is_not_undone(
    open_widget: OpenWidget, image: np.ndarray, slow: Callable[[Any], None]
) -> None:
    user = open_widget(image)
    slow(user)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.until(lambda: np.count_nonzero(user.drafts().any(axis=(1, 2))) > 2)
    user.key("U")
    user.until(lambda: "is still running" in user.notice)
    user.controller.runs.stop()
    user.settle()
    user.key("U")
    user.settle()
    assert list(np.flatnonzero(user.drafts().any(axis=(1, 2)))) == [0]


def test_a_session_folder_opens_with_its_image_axis_and_prompts(
    open_widget: OpenWidget, image: np.ndarray, tmp_path: Path
) -> None:
    data = np.stack([image[:3], image[3:6]], axis=1)
    tifffile.imwrite(tmp_path / "movie.tif", data, metadata={"axes": "TZYX"})
    user = open_widget()
    (layer,) = open_image(user.viewer, tmp_path / "movie.tif")
    layer.contrast_limits = (0, 255)
    user.until(lambda: user.sync is not None)
    begin(user, [layer], "z")
    user.click(1, 0, 21, 22)
    user.settle()
    drafts = user.drafts().copy()
    assert drafts.any()
    archive = pack(user)
    user.close()

    again = open_widget()
    (layer,) = again.viewer.open(archive, plugin="napari-sam2")
    again.until(lambda: again.sync is not None)
    again.settle()
    assert again.sync.sessions.stack.along == "z"
    assert again.sync.sessions.folder.path.parent == archive.parent
    np.testing.assert_array_equal(again.drafts(), drafts)
    assert len(again.points.data) == 1


def test_a_mask_that_was_not_predicted_in_time_is_predicted_later(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    with user.sync.sessions.history.step("Click on object 1"):
        user.sync.session.prompts.add(PointPrompt(1, 0, (20, 20)))
    user.settle()
    user.sync.sessions.close()
    user.close()
    again = open_widget(image)
    again.settle()
    assert again.drafts()[0, 20, 20] == 1
    again.key("U")
    again.settle()
    assert not again.drafts().any()
    assert not len(again.sync.session.prompts)


def pack(user: Any) -> Path:
    """Close the session of a user and return it packed."""
    folder = user.sync.sessions.folder.path
    user.sync.sessions.close()
    return pack_session(folder)


def test_the_log_of_the_widget_gives_its_session(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("Q")
    user.key("G")
    user.key("Y")
    user.click(0, 60, 30)
    user.settle()
    user.key("Shift-G")
    user.settle()
    user.viewer.dims.set_point(0, 4)
    user.key("Shift-J")
    user.settle()
    user.click(5, 60, 40)
    user.key("G")
    user.settle()
    user.key("Shift-X")
    user.settle()
    user.controller.accept_save.delete(1)
    user.settle()
    for key in ("U", "U", "Shift-U", "N"):
        user.key(key)
        user.settle()
    user.widget.objects.table.menu_of(2).actions()[0].trigger()
    user.sync.layers.drafts.selected_label = 9
    user.key("Shift-N")
    user.settle()
    sessions = user.sync.sessions
    assert state_of(replayed(sessions)[()]) == state_of(sessions[()])
