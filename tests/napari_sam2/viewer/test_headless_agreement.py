"""A click in napari, saved with the Points layer, gives the same labels on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel

from napari_sam2.cli.console import ExitCode
from napari_sam2.inference import sam2_predictor
from napari_sam2.viewer.contributions.commands import (
    accept_all,
    open_image,
    propagate,
    start_session,
)
from napari_sam2.viewer.layer_sync import LayerSync
from tests.helpers.command import RunFiles
from tests.helpers.dicom_files import OBLIQUE, Geometry, SeriesWriter
from tests.helpers.fakes import FakePredictor
from tests.helpers.stack_files import write_ome_zarr

PLUGIN = "napari-sam2"
CENTERS = {1: (7, 20, 9), 2: (5, 9, 24)}


def volume() -> np.ndarray:
    """Return a volume (z, y, x) with two bright balls on a gradient."""
    z, y, x = np.mgrid[:14, :32, :32]
    found = (20 + x // 4).astype(np.int16)
    for number, (k, j, i) in CENTERS.items():
        found[(z - k) ** 2 + (y - j) ** 2 + (x - i) ** 2 < 25] = 140 + 40 * number
    return found


def write_tiff(folder: Path) -> Path:
    tifffile.imwrite(folder / "a.ome.tif", volume(), metadata={"axes": "ZYX"})
    return folder / "a.ome.tif"


def write_zarr(folder: Path) -> Path:
    write_ome_zarr(folder / "a.zarr", [volume()], "0.5", axes="zyx")
    return folder / "a.zarr"


def write_nifti(folder: Path) -> Path:
    affine = np.array([[0, -0.7, 0.1, 10], [0.5, 0, 0, -20], [0, 0.1, 2, 30], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(volume().transpose(2, 1, 0), affine), folder / "a.nii.gz")
    return folder / "a.nii.gz"


def write_dicom(folder: Path) -> Path:
    (folder / "series").mkdir()
    SeriesWriter(folder / "series", Geometry(orientation=OBLIQUE)).volume(volume())
    return folder / "series"


def write_cube(folder: Path) -> Path:
    """Write an isotropic cube, whose axes cannot be told apart by their lengths."""
    cube = np.pad(volume(), ((9, 9), (0, 0), (0, 0)), mode="edge")
    nibabel.save(nibabel.Nifti1Image(cube.transpose(2, 1, 0), np.eye(4)), folder / "a.nii")
    return folder / "a.nii"


def labels_of_the_viewer(viewer: ViewerModel, path: Path, predictor: Any) -> np.ndarray:
    """Click on both objects, propagate, accept, and save the Points layer beside the image."""
    if path.suffix == ".tif":
        open_image(viewer, path)
    else:
        viewer.open(path, plugin=PLUGIN)
    start_session(viewer, model=predictor)
    sync = LayerSync.find(viewer)
    assert sync is not None
    points = sync.layers.points.layer
    offset = sync.session.stack.n_frames - 14
    for number, (z, y, x) in CENTERS.items():
        assert sync.start_object() == number
        points.add(np.array((z + offset // 2, y, x), float))
    points.save(str(path.parent / "points.csv"), plugin="napari")
    propagate(viewer)
    accept_all(viewer)
    return np.asarray(sync.layers.results.data)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize("write", [write_tiff, write_zarr, write_nifti, write_dicom, write_cube])
def test_widget_and_command_line_agree(
    viewer: ViewerModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Path], Path],
) -> None:
    path = write(tmp_path)
    clicked = labels_of_the_viewer(viewer, path, FakePredictor())
    assert set(np.unique(clicked)) == {0, 1, 2}
    monkeypatch.setattr(sam2_predictor, "load_predictor", lambda *_, **__: FakePredictor())
    files = RunFiles(tmp_path)
    assert files.segment(source=path, prompts=tmp_path / "points.csv") == ExitCode.DONE
    np.testing.assert_array_equal(headless_labels(tmp_path / "o.zarr"), clicked)


def headless_labels(path: Path) -> np.ndarray:
    """Return the labels of a run with their axes in the order z, y, x."""
    array = zarr.open_array(path, mode="r")
    order = [array.metadata.dimension_names.index(axis) for axis in "zyx"]
    return array[...].transpose(order)


@pytest.mark.slow
def test_they_agree_with_a_network(viewer: ViewerModel, tmp_path: Path) -> None:
    path = write_cube(tmp_path)
    clicked = labels_of_the_viewer(viewer, path, "micro")
    assert {1, 2} <= set(np.unique(clicked))
    files = RunFiles(tmp_path)
    options = {"source": path, "prompts": tmp_path / "points.csv"}
    assert files.segment("--model", "micro", "--device", "cpu", **options) == ExitCode.DONE
    np.testing.assert_array_equal(headless_labels(tmp_path / "o.zarr"), clicked)
