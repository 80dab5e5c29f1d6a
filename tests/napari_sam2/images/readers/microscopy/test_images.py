"""Choice of an image, and arrays at fixed positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.microscopy.images import FileImage, FixedAxes, select_image

PATH = Path("a.lif")


def image(name: str, axes: str, *shape: int) -> FileImage:
    pixels = np.arange(np.prod(shape)).reshape(shape)
    return FileImage(name, axes, (WrappedArray(pixels),))


def test_a_fixed_axis_is_left_out() -> None:
    pixels = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    fixed = FixedAxes(WrappedArray(pixels), (None, 2, None, None))
    assert fixed.shape == (2, 4, 5)
    np.testing.assert_array_equal(fixed[1, slice(1, 3), slice(0, 5)], pixels[1, 2, 1:3])


def test_the_image_with_the_most_planes_is_opened_whatever_its_channels() -> None:
    images = [image("a", "CYX", 9, 4, 5), image("b", "ZYX", 3, 4, 5), image("c", "YX", 4, 5)]
    source = select_image(images, None, PATH)
    assert (source.scene, source.axes) == ("b", "ZYX")
    assert "0 (a), 1 (b), 2 (c)" in source.notes[0]


def test_the_first_of_equal_images_is_opened() -> None:
    images = [image("a", "ZYX", 3, 4, 5), image("b", "ZYX", 3, 4, 5)]
    assert select_image(images, None, PATH).scene == "a"
    assert select_image(images, "b", PATH).notes == ()


def test_an_unknown_axis_of_length_one_is_dropped() -> None:
    source = select_image([image("a", "MZYX", 1, 3, 4, 5)], None, PATH)
    assert (source.scenes, source.axes, source.notes) == (("a",), "ZYX", ())


def test_each_position_on_an_unknown_axis_is_a_scene() -> None:
    source = select_image([image("a", "HZVYX", 2, 3, 2, 4, 5)], "a H1 V0", PATH)
    assert source.scenes == ("a H0 V0", "a H0 V1", "a H1 V0", "a H1 V1")
    expected = np.arange(240).reshape(2, 3, 2, 4, 5)[1, :, 0]
    np.testing.assert_array_equal(source.levels[0][:, :, :], expected)


def test_a_file_without_images_is_refused() -> None:
    with pytest.raises(UserError, match="holds no images"):
        select_image([], None, PATH)
