"""Times, channels, slices and positions in the names of files."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.raster.file_names import missing_numbers
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise


def write(folder, names, shape=(8, 9), dtype="uint8"):
    folder.mkdir(exist_ok=True)
    arrays = noise((len(names), *shape), dtype)
    for name, array in zip(names, arrays, strict=True):
        if name.endswith(".tif"):
            tifffile.imwrite(folder / name, array)
        else:
            Image.fromarray(array).save(folder / name)
    return dict(zip(names, arrays, strict=True))


def noted(stack, text):
    return any(text in note for note in stack.notes)


@pytest.mark.parametrize(
    ("template", "first"),
    [("exp_t{:03d}_w{}.tif", 1), ("img_T{:02d}_ch{:02d}.png", 0), ("a{:03d}_C{:02d}.tif", 1)],
)
def test_channels_in_names_are_channels(tmp_path, template, first):
    names = [template.format(t, c) for t in range(3) for c in (first, first + 1)]
    arrays = write(tmp_path, names)
    stack = open_stack(tmp_path)
    assert (stack.axes, stack.full_shape) == ("TCYX", (3, 2, 8, 9))
    expected = [arrays[template.format(2, c)] for c in (first, first + 1)]
    np.testing.assert_array_equal(stack.read((2,)), expected)
    assert noted(stack, "3 times")
    assert noted(stack, "2 channels")


def test_times_channels_and_slices_in_any_order_of_the_name(tmp_path):
    template = "x_z{:02d}_c{}_t{}.tif"
    names = [template.format(z, c, t) for z, c, t in product(range(4), range(2), range(3))]
    arrays = write(tmp_path, names)
    stack = open_stack(tmp_path, at={"z": 3})
    assert (stack.axes, stack.full_shape) == ("TCZYX", (3, 2, 4, 8, 9))
    expected = [arrays[template.format(3, c, 2)] for c in (0, 1)]
    np.testing.assert_array_equal(stack.read((2, 3)), expected)


def test_words_are_channels_by_name(tmp_path):
    arrays = write(tmp_path, [f"img_{t}_{c}.tif" for t in range(3) for c in ("DAPI", "GFP")])
    stack = open_stack(tmp_path)
    assert stack.axes == "TCYX"
    assert stack.source.channel_names == ("DAPI", "GFP")
    np.testing.assert_array_equal(stack.read((1,))[1], arrays["img_1_GFP.tif"])


def test_two_channels_of_one_plane_are_no_frames(tmp_path):
    write(tmp_path, ["cells_ch00.tif", "cells_ch01.tif"])
    stack = open_stack(tmp_path)
    assert (stack.axes, stack.n_frames, stack.n_channels) == ("CYX", 1, 2)


def test_names_of_operetta_microscopes(tmp_path):
    template = "r01c02f01p{:02d}-ch{}sk{}fk1fl1.tiff"
    combinations = list(product((1, 2), (1, 2), (1, 2, 3)))
    write(tmp_path / "tif", [f"{i}.tif" for i in range(12)])
    for number, (z, c, t) in enumerate(combinations):
        (tmp_path / "tif" / f"{number}.tif").rename(tmp_path / template.format(z, c, t))
    (tmp_path / "tif").rmdir()
    assert open_stack(tmp_path).full_shape == (3, 2, 2, 8, 9)


def test_positions_are_scenes(tmp_path):
    names = [f"exp_s{s}_t{t}.tif" for s in (1, 2) for t in range(2 + s)]
    arrays = write(tmp_path, names)
    stack = open_stack(tmp_path)
    assert (stack.source.scenes, stack.source.scene, stack.n_frames) == (("s1", "s2"), "s1", 3)
    assert noted(stack, "--scene")
    second = open_stack(tmp_path, scene="s2")
    assert second.n_frames == 4
    np.testing.assert_array_equal(second.read((3,))[0], arrays["exp_s2_t3.tif"])


def test_channels_of_color_images_are_scenes(tmp_path):
    write(tmp_path, [f"t{t}_ch{c}.png" for t in range(3) for c in (1, 2)], (8, 9, 3))
    stack = open_stack(tmp_path)
    assert (stack.axes, stack.n_frames, stack.source.scenes) == ("TYXS", 3, ("ch1", "ch2"))


def test_a_missing_image_of_a_grid_is_named(tmp_path):
    names = [f"exp_t{t:03d}_w{c}.tif" for t in range(4) for c in (1, 2)]
    write(tmp_path, [name for name in names if name != "exp_t002_w2.tif"])
    with pytest.raises(UserError, match=r"1 of 8 images are missing: t2 w2"):
        open_stack(tmp_path)


def test_slices_go_along_z(tmp_path):
    write(tmp_path, [f"brain_z{z:03d}.tif" for z in range(3)])
    assert open_stack(tmp_path).along == "z"


def test_a_second_number_that_follows_the_first_is_no_axis(tmp_path):
    write(tmp_path, [f"img{t:03d}_time{t * 5:04d}.tif" for t in range(4)])
    assert open_stack(tmp_path).full_shape == (4, 8, 9)


def test_unclear_names_are_frames_with_a_note(tmp_path):
    write(tmp_path, [f"a{i}_b{j}.png" for i in range(2) for j in range(3)])
    stack = open_stack(tmp_path)
    assert stack.n_frames == 6
    assert noted(stack, "differ in several places (a0, a1; b0, b1, b2)")


def test_missing_numbers_are_noted(tmp_path):
    write(tmp_path, [f"img{t:03d}.png" for t in (0, 1, 2, 5, 6)])
    stack = open_stack(tmp_path)
    assert stack.n_frames == 5
    assert noted(stack, "The numbers 3, 4 are missing")


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [([0, 10, 20, 40], [30]), ([1, 2], []), ([3, 900, 17, 60], []), ([5, 4, 2, 1], [3])],
)
def test_missing_numbers_of_sequences(numbers, missing):
    assert missing_numbers(numbers) == missing


@pytest.mark.parametrize("mask", ["img{}_mask.png", "img{}_cp_masks.png", "img{}-labels.png"])
def test_masks_beside_images_are_left_out(tmp_path, mask):
    write(tmp_path, [name.format(i) for i in range(3) for name in ("img{}.png", mask)])
    stack = open_stack(tmp_path)
    assert stack.n_frames == 3
    assert noted(stack, mask.format(0))


def test_masks_told_apart_by_a_word_are_left_out(tmp_path):
    write(tmp_path, [f"{word}_{i}.png" for i in range(3) for word in ("image", "mask")])
    stack = open_stack(tmp_path)
    assert (stack.axes, stack.n_frames) == ("TYX", 3)
    assert noted(stack, "mask_0.png, mask_1.png, mask_2.png")


def test_a_folder_of_masks_only_is_read(tmp_path):
    write(tmp_path, [f"{i}_mask.png" for i in range(3)])
    assert open_stack(tmp_path).n_frames == 3


def test_a_list_of_images_is_frames(tmp_path):
    names = ["t0_w1.png", "t0_w2.png", "t1_w1.png"]
    write(tmp_path, names)
    assert open_stack([tmp_path / name for name in names]).full_shape == (3, 8, 9)
