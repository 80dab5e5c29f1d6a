from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from napari_sam2.masks.label_image import LabelImage, is_one_plane, plane_reader
from napari_sam2.masks.label_layout import match_label_axes


def stack_of(shape, axes, **options):
    return open_stack(np.broadcast_to(np.uint8(0), shape), axes=axes, **options)


@given(
    image=st.permutations("TZYX").map("".join),
    labels=st.permutations("TZYX").map("".join),
    along=st.sampled_from("tzyx"),
)
def test_named_axes_decide_even_for_cubes(image, labels, along):
    stack = stack_of((4, 4, 4, 4), image, along=along)
    values = np.random.default_rng(0).integers(0, 9, (4, 4, 4, 4))
    turned = LabelImage(values.transpose(["TZYX".index(axis) for axis in labels]), labels)
    for frame in range(4):
        index = stack.index(frame)
        whole = plane_reader(turned, stack, frame)(Window.of(stack.shape))
        np.testing.assert_array_equal(whole, values[stack.label_slices(index)])


@pytest.mark.parametrize(
    ("shape", "named", "expected"),
    [
        ((5, 6, 7), None, "ZYX"),
        ((7, 6, 5), None, "XYZ"),
        ((7, 6, 5), "XYZ", "XYZ"),
        ((5, 6, 7), "TYX", "ZYX"),
        ((5, 6, 7), "CYX", "ZYX"),
        ((5, 6, 7), "?YX", "ZYX"),
        ((6, 7), None, "YX"),
        ((7, 6), "XY", "XY"),
        ((1, 6, 7), None, "1YX"),
        ((1, 6, 7), "ZYX", "1YX"),
        ((5, 1, 6, 7), "TCYX", "Z1YX"),
        ((1, 5, 6, 7), None, "1ZYX"),
    ],
)
def test_labels_of_a_volume_stored_as_xyz(shape, named, expected):
    assert match_label_axes(shape, named, stack_of((7, 6, 5), "XYZ")) == expected


@pytest.mark.parametrize("axes", ["XYZ", "XZY", "YXZ"])
def test_unnamed_cubes_of_another_order_are_refused(axes):
    stack = stack_of((6, 6, 6), axes)
    with pytest.raises(UserError, match=r"may be .*ZYX.*--labels-axes"):
        match_label_axes((6, 6, 6), None, stack)
    assert match_label_axes((6, 6, 6), "ZYX", stack) == "ZYX"


def test_unnamed_square_planes_of_another_order_are_refused():
    with pytest.raises(UserError, match=r"YX or XY|XY or YX"):
        match_label_axes((6, 6), None, stack_of((6, 6), "XY"))


def test_unnamed_cubes_in_the_common_order_are_taken_as_the_image():
    for along in "zyx":
        stack = stack_of((6, 6, 6), "ZYX", along=along)
        assert match_label_axes((6, 6, 6), None, stack) == "ZYX"


def test_labels_of_the_frames_at_a_fixed_position():
    stack = stack_of((4, 3, 8, 9), "TZYX", along="t", at={"z": 1})
    assert match_label_axes((4, 8, 9), None, stack) == "TYX"
    assert match_label_axes((4, 3, 8, 9), None, stack) == "TZYX"
    with pytest.raises(UserError, match="has shape"):
        match_label_axes((3, 8, 9), None, stack)
    assert is_one_plane(np.zeros((8, 9)), stack)
    assert not is_one_plane(np.zeros((4, 8, 9)), stack)
    assert not is_one_plane(np.zeros((8, 9)), stack_of((8, 9), "YX"))


def test_names_that_contradict_the_shape_are_refused():
    stack = stack_of((5, 6, 7), "ZYX")
    with pytest.raises(UserError, match=r"shape \(6, 5, 7\) and axes ZYX"):
        match_label_axes((6, 5, 7), "ZYX", stack)
