"""Labels layers on large planes read a plane only to draw it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from napari_sam2.viewer.layers.labels import hide_labels
from napari_sam2.viewer.layers.lazy_planes import LazyPlanes, lazy_planes


class Counting:
    """An array that counts how often whole planes are read."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.values = zarr.zeros(shape=shape, chunks=(1, 16, 16), dtype="u2")
        self.shape, self.dtype, self.reads = shape, self.values.dtype, 0

    def __getitem__(self, key: Any) -> Any:
        found = self.values[key]
        self.reads += np.size(found) >= self.shape[-1] * self.shape[-2]
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        self.values[key] = value


def test_values_are_read_and_set_as_in_the_array() -> None:
    array = zarr.array(np.arange(24, dtype="u2").reshape(2, 3, 4))
    planes, expected = LazyPlanes(array), np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(planes, expected)
    for key in ((1, 2, 3), (slice(None), 1), (0, slice(1, 3), slice(None)), (1, ...)):
        np.testing.assert_array_equal(planes[key], expected[key])
    np.testing.assert_array_equal(planes[1], expected[1])
    np.testing.assert_array_equal(planes[-1][2], expected[-1][2])
    assert (len(planes), planes.ndim, planes.size, planes[0].shape) == (2, 3, 24, (3, 4))
    rows, columns = np.array([0, 2]), np.array([1, 3])
    planes[0][rows, columns] = 99
    assert np.asarray(array[0, 2, 3]) == 99
    with pytest.raises(IndexError, match=r"outside 0\.\.1"):
        planes[2]
    kept = np.zeros((2, 3), np.uint16)
    assert lazy_planes(kept) is kept


def test_selecting_an_object_reads_no_plane() -> None:
    array = Counting((2, 64, 64))
    viewer = ViewerModel()
    layer = viewer.add_labels(LazyPlanes(array))
    layer.data[0].dtype  # noqa: B018 - as napari's controls do
    before = array.reads
    layer.selected_label = 5
    hide_labels(layer, [])
    assert array.reads == before
    hide_labels(layer, [5])
    assert layer.get_color(5)[3] == 0
    hide_labels(layer, [])
    assert layer.get_color(5)[3] > 0


def test_a_layer_on_lazy_planes_can_be_painted() -> None:
    array = Counting((2, 64, 64))
    viewer = ViewerModel()
    layer = viewer.add_labels(LazyPlanes(array))
    layer.selected_label, layer.brush_size = 3, 5
    layer.paint((0, 20, 20), 3)
    assert array.values[0, 20, 20] == 3
    layer.undo()
    assert array.values[0, 20, 20] == 0
