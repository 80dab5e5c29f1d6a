"""Folders of images and single images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.readers.raster.file_names import natural_key, natural_order
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise


def save(folder, names, arrays):
    folder.mkdir(exist_ok=True)
    for name, array in zip(names, arrays, strict=True):
        Image.fromarray(array).save(folder / name)
    return folder


def test_frames_come_in_natural_order(tmp_path):
    arrays = noise((12, 8, 9), "uint8")
    folder = save(tmp_path / "f", [f"img{i}.png" for i in range(12)], arrays)
    (folder / "notes.txt").write_text("no image")
    (folder / ".img3.png").write_text("hidden")
    (folder / "sub").mkdir()
    stack = open_stack(folder)
    assert (stack.axes, stack.n_frames, stack.shape) == ("TYX", 12, (8, 9))
    for number, array in enumerate(arrays):
        np.testing.assert_array_equal(stack.read((number,))[0], array)


@given(st.sets(st.integers(-50, 50), min_size=2))
def test_negative_numbers_come_first(numbers):
    files = [Path(f"z{number}.png") for number in numbers]
    ordered = [int(file.stem[1:]) for file in natural_order(files)]
    # Without another sign, a hyphen separates: z-1, z-2.
    assert ordered == sorted(numbers, key=abs if max(numbers) < 0 else None)


@given(st.lists(st.integers(0, 10**6), unique=True), st.text("ab_-. ", max_size=3))
def test_numbers_sort_as_numbers(numbers, prefix):
    names = [f"{prefix}{number}.png" for number in numbers]
    assert sorted(names, key=natural_key) == [f"{prefix}{n}.png" for n in sorted(numbers)]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "int32"])
def test_types_of_images(tmp_path, dtype):
    arrays = noise((2, 8, 9), dtype)
    folder = save(tmp_path / "f", ["1.tif", "2.tif"], arrays)
    stack = open_stack(folder)
    assert stack.dtype == dtype
    np.testing.assert_array_equal(stack.read((1,), Window(2, 3, 5, 7))[0], arrays[1, 2:5, 3:7])


def test_sixteen_bit_png(tmp_path):
    arrays = noise((2, 8, 9), "uint16")
    stack = open_stack(save(tmp_path / "f", ["1.png", "2.png"], arrays))
    np.testing.assert_array_equal(stack.read((1,))[0], arrays[1])


def test_rgb_palette_and_alpha(tmp_path):
    rgb = noise((2, 8, 9, 3), "uint8")
    rgb[1] //= 64
    rgb[1] *= 64
    (tmp_path / "f").mkdir()
    Image.fromarray(rgb[0]).convert("RGBA").save(tmp_path / "f" / "1.png")
    Image.fromarray(rgb[1]).convert("P", palette=Image.Palette.ADAPTIVE).save(
        tmp_path / "f" / "2.png"
    )
    stack = open_stack(tmp_path / "f")
    assert (stack.axes, stack.rgb) == ("TYXS", True)
    for number in (0, 1):
        np.testing.assert_array_equal(stack.read((number,)), rgb[number].transpose(2, 0, 1))


def test_gray_among_color_becomes_color_with_a_note(tmp_path):
    rgb, gray = noise((8, 9, 3), "uint8"), noise((8, 9), "uint8")
    stack = open_stack(save(tmp_path / "f", ["1.png", "2.png"], [rgb, gray]))
    assert any("1 of 2 images are RGB" in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read((1,)), np.stack([gray] * 3))


def test_mixed_sizes_name_the_images_that_differ(tmp_path):
    arrays = [noise((8, 9), "uint8"), noise((8, 9), "uint8"), noise((8, 10), "uint8")]
    folder = save(tmp_path / "f", ["a1.png", "a2.png", "a10.png"], arrays)
    with pytest.raises(UserError, match=r"1 of 3 .*\(9 x 8 uint8\): a10\.png is 10 x 8"):
        open_stack(folder)


def test_mixed_kinds_are_said(tmp_path):
    arrays = noise((2, 8, 9), "uint8")
    stack = open_stack(save(tmp_path / "f", ["1.png", "2.jpg"], arrays))
    assert any("1 .jpg" in note for note in stack.notes)


def test_folders_without_images(tmp_path):
    (tmp_path / "frames").mkdir()
    with pytest.raises(UserError, match=r"did you mean .*frames"):
        open_stack(tmp_path)
    with pytest.raises(UserError, match="holds no images"):
        open_stack(tmp_path / "frames")
    (tmp_path / "frames" / "photo.heic").write_bytes(b"x")
    with pytest.raises(UserError, match=r"It holds photo\.heic"):
        open_stack(tmp_path / "frames")


def test_many_pages_in_one_file_of_a_folder(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise((5, 8, 9)))
    with pytest.raises(UserError, match="5 pages"):
        open_stack(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_animations_in_a_folder_are_refused(tmp_path, suffix):
    first, second = (Image.fromarray(plane) for plane in noise((2, 8, 9), "uint8"))
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=[second])
    second.save(tmp_path / f"b{suffix}")
    with pytest.raises(UserError, match=f"a{suffix} holds 2 frames"):
        open_stack(tmp_path)


def test_a_broken_header_is_refused_and_broken_pixels_name_the_file(tmp_path):
    folder = save(tmp_path / "f", ["1.png", "2.png"], noise((2, 80, 90), "uint8"))
    content = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(content[: len(content) // 2])
    stack = open_stack(folder)
    stack.read((0,))
    with pytest.raises(StackReadError, match=r"t=1 .*2\.png"):
        stack.read((1,))
    (folder / "2.png").write_bytes(b"rubbish")
    with pytest.raises(UserError, match=r"2\.png is not a readable image"):
        open_stack(folder)


def test_one_image_is_a_plane(tmp_path):
    array = noise((8, 9, 3), "uint8")
    Image.fromarray(array).save(tmp_path / "a.png")
    stack = open_stack(tmp_path / "a.png")
    assert (stack.axes, stack.n_frames, stack.label_shape) == ("YXS", 1, (8, 9))
    np.testing.assert_array_equal(stack.read(()), array.transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["a.png", "a.txt", "a"])
def test_files_of_no_known_kind(tmp_path, name):
    (tmp_path / name).write_text("hello")
    with pytest.raises(UserError, match=r"not a readable image|no known format"):
        open_stack(tmp_path / name)


def test_a_folder_can_be_depth(tmp_path):
    folder = save(tmp_path / "f", ["1.png", "2.png"], noise((2, 8, 9), "uint8"))
    assert open_stack(folder, along="z").axes == "ZYX"
    assert open_stack(folder, axes="ZYX").along == "z"
