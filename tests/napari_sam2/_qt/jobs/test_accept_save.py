"""Objects are accepted, deleted and saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.export.destination import OutputKind
from napari_sam2.export.tracking.formats import TrackingFormat
from napari_sam2.viewer.contributions.commands import open_image

OpenWidget = Callable[..., Any]


def test_deleting_an_object(open_widget: OpenWidget, image: np.ndarray) -> None:
    user = open_widget(image)
    user.click(0, 20, 20)
    user.key("G")
    user.settle()
    user.widget.controller.accept_save.delete(1)
    user.settle()
    assert not user.drafts().any()
    assert len(user.points.data) == 0


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
    user.sync.layers.drafts.brush_size = 40
    user.sync.layers.drafts.paint((4, 24, 28), 2)
    user.settle()
    user.key("G")
    user.settle()
    assert (user.drafts()[4] == 2).any()
    np.testing.assert_array_equal(user.labels(), before)


def test_a_file_is_segmented_without_files_beside_it_but_the_session(
    open_widget: OpenWidget, image: np.ndarray, tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "movie.tif", image, metadata={"axes": "TYX"})
    user = open_widget()
    (layer,) = open_image(user.viewer, folder / "movie.tif")
    assert not isinstance(layer.data, np.ndarray)
    layer.contrast_limits = (0, 255)
    user.until(lambda: user.sync is not None)
    user.settle()
    assert [path.name for path in folder.iterdir()] == ["movie.tif"]
    user.click(0, 20, 20)
    for key in "GN":
        user.key(key)
    user.settle()
    assert sorted(path.name for path in folder.iterdir()) == ["movie-t.sam2-session", "movie.tif"]
    assert user.labels()[7, 27, 34] == 1


@pytest.mark.parametrize(("cover", "winner"), [(False, 1), (True, 2)])
def test_accepting_covers_accepted_objects_only_when_ticked(
    open_widget: OpenWidget, image: np.ndarray, cover: bool, winner: int
) -> None:
    user = open_widget(image)
    user.widget.advanced.cover.setChecked(cover)
    for _ in range(2):
        user.click(0, 20, 20)
        user.settle()
        user.key("N")
        user.settle()
    assert user.labels()[0, 20, 20] == winner


def test_save_as_takes_the_format_of_the_filter(
    open_widget: OpenWidget, image: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtpy.QtWidgets import QFileDialog

    offered: list[str] = []

    def choose(_: Any, title: str, name: str, kinds: str, usual: str) -> tuple[str, str]:
        offered.extend(kinds.split(";;"))
        assert (name, usual) == ("labels.tif", "TIFF (*.tif *.tiff)")
        return str(tmp_path / "mine"), "NIfTI (*.nii.gz *.nii)"

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    user = open_widget(image)
    user.widget.foot.save_as.click()
    user.until((tmp_path / "mine.nii.gz").exists)
    tracks = [name for name in offered if name.startswith("Tracks: ")]
    assert len(tracks) == len(TrackingFormat)
    assert len(offered) == len(OutputKind) + len(tracks)
