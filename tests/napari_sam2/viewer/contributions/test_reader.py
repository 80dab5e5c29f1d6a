"""Files are opened through napari as File > Open does."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_sam2.images.intensity import choose_intensity
from napari_sam2.images.stack import open_stack
from napari_sam2.viewer.contributions.commands import open_image
from napari_sam2.viewer.image_layers import intensity_from_layers, opening_notes
from napari_sam2.viewer.layers.opened_file import layer_path
from tests.helpers.stack_files import movie, noise, write_ome_zarr, write_video

PLUGIN = "napari-sam2"


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


def test_an_unreadable_file_adds_no_layer(viewer: ViewerModel, tmp_path: Path) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="broken"):
        viewer.open(tmp_path / "broken.nii.gz", plugin=PLUGIN)
    assert len(viewer.layers) == 0


def test_notes_about_the_file_are_notifications(
    viewer: ViewerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari.utils import notifications

    shown: list[str] = []
    monkeypatch.setattr(notifications, "show_info", shown.append)
    with tifffile.TiffWriter(tmp_path / "two.tif") as writer:
        writer.write(noise((8, 9)), metadata={"axes": "YX"})
        writer.write(noise((18, 20)), metadata={"axes": "YX"})
    open_image(viewer, tmp_path / "two.tif")
    assert any("holds 2 images" in note for note in shown)


def test_channels_have_the_colors_and_limits_of_the_command_line(
    viewer: ViewerModel, tmp_path: Path
) -> None:
    data = noise((2, 3, 64, 96))
    write_ome_zarr(tmp_path / "image.zarr", [data], "0.5", axes="tcyx")
    layers = viewer.open(tmp_path / "image.zarr", plugin=PLUGIN)
    expected = choose_intensity(open_stack(tmp_path / "image.zarr"))
    found = intensity_from_layers(layers)
    assert found.limits == expected.limits
    assert found.colors == expected.colors


def test_notes_of_a_file_travel_with_its_layer(viewer: ViewerModel, tmp_path: Path) -> None:
    ramp = np.linspace(0, 100, 64 * 96, dtype=np.float32).reshape(1, 64, 96).repeat(3, 0)
    ramp[:, :20] = -9999
    with tifffile.TiffWriter(tmp_path / "two.tif") as writer:
        for part in (ramp, ramp[:2, :40]):
            writer.write(part, photometric="minisblack")
    (layer,) = open_image(viewer, tmp_path / "two.tif")
    stack = open_stack(tmp_path / "two.tif")
    expected = (*stack.notes, *choose_intensity(stack).notes)
    assert any("--scene" in note for note in expected)
    assert any("-9999" in note for note in expected)
    assert opening_notes([layer, layer]) == expected


def test_no_axis_of_a_layer_is_said_to_be_fixed(viewer: ViewerModel, tmp_path: Path) -> None:
    data = noise((2, 4, 8, 9))
    options = {"photometric": "minisblack", "metadata": {"axes": "TZYX"}}
    tifffile.imwrite(tmp_path / "series.tif", data, **options)
    (layer,) = open_image(viewer, tmp_path / "series.tif")
    assert layer.data.shape == data.shape
    assert any("fixed" in note for note in open_stack(tmp_path / "series.tif").notes)
    assert not any("fixed" in note for note in opening_notes([layer]))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *((name, False) for name in ("a.tif", "a.TIFF", "a.ome.tif", "a.png", "a.jpg", "a.zarr")),
        *((name, True) for name in ("a.nii", "a.NII.gz", "a.dcm", "a.nd2", "a.czi", "a.lif")),
    ],
)
def test_files_that_others_read_are_left_to_them(
    viewer: ViewerModel, name: str, ours: bool
) -> None:
    """Else napari asks all its users which reader to take."""
    from npe2 import PluginManager

    readers = PluginManager.instance().iter_compatible_readers(name)
    assert (PLUGIN in {reader.plugin_name for reader in readers}) == ours


def test_a_file_of_channels_is_opened_by_the_command(viewer: ViewerModel, tmp_path: Path) -> None:
    data = noise((3, 2, 24, 32))
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": "TCYX"})
    layers = open_image(viewer, tmp_path / "a.ome.tif")
    assert list(viewer.layers) == layers
    for channel, layer in enumerate(layers):
        np.testing.assert_array_equal(np.asarray(layer.data), data[:, channel])
        assert layer.axis_labels == ("t", "y", "x")
        assert layer_path(layer) == tmp_path / "a.ome.tif"
