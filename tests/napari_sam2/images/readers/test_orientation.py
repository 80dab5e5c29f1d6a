"""Turning of images by the tag Orientation, and of parts of them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from napari_sam2.images.readers.arrays import WrappedArray
from napari_sam2.images.readers.orientation import OrientedArray, exif_orientation
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

PIXELS = noise((3, 5, 7))


def upright(plane, value):
    exif = Image.Exif()
    exif[274] = value
    image = Image.fromarray(plane)
    image.info["exif"] = exif.tobytes()
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("value", range(1, 9))
def test_pixels_are_turned_as_by_pillow(value):
    turned = exif_orientation(value).apply(PIXELS[0])
    np.testing.assert_array_equal(turned, upright(PIXELS[0], value))


@given(st.integers(1, 8), st.data())
def test_parts_are_those_of_the_turned_array(value, data):
    whole = np.stack([exif_orientation(value).apply(plane) for plane in PIXELS])
    array = OrientedArray(WrappedArray(PIXELS), exif_orientation(value), 1)
    assert array.shape == whole.shape
    key = []
    for length in whole.shape:
        start = data.draw(st.integers(0, length - 1))
        stop = data.draw(st.integers(start + 1, length))
        key.append(data.draw(st.sampled_from([start, slice(start, stop)])))
    np.testing.assert_array_equal(array[tuple(key)], whole[tuple(key)])


@pytest.mark.parametrize("value", [2, 6, 8])
def test_a_tiff_movie_is_turned(tmp_path, value):
    path = tmp_path / "a.tif"
    tag = (274, "H", 1, value, True)
    tifffile.imwrite(
        path, PIXELS, photometric="minisblack", metadata={"axes": "TYX"}, extratags=[tag]
    )
    stack = open_stack(path)
    np.testing.assert_array_equal(stack.read((2,))[0], upright(PIXELS[2], value))
    assert any("tag Orientation" in note for note in stack.notes)
