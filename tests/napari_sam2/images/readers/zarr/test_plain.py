"""Plain Zarr arrays with sizes as attributes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import zarr

from napari_sam2.images.stack import open_stack

SIZES = {
    "scale": [5.0, 0.25, 0.5],
    "units": ["second", "um", "um"],
    "origin": [0.0, -50.0, 100.0],
}


def write(path: Any, attributes: dict[str, Any], names: Any = ("t", "y", "x")) -> Any:
    pixels = np.ones((3, 20, 30), np.uint8)
    zarr.create_array(path, data=pixels, attributes=attributes, dimension_names=names)
    return open_stack(path)


def test_sizes_units_and_origin(tmp_path):
    stack = write(tmp_path / "a.zarr", SIZES)
    assert (stack.scale, stack.origin) == ((5.0, 0.25, 0.5), (0.0, -50.0, 100.0))
    assert stack.units == ("second", "micrometer", "micrometer")


def test_axes_of_one_pixel_have_no_known_size(tmp_path):
    facts = SIZES | {"scale": [1.0, 0.25, 0.5], "units": ["pixel", "um", "um"]}
    assert set(write(tmp_path / "a.zarr", facts).calibration.steps) == {"Y", "X"}


def test_a_single_attribute_means_something_else(tmp_path):
    stack = write(tmp_path / "a.zarr", {"scale": [9.0, 9.0, 9.0]})
    assert (stack.scale, stack.notes) == ((1.0, 1.0, 1.0), ())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scale": [5.0, 0.25]}, "scale is not 3 numbers"),
        ({"scale": 5.0}, "not iterable"),
        ({"scale": [5.0, 0.0, 0.5]}, r"the scale is \[5"),
        ({"scale": ["a", 1, 1]}, "could not convert"),
        ({"units": ["second"]}, "units are not 3 names"),
        ({"origin": [0.0, None, 0.0]}, "NoneType"),
        ({"affine": [[1.0, 0.0, 0.0, 0.0]] * 4}, "invertible"),
    ],
)
def test_damaged_sizes_are_reported(tmp_path, wrong, message):
    stack = write(tmp_path / "a.zarr", SIZES | wrong)
    assert stack.scale == (1.0, 1.0, 1.0)
    assert any(re.search(message, note) for note in stack.notes)


def test_sizes_without_names_are_reported(tmp_path):
    stack = write(tmp_path / "a.zarr", SIZES, None)
    assert any("its dimensions have no names" in note for note in stack.notes)
