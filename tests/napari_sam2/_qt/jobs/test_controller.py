"""What goes wrong under a user's hands: plain words, and nothing is lost."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_sam2.images import pyramid
from napari_sam2.viewer.contributions.commands import accept_all, propagate, start_session
from napari_sam2.viewer.keys import USUAL_KEYS, Action
from napari_sam2.viewer.layers.layer_set import LayerRole

OpenWidget = Callable[..., Any]


def _fault(user: Any) -> str:
    return str(user.widget.status.error.text())


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notifications would raise in tests."""
    monkeypatch.setattr("napari_sam2._qt.segment_track.show_error", lambda text: None)


def test_no_image_open(open_widget: OpenWidget) -> None:
    user = open_widget()
    assert user.sync is None
    assert "Open an image" in user.widget.status.next.text()
    user.key("G")
    user.key("N")
    user.key("W")
    user.key("Q")
    user.key("K")
    assert not user.widget.foot.save.isEnabled()


def test_an_image_opened_later_starts_a_session(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget()
    user.viewer.add_image(image)
    user.until(lambda: user.sync is not None)
    user.click(0, 20, 20)
    user.settle()
    assert user.drafts()[0, 20, 20] == 1


def test_five_dimensions_are_refused_in_words(open_widget: OpenWidget) -> None:
    user = open_widget()
    user.viewer.add_image(np.zeros((2, 2, 2, 8, 8), np.uint8))
    user.until(lambda: _fault(user) != "")
    assert "5 dimensions" in _fault(user)
    assert user.sync is None


@pytest.mark.smoke
def test_stop_keeps_what_is_done_and_resumes(
    open_widget: OpenWidget, image: np.ndarray, slow: Callable[[Any], None]
) -> None:
    user = open_widget(image)
    slow(user)
    user.click(0, 20, 20)
    user.settle()
    user.key("G")
    user.until(lambda: user.drafts()[2].any())
    user.key("H")
    user.settle()
    assert user.drafts()[2].any()
    assert not user.drafts()[7].any()
    user.key("G")
    user.settle()
    assert user.drafts()[7].any()


def test_the_image_deleted_in_the_middle_of_a_run(
    open_widget: OpenWidget, image: np.ndarray, slow: Callable[[Any], None]
) -> None:
    user = open_widget(image)
    slow(user)
    user.click(0, 20, 20)
    user.settle()
    labels = user.sync.layers.drafts
    user.key("G")
    user.until(lambda: user.drafts()[2].any())
    user.viewer.layers.remove(user.viewer.layers[0])
    user.settle()
    assert "was removed" in user.notice
    assert _fault(user) == ""
    assert labels in user.viewer.layers
    assert np.asarray(labels.data)[2].any()


@pytest.mark.parametrize("role", ["results", "drafts", "points", "shapes"])
def test_our_layers_come_back_when_they_are_needed(
    open_widget: OpenWidget, image: np.ndarray, role: str
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()
    layer = getattr(user.sync.layers, role)
    user.viewer.layers.remove(getattr(layer, "layer", layer))
    user.click(0, 60, 30)
    user.settle()
    user.key("G")
    user.settle()
    assert user.drafts()[7].any()
    assert len(user.sync.session.prompts) == 2
    assert len(user.points.data) == 2
    user.key("N")
    user.settle()
    assert user.labels()[7].any()


def test_a_session_has_few_layers_whose_names_begin_with_what_they_are(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    name = user.viewer.layers[0].name
    ours = [f"SAM 2 drafts: {name}", f"SAM 2 points: {name}"]
    assert [layer.name for layer in user.viewer.layers] == [name, *ours]
    assert user.sync.layers.shapes.layer.name == f"SAM 2 boxes: {name}"
    user.click(0, 20, 20)
    user.settle()
    user.key("N")
    user.settle()
    kinds = ("labels", "drafts", "boxes", "points")
    expected = [name, *(f"SAM 2 {kind}: {name}" for kind in kinds)]
    assert [layer.name for layer in user.viewer.layers] == expected


def test_renaming_and_reordering_layers_changes_nothing(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    for number, layer in enumerate(user.viewer.layers):
        layer.name = f"renamed {number}"
    user.viewer.layers.move(0, 3)
    user.viewer.dims.set_point(0, 0)
    user.points.add([0, 20, 20])
    user.settle()
    assert user.drafts()[0, 20, 20] == 1
    assert len(user.viewer.layers) == 3


def test_the_image_resized_under_a_session(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.viewer.layers[0].data = np.zeros((4, 40, 40), np.uint8)
    user.until(lambda: "another shape" in user.notice)
    assert _fault(user) == ""


def test_a_missing_model_file(open_widget: OpenWidget, tmp_path: Path) -> None:
    from napari_sam2.inference.sam2_predictor import load_predictor

    user = open_widget()
    user.widget.models._make = lambda: load_predictor(tmp_path / "missing.pt")
    user.widget.models.load()
    user.until(lambda: _fault(user) != "")
    assert "missing.pt" in _fault(user)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate"), "smaller model"),
        (MemoryError(), "smaller model"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
    ],
)
def test_errors_in_a_run_have_plain_messages(
    open_widget: OpenWidget, image: np.ndarray, error: Exception, words: str
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.settle()

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    user.sync.sessions.predictor.track = fail
    user.key("G")
    user.until(lambda: _fault(user) != "")
    assert words in _fault(user)
    user.settle()
    assert user.drafts()[0, 20, 20] == 1
    assert user.widget.foot.propagate.isEnabled()


def test_a_plane_that_fails_to_read(open_widget: OpenWidget, image: np.ndarray) -> None:
    def broken(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info and block_info[0]["chunk-location"][0] == 5:
            raise OSError("the disk went away")
        return block

    lazy = da.from_array(image, chunks=(1, 80, 96)).map_blocks(broken, dtype=np.uint8)
    user = open_widget(lazy, contrast_limits=(0, 255))
    user.click(0, 20, 20)
    user.settle()
    user.widget.status.clear_error()
    user.key("G")
    user.until(lambda: _fault(user) != "")
    assert "t=5" in _fault(user)
    user.settle()
    assert user.drafts()[4].any()


def test_saving_into_a_folder_that_is_not_there(
    open_widget: OpenWidget, image: np.ndarray, tmp_path: Path
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("N")
    user.settle()
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    user.widget.controller.accept_save.save(blocked / "labels.tif")
    user.until(lambda: _fault(user) != "")
    assert user.labels()[0, 20, 20] == 1
    assert user.widget.state.unsaved


def test_a_disk_that_fills_while_saving_costs_nothing(
    open_widget: OpenWidget, image: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("N")
    user.settle()
    path = tmp_path / "labels.tif"
    path.write_bytes(b"an earlier file")
    with monkeypatch.context() as patch:
        patch.setattr("napari_sam2.export.labels.finish_label_output", _full)
        user.widget.controller.accept_save.save(path)
        user.until(lambda: "disk is full" in _fault(user))
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["labels.tif"]
    assert path.read_bytes() == b"an earlier file"
    assert user.widget.state.unsaved
    user.widget.controller.accept_save.save(path)
    user.settle()
    np.testing.assert_array_equal(tifffile.imread(path), user.labels())
    assert user.labels()[0, 20, 20] == 1


def test_a_disk_that_fills_while_accepting_costs_nothing(
    open_widget: OpenWidget, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.settle()
    with monkeypatch.context() as patch:
        patch.setattr("napari_sam2.masks.label_array.LabelArray._write_tile", _full)
        user.key("N")
        user.until(lambda: "disk is full" in _fault(user))
    user.settle()
    user.select(1)
    user.key("N")
    user.settle()
    assert all(user.labels()[t, 20 + t, 20 + 2 * t] == 1 for t in range(8))
    assert not user.drafts().any()
    assert user.widget.state.pending_accepts == set()


def _full(*args: Any, **kwargs: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_keys_are_given_back(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    bound = len(user.viewer.keymap)
    user.widget.release()
    assert len(user.viewer.keymap) == bound - len(Action) - len(USUAL_KEYS)


def test_two_viewers_do_not_meet(open_widget: OpenWidget, image: np.ndarray) -> None:
    first, second = open_widget(image), open_widget(image[:, ::-1])
    first.click(0, 20, 20)
    first.settle()
    second.settle()
    assert first.drafts().any()
    assert not second.drafts().any()


TURNED = {
    "scale": (3, 0.5, 0.25),
    "translate": (0, 10, 20),
    "rotate": 30,
    "shear": (0.0, 0.0, 0.2),
    "affine": np.array([[1, 0, 0, 0], [0, 0, 2, 5], [0, -2, 0, 9], [0, 0, 0, 1]]),
    "units": ("s", "um", "um"),
    "axis_labels": ("t", "y", "x"),
}


def test_layers_of_ours_lie_exactly_where_the_image_lies(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image, **TURNED)
    theirs = user.viewer.layers[0]
    ours = [user.sync.layers.get(role) for role in LayerRole]
    for layer in ours:
        for corner in ([0, 0, 0], [7, 79, 0], [3, 20, 95]):
            np.testing.assert_allclose(layer.data_to_world(corner), theirs.data_to_world(corner))
        assert (layer.units, layer.axis_labels) == (theirs.units, theirs.axis_labels)
    user.click(2, 22, 24)
    user.settle()
    assert user.sync.dims.frame == 2
    assert user.drafts()[2, 22, 24] == 1


def test_pixels_that_change_under_a_session_are_reported(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.viewer.layers[0].data = image[:, ::-1].copy()
    user.settle()
    assert "pixels of the image changed" in user.widget.status.notice.text()


def test_a_script_and_the_widget_share_the_session(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    session = start_session(user.viewer)
    assert session is user.sync.session
    user.click(0, 20, 20)
    user.settle()
    assert propagate(user.viewer) is session
    accept_all(user.viewer)
    user.settle()
    assert user.labels()[7, 27, 34] == 1
    assert session.result(1, 7) is not None


def test_large_chunks_of_a_lazy_image_are_reported(
    open_widget: OpenWidget, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyramid, "LARGE_CHUNK_BYTES", image.nbytes - 1)
    user = open_widget(da.from_array(image, chunks=image.shape))
    user.click(0, 20, 20)
    user.until(lambda: "chunks" in user.widget.status.notice.text())
