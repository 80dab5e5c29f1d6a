from __future__ import annotations

import numpy as np
import pytest
import zarr

from napari_sam2.export import ome_zarr
from napari_sam2.export.destination import OutputDestination
from napari_sam2.export.labels import finish_label_output, open_label_output
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_layout import tiles
from tests.helpers.label_outputs import calibrated, read, stack_of, write


@pytest.fixture
def ome(tmp_path):
    stack = calibrated(stack_of((3, 2, 301, 600)), ("second", "micrometer", "micrometer"))
    output = OutputDestination.parse(tmp_path / "out.ome.zarr")
    return stack, output, write(output, stack)


def test_ome_zarr_is_valid(ome):
    from ome_zarr_models.v05 import Image
    from ome_zarr_models.v05.image_label import ImageLabel

    _, output, _ = ome
    image = Image.from_zarr(zarr.open_group(output.path, mode="r"))
    assert [axis.name for axis in image.ome_attributes.multiscales[0].axes] == ["t", "c", "y", "x"]
    label = ImageLabel.from_zarr(zarr.open_group(output.labels.parent, mode="r"))
    assert {c.label_value for c in label.ome_attributes.image_label.colors} == {1, 700}


def test_ome_zarr_is_read_by_ome_zarr_py(ome):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    stack, output, expected = ome
    image, _, labels = list(Reader(parse_url(output.path))())
    np.testing.assert_array_equal(image.data[0], stack.source.levels[0][...])
    np.testing.assert_array_equal(labels.data[0], expected)
    assert [level.shape for level in labels.data] == [(3, 301, 600), (3, 151, 300), (3, 76, 150)]
    assert [level.shape[-2:] for level in image.data] == [(301, 600), (151, 300), (76, 150)]


def test_ome_zarr_pyramids_and_scale(ome):
    stack, output, expected = ome
    group = zarr.open_group(output.path, mode="r")
    pixels = stack.source.levels[0][...]
    means = pixels[..., :300, :].reshape(3, 2, 150, 2, 300, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(group["1"][..., :150, :], means, atol=0.5)
    np.testing.assert_array_equal(group["labels/objects/1"][...], expected[:, ::2, ::2])
    (scales,) = group.attrs["ome"]["multiscales"]
    assert scales["datasets"][1]["coordinateTransformations"] == [
        {"type": "scale", "scale": [30.0, 1.0, 0.5, 1.0]},
        {"type": "translation", "translation": [0.0, 0.0, 0.125, 0.25]},
    ]
    assert scales["axes"][0] == {"name": "t", "type": "time", "unit": "second"}
    (scales,) = group["labels/objects"].attrs["ome"]["multiscales"]
    assert scales["datasets"][2]["coordinateTransformations"] == [
        {"type": "scale", "scale": [30.0, 1.0, 2.0]}
    ]
    assert group["labels"].attrs["ome"]["labels"] == ["objects"]


def test_ome_zarr_is_our_own_input_again(ome):
    stack, output, _ = ome
    again = open_stack(output.path)
    assert (again.axes, again.scale, again.units) == ("TCYX", stack.scale, stack.units)
    np.testing.assert_array_equal(again.read((1,)), stack.read((1,)))


def test_ome_zarr_can_be_finished_twice(ome):
    stack, output, expected = ome
    finish_label_output(output, stack, open_label_output(output, stack, [1]), [1, 700])
    np.testing.assert_array_equal(read(output), expected)


def test_large_planes_are_written_in_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr(ome_zarr, "tiles", lambda window: tiles(window, 64))
    monkeypatch.setattr(ome_zarr, "_COARSEST_SIDE", 40)
    stack, output = (
        stack_of((2, 131, 150), "TYX"),
        OutputDestination.parse(tmp_path / "out.ome.zarr"),
    )
    expected = write(output, stack)
    group = zarr.open_group(output.path, mode="r")
    np.testing.assert_array_equal(group["labels/objects/2"][...], expected[:, ::4, ::4])
    pixels = stack.source.levels[0][...]
    np.testing.assert_array_equal(group["0"][:, 0], pixels)
    means = pixels[:, :128, :148].reshape(2, 32, 4, 37, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(group["2"][:, 0, :32, :37], means, atol=1)
