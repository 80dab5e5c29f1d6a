"""We are guests in the viewer: layers lie where the image lies, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import qtpy
import tifffile
import zarr
from qtpy.QtWidgets import QApplication

from napari_sam2.images import pyramid as huge_chunks
from napari_sam2.viewer.contributions.commands import accept_all, propagate, start_session

OpenWidget = Callable[..., Any]
TURNED = {
    "scale": (3, 0.5, 0.25),
    "translate": (0, 10, 20),
    "rotate": 30,
    "shear": (0.0, 0.0, 0.2),
    "affine": np.array([[1, 0, 0, 0], [0, 0, 2, 5], [0, -2, 0, 9], [0, 0, 0, 1]]),
    "units": ("s", "um", "um"),
    "axis_labels": ("t", "y", "x"),
}


def test_only_the_qt_binding_that_was_asked_for_is_loaded(open_widget: OpenWidget) -> None:
    open_widget()
    assert qtpy.API_NAME.lower() == os.environ.get("QT_API", qtpy.API_NAME).lower()
    bindings = {"PySide6", "PyQt6", "PyQt5", "PySide2"}
    assert bindings & set(sys.modules) == {qtpy.API_NAME}


def test_layers_of_ours_lie_exactly_where_the_image_lies(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image, **TURNED)
    theirs = user.viewer.layers[0]
    ours = user.viewer.layers[1:]
    assert len(ours) == 4
    for layer in ours:
        for corner in ([0, 0, 0], [7, 79, 0], [3, 20, 95]):
            np.testing.assert_allclose(layer.data_to_world(corner), theirs.data_to_world(corner))
        assert (layer.units, layer.axis_labels) == (theirs.units, theirs.axis_labels)
    user.click(2, 22, 24)
    user.settle()
    assert user.sync.frame == 2
    assert user.drafts()[2, 22, 24] == 1


def test_an_accepted_object_is_not_covered_by_a_later_draft(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    for key in "GN":
        user.key(key)
    user.settle()
    before = user.labels().copy()
    user.viewer.dims.set_point(0, 4)
    user.sync.family.drafts.brush_size = 40
    user.sync.family.drafts.paint((4, 24, 28), 2)
    user.settle()
    user.key("G")
    user.settle()
    assert (user.drafts()[4] == 2).any()
    np.testing.assert_array_equal(user.labels(), before)


def test_results_of_a_file_read_lazily_are_on_disk_before_anything_is_saved(
    open_widget: OpenWidget, image: np.ndarray, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "movie.tif", image, metadata={"axes": "TYX"})
    user = open_widget()
    (layer,) = user.viewer.open(tmp_path / "movie.tif", plugin="napari-sam2")
    assert not isinstance(layer.data, np.ndarray)
    layer.contrast_limits = (0, 255)
    user.until(lambda: user.sync is not None)
    user.click(0, 20, 20)
    for key in "GN":
        user.key(key)
    user.settle()
    on_disk = zarr.open_array(tmp_path / "movie-labels.zarr", mode="r")
    np.testing.assert_array_equal(on_disk[:], user.labels())
    assert on_disk[7, 27, 34] == 1


def test_pixels_that_change_under_a_session_are_looked_at_anew(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    user = open_widget(image)
    user.viewer.layers[0].data = image[:, ::-1].copy()
    user.settle()
    assert "pixels of the image changed" in user.widget.status.said.text()


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


def test_no_widget_and_no_thread_is_left_when_it_is_closed(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    before = _our_widgets()
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.settle()
    gone = [weakref.ref(user.widget), weakref.ref(user.widget.engine)]
    user.viewer.window.remove_dock_widget(user.widget)
    user.widget.close()
    user.widget.deleteLater()
    user.widget = _Closed()
    user.until(lambda: gc.collect() >= 0 and not any(reference() for reference in gone), 20000)
    assert [widget for widget in _our_widgets() if widget not in before] == []
    assert not [t for t in threading.enumerate() if t.name.startswith("napari-sam2")]
    user.viewer.layers[0].data = image[:, ::-1].copy()


def _our_widgets() -> list[Any]:
    return [w for w in QApplication.allWidgets() if type(w).__module__.startswith("napari_sam2")]


class _Closed:
    """In the place of a widget that is gone."""

    def release(self) -> None:
        pass


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


def test_dear_chunks_of_a_lazy_image_are_told(
    open_widget: OpenWidget, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huge_chunks, "LARGE_CHUNK_BYTES", image.nbytes - 1)
    user = open_widget(da.from_array(image, chunks=image.shape))
    user.click(0, 20, 20)
    user.until(lambda: "chunks" in user.widget.status.said.text())


def test_nothing_in_the_widget_is_cut_at_the_side(
    open_widget: OpenWidget, image: np.ndarray
) -> None:
    widget = open_widget(image).widget
    widget.refresh()
    needed = widget.widget().minimumSizeHint().width()
    assert widget.minimumWidth() >= needed + widget.verticalScrollBar().sizeHint().width()
    assert not widget.horizontalScrollBar().isVisible()


@pytest.mark.parametrize(("cover", "winner"), [(False, 1), (True, 2)])
def test_accepting_covers_accepted_objects_only_when_ticked(
    open_widget: OpenWidget, image: np.ndarray, cover: bool, winner: int
) -> None:
    user = open_widget(image)
    user.widget.extras.cover.setChecked(cover)
    for _ in range(2):
        user.click(0, 20, 20)
        user.settle()
        user.key("N")
        user.settle()
    assert user.labels()[0, 20, 20] == winner
