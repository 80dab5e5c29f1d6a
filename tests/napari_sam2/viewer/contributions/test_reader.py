"""Files and samples opened and saved through napari, as File > Open and File > Save do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel

from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import movie, noise, write_ome_zarr, write_video

PLUGIN = "napari-sam2"


@pytest.fixture
def viewer() -> ViewerModel:
    from napari.plugins import _initialize_plugins

    _initialize_plugins()
    return ViewerModel()


def test_an_ome_zarr_with_channels_and_levels(viewer: ViewerModel, tmp_path: Path) -> None:
    data = noise((3, 2, 64, 96))
    write_ome_zarr(tmp_path / "image.zarr", [data, data[..., ::2, ::2]], "0.5", axes="tcyx")
    layers = viewer.open(tmp_path / "image.zarr", plugin=PLUGIN)
    assert len(layers) == 2
    for channel, layer in enumerate(layers):
        assert layer.multiscale
        assert layer.axis_labels == ("t", "y", "x")
        assert [str(unit) for unit in layer.units] == ["second", "micrometer", "micrometer"]
        np.testing.assert_allclose(layer.scale, (2, 0.5, 0.5))
        np.testing.assert_array_equal(np.asarray(layer.data[0]), data[:, channel])
        np.testing.assert_array_equal(np.asarray(layer.data[1]), data[:, channel, ::2, ::2])


def test_a_nifti_volume_lies_where_its_affine_says(viewer: ViewerModel, tmp_path: Path) -> None:
    affine = np.array([[0, -2.0, 0, 10], [1.5, 0, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(noise((6, 5, 4), "int16"), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "scan.nii.gz")
    (layer,) = viewer.open(tmp_path / "scan.nii.gz", plugin=PLUGIN)
    assert layer.axis_labels == ("z", "y", "x")
    assert {str(unit) for unit in layer.units} == {"millimeter"}
    np.testing.assert_allclose(layer.scale, (3, 2, 1.5))
    np.testing.assert_array_equal(np.asarray(layer.data), np.asarray(image.dataobj).T)
    assert layer.data.chunksize == (1, 5, 6)
    for voxel in ((0, 0, 0), (5, 1, 2)):
        x, y, z, _ = affine @ (*voxel, 1)
        np.testing.assert_allclose(layer.data_to_world(voxel[::-1]), (z, y, x))


def test_a_video_is_read_frame_by_frame(viewer: ViewerModel, tmp_path: Path) -> None:
    write_video(tmp_path / "film.mkv", movie(6), "ffv1")
    (layer,) = viewer.open(tmp_path / "film.mkv", plugin=PLUGIN)
    assert not isinstance(layer.data, np.ndarray)
    assert layer.data.shape[0] == 6
    assert layer.axis_labels == ("t", "y", "x")
    first, last = np.asarray(layer.data[0]), np.asarray(layer.data[5])
    assert first.max() < 5
    assert last.max() > 200


def test_what_cannot_be_read_is_left_to_others(viewer: ViewerModel, tmp_path: Path) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="broken"):
        viewer.open(tmp_path / "broken.nii.gz", plugin=PLUGIN)
    assert len(viewer.layers) == 0


@pytest.mark.parametrize("ending", [".tif", ".zarr"])
def test_labels_are_saved_with_their_pixel_sizes(
    viewer: ViewerModel, tmp_path: Path, ending: str
) -> None:
    data = np.zeros((3, 40, 50), np.uint16)
    data[1, 10:20, 5:30] = 7
    layer = viewer.add_labels(
        data, scale=(2, 0.5, 0.25), units=("um",) * 3, axis_labels=("z", "y", "x")
    )
    path = tmp_path / f"labels{ending}"
    assert viewer.layers.save(str(path), plugin=PLUGIN) == [str(path)]
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    stack = open_stack(path)
    facts = {"scale": stack.scale} if ending == ".tif" else zarr.open_array(path).attrs
    assert (stack.axes, tuple(facts["scale"])) == ("ZYX", (2, 0.5, 0.25))
    read = [stack.read(stack.index(z))[0] for z in range(3)]
    np.testing.assert_array_equal(np.stack(read), layer.data)


def test_a_plane_of_labels_is_a_single_page(viewer: ViewerModel, tmp_path: Path) -> None:
    viewer.add_labels(np.eye(20, 30, dtype=np.uint8) * 3)
    viewer.layers.save(str(tmp_path / "plane.tif"), plugin=PLUGIN)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "plane.tif"), viewer.layers[0].data)


@pytest.mark.parametrize("key", ["moving_cells", "nuclei_volume", "organ_volume"])
def test_samples_open_with_a_prompt_on_an_object(viewer: ViewerModel, key: str) -> None:
    layers: list[Any] = viewer.open_sample(PLUGIN, key)
    image, truth, prompts = layers[0], layers[1], layers[-1]
    assert [type(layer).__name__ for layer in (image, truth, prompts)] == [
        "Image",
        "Labels",
        "Points",
    ]
    (point,) = np.round(prompts.data).astype(int)
    assert truth.data[tuple(point)] > 0
    np.testing.assert_allclose(prompts.data_to_world(point), image.data_to_world(point))
