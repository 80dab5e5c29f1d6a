"""Labels are saved through napari as File > Save does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel

from napari_sam2.images.stack import open_stack

PLUGIN = "napari-sam2"


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
