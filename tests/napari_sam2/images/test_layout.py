"""Axes, frames, planes and labels of arrays: pure bookkeeping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import Stack, open_stack


@pytest.fixture
def volume() -> Stack:
    return open_stack(np.arange(2 * 3 * 4 * 5 * 6).reshape(2, 3, 4, 5, 6), axes="TCZYX")


@pytest.mark.parametrize(
    ("along", "at", "plane", "index"),
    [
        ("t", {"z": 3}, ("y", "x"), (1, 3)),
        ("z", {"t": 1}, ("y", "x"), (1, 1)),
        ("y", {"t": 1}, ("z", "x"), (1, 1)),
        ("x", {"t": 1}, ("z", "y"), (1, 1)),
    ],
)
def test_frames_run_along_any_axis(volume, along, at, plane, index):
    stack = volume.with_along(along, at)
    array = stack.source.levels[0].array
    assert (stack.plane, stack.index(1)) == (plane, index)
    picked = array[1] if along != "t" else array[1, :, 3]
    expected = picked if along == "t" else np.take(picked, 1, axis="?zyx".index(along))
    np.testing.assert_array_equal(stack.read(stack.index(1)), expected)
    assert stack.n_frames == array.shape["tczyx".index(along)]
    assert stack.shape == tuple(array.shape["tczyx".index(axis)] for axis in plane)


def test_unfixed_axes_are_reported(volume):
    assert any("z is fixed at 0 of 0..3" in note for note in volume.notes)
    assert not volume.with_along("t", ["z=2"]).notes


@pytest.mark.parametrize(
    ("along", "at", "words"),
    [
        ("q", {}, "use one of t, z, y, x"),
        ("c", {}, "Cannot go along 'c'"),
        ("t", {"z": 4}, "outside 0..3"),
        ("t", {"t": 0}, "is the propagated axis"),
        ("t", {"y": 0}, "lies in the plane"),
        ("t", {"c": 0}, "holds channels"),
        ("t", {"q": 0}, "does not exist"),
    ],
)
def test_wrong_frames_and_positions_are_refused(volume, along, at, words):
    with pytest.raises(UserError, match=words):
        volume.with_along(along, at)


def test_a_single_image_is_a_stack_of_one_frame():
    image = np.arange(20).reshape(4, 5)
    stack = open_stack(image)
    assert (stack.n_frames, stack.index(0), stack.label_shape) == (1, (), (4, 5))
    np.testing.assert_array_equal(stack.read(()), image[None])
    assert open_stack(image, along="z").along == "z"
    with pytest.raises(IndexError):
        stack.index(1)


def test_channels_are_picked_in_order(volume):
    array = volume.source.levels[0].array
    stack = open_stack(array, axes="TCZYX", channels=[2, 0])
    np.testing.assert_array_equal(stack.read((1, 2)), array[1, [2, 0], 2])
    for bad in ([3], [-1], [0, 0], []):
        with pytest.raises(UserError, match=r"[Cc]hannel"):
            open_stack(array, axes="TCZYX", channels=bad)


def test_alpha_is_dropped_and_single_samples_are_gray():
    rgba = np.arange(3 * 4 * 5 * 4, dtype=np.uint8).reshape(3, 4, 5, 4)
    stack = open_stack(rgba, axes="TYXS")
    assert stack.rgb
    np.testing.assert_array_equal(stack.read((1,)), rgba[1].transpose(2, 0, 1)[:3])
    gray = open_stack(rgba[..., :2], axes="TYXS")
    assert (gray.n_channels, gray.rgb) == (1, False)


@given(
    axes=st.permutations("TZYX").map("".join),
    along=st.sampled_from("tzyx"),
    seed=st.integers(0, 10**6),
)
def test_what_is_read_goes_back_to_its_place(axes, along, seed):
    """Labels written through label_slices reproduce the array, whatever the order of axes."""
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 1000, rng.integers(2, 5, 4))
    stack = open_stack(array, axes=axes, along=along)
    labels = np.full(stack.label_shape, -1)
    frame = int(rng.integers(stack.n_frames))
    y0, x0 = (int(rng.integers(n)) for n in stack.shape)
    window = Window(y0, x0, *stack.shape)
    crop = stack.read(stack.index(frame), window)[0]
    assert crop.shape == window.shape
    where = stack.label_slices(stack.index(frame), window)
    labels[where] = crop
    written = labels >= 0
    ordered = array.transpose([axes.index(axis) for axis in "TZYX"])
    np.testing.assert_array_equal(labels[written], ordered[written])
    assert written.sum() == crop.size


def test_label_shape_has_no_channels():
    stack = open_stack(np.zeros((2, 3, 4, 5, 6), np.uint8), axes="TZCYX")
    assert (stack.label_axes, stack.label_shape) == ("TZYX", (2, 3, 5, 6))
    rgb = open_stack(np.zeros((2, 8, 9, 3), np.uint8))
    assert (rgb.label_axes, rgb.label_shape) == ("TYX", (2, 8, 9))
