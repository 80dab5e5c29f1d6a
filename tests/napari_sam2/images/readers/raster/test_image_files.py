"""What image files state: orientation, alpha, depth, sizes and animations."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps, features

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

ORIENTATION = 274


def noted(stack, text):
    return any(text in note for note in stack.notes)


def write_rotated(path, pixels, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(pixels).save(path, exif=exif, quality=95)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_orientation_turns_size_and_pixels(tmp_path, orientation, suffix):
    path = tmp_path / f"a{suffix}"
    write_rotated(path, noise((8, 12, 3), "uint8"), orientation)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    stack = open_stack(path)
    assert stack.shape == expected.shape[:2]
    np.testing.assert_array_equal(stack.read(()), expected.transpose(2, 0, 1))
    assert noted(stack, "EXIF orientation") == (orientation > 1)


def test_a_folder_of_rotated_images_is_upright(tmp_path):
    for number in range(3):
        write_rotated(tmp_path / f"{number}.jpg", noise((8, 12), "uint8"), 6)
    stack = open_stack(tmp_path)
    assert stack.shape == (12, 8)
    assert noted(stack, "3 of 3 images are rotated")


def test_images_of_both_orientations_are_refused(tmp_path):
    for number, orientation in enumerate((1, 1, 6)):
        write_rotated(tmp_path / f"{number}.jpg", noise((8, 12), "uint8"), orientation)
    with pytest.raises(UserError, match=r"1 of 3 images differ .*2\.jpg is 8 x 12"):
        open_stack(tmp_path)


def test_orientation_of_tiff_frames(tmp_path):
    pixels = noise((2, 8, 12))
    for number, plane in enumerate(pixels):
        tag = (ORIENTATION, "H", 1, 8, True)
        tifffile.imwrite(tmp_path / f"{number}.tif", plane, extratags=[tag])
    stack = open_stack(tmp_path)
    np.testing.assert_array_equal(stack.read((1,))[0], np.rot90(pixels[1]))


def test_alpha_is_reported_unless_it_is_opaque(tmp_path):
    pixels = noise((8, 9, 4), "uint8")
    Image.fromarray(pixels).save(tmp_path / "clear.png")
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "opaque.png")
    clear, opaque = open_stack(tmp_path / "clear.png"), open_stack(tmp_path / "opaque.png")
    assert clear.axes == opaque.axes == "YXS"
    assert noted(clear, "alpha channel is not read")
    assert not noted(opaque, "alpha")
    np.testing.assert_array_equal(opaque.read(()), pixels[..., :3].transpose(2, 0, 1))


def test_gray_with_alpha_stays_gray(tmp_path):
    pixels = noise((8, 9, 2), "uint8")
    Image.fromarray(pixels, "LA").save(tmp_path / "a.png")
    stack = open_stack(tmp_path / "a.png")
    assert stack.axes == "YX"
    np.testing.assert_array_equal(stack.read(())[0], pixels[..., 0])


def test_cmyk_palette_and_one_bit(tmp_path):
    gray = noise((8, 9), "uint8")
    Image.fromarray(noise((8, 9, 4), "uint8"), "CMYK").save(tmp_path / "a.jpg")
    Image.fromarray(gray // 64 * 64).convert("P").save(tmp_path / "b.png")
    Image.fromarray(gray > 128).save(tmp_path / "c.png")
    assert open_stack(tmp_path / "a.jpg").axes == "YXS"
    palette = open_stack(tmp_path / "b.png").read(())
    np.testing.assert_array_equal(palette, np.stack([gray // 64 * 64] * 3))
    np.testing.assert_array_equal(open_stack(tmp_path / "c.png").read(())[0], 255 * (gray > 128))


@pytest.mark.skipif(not features.check("jpg_2000"), reason="Pillow without JPEG 2000")
def test_jpeg_2000_of_16_bits(tmp_path):
    pixels = noise((16, 18), "uint16")
    Image.fromarray(pixels).save(tmp_path / "a.jp2")
    np.testing.assert_array_equal(open_stack(tmp_path / "a.jp2").read(())[0], pixels)


def test_16_bit_color_is_reported(tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(noise((8, 9, 3))))
    stack = open_stack(tmp_path / "a.png")
    assert stack.dtype == "uint8"
    assert noted(stack, "16 bits, of which 8 are read")


def test_resolution_gives_the_pixel_size(tmp_path):
    Image.fromarray(noise((8, 9), "uint8")).save(tmp_path / "a.png", dpi=(1270, 2540))
    stack = open_stack(tmp_path / "a.png")
    assert stack.scale == pytest.approx((10, 20), rel=1e-4)
    assert stack.units == ("micrometer", "micrometer")


def test_a_screen_resolution_is_no_pixel_size(tmp_path):
    Image.fromarray(noise((8, 9), "uint8")).save(tmp_path / "a.png", dpi=(96, 96))
    assert open_stack(tmp_path / "a.png").units == ("pixel", "pixel")


def test_a_folder_has_the_sizes_that_its_files_share(tmp_path):
    for number in range(3):
        tifffile.imwrite(
            tmp_path / f"z{number}.ome.tif",
            noise((8, 9)),
            metadata={"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25},
        )
    assert open_stack(tmp_path).scale[1:] == (0.25, 0.5)


def test_the_distance_between_slices_of_a_folder(tmp_path):
    for number in range(3):
        metadata = {"axes": "YX", "unit": "um", "spacing": 2.0}
        tifffile.imwrite(
            tmp_path / f"{number}.tif",
            noise((8, 9)),
            imagej=True,
            resolution=(4, 4),
            metadata=metadata,
        )
    assert open_stack(tmp_path, along="z").scale == (2, 0.25, 0.25)
    assert open_stack(tmp_path).scale == (1, 0.25, 0.25)


def test_sizes_that_differ_are_reported_and_not_used(tmp_path):
    for number, dpi in enumerate((1270, 1270, 2540)):
        Image.fromarray(noise((8, 9), "uint8")).save(tmp_path / f"{number}.png", dpi=(dpi, dpi))
    stack = open_stack(tmp_path)
    assert stack.scale == (1, 1, 1)
    assert noted(stack, "different pixel sizes along y (0.png: 20")


def test_planar_rgb_tiffs(tmp_path):
    pixels = noise((2, 3, 8, 9), "uint8")
    for number, planes in enumerate(pixels):
        tifffile.imwrite(
            tmp_path / f"{number}.tif", planes, photometric="rgb", planarconfig="separate"
        )
    stack = open_stack(tmp_path)
    assert (stack.axes, stack.rgb) == ("TYXS", True)
    np.testing.assert_array_equal(stack.read((1,)), pixels[1])


def test_tiffs_of_two_samples_are_channels(tmp_path):
    pixels = noise((2, 8, 9, 2))
    for number, samples in enumerate(pixels):
        tifffile.imwrite(
            tmp_path / f"{number}.tif", samples, photometric="minisblack", planarconfig="contig"
        )
    stack = open_stack(tmp_path)
    assert stack.axes == "TCYX"
    np.testing.assert_array_equal(stack.read((1,)), pixels[1].transpose(2, 0, 1))


def test_three_samples_without_color_are_channels(tmp_path):
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    pixels = noise((2, 8, 12, 3), "uint8")
    for number, plane in enumerate(pixels):
        tifffile.imwrite(tmp_path / f"{number}.tif", plane, **options)
    stack = open_stack(tmp_path)
    assert (stack.axes, stack.n_channels, stack.rgb) == ("TCYX", 3, False)
    np.testing.assert_array_equal(stack.read((1,)), pixels[1].transpose(2, 0, 1))


def test_what_the_files_of_a_folder_state_about_their_values(tmp_path):
    tag = (42113, "s", 0, "-9999", True)
    for number, kind in enumerate(("minisblack", "miniswhite", "miniswhite")):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, noise((8, 12), "int16"), photometric=kind, extratags=[tag])
    stack = open_stack(tmp_path)
    assert stack.source.fill_value == -9999
    assert noted(stack, "2 of 3 images: The file states that 0 is white")


def test_a_folder_of_channel_stacks(tmp_path):
    pixels = noise((3, 2, 8, 9))
    for number, planes in enumerate(pixels):
        tifffile.imwrite(tmp_path / f"{number}.tif", planes, imagej=True, metadata={"axes": "CYX"})
    stack = open_stack(tmp_path)
    assert stack.axes == "TCYX"
    np.testing.assert_array_equal(stack.read((2,)), pixels[2])


def test_images_of_different_channels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "1.tif", noise((8, 9)))
    tifffile.imwrite(tmp_path / "2.tif", noise((2, 8, 9)), imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(UserError, match=r"2\.tif is 9 x 8 uint16, 2 C"):
        open_stack(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_animations_are_frames_with_an_interval(tmp_path, suffix):
    frames = noise((4, 8, 9, 3), "uint8")
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
        tmp_path / f"a{suffix}",
        save_all=True,
        append_images=images[1:],
        duration=[100, 100, 100, 500],
        lossless=True,
    )
    stack = open_stack(tmp_path / f"a{suffix}")
    assert (stack.axes, stack.scale[0]) == ("TYXS", pytest.approx(0.2))
    assert noted(stack, "not evenly spaced")
    for number in (3, 0, 2):
        np.testing.assert_array_equal(stack.read((number,)), frames[number].transpose(2, 0, 1))


def test_a_wrong_suffix_does_not_matter(tmp_path):
    pixels = noise((8, 9), "uint8")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "b").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "b" / "a.tif")
    np.testing.assert_array_equal(open_stack(tmp_path / "b").read((0,))[0], pixels)


def test_empty_and_unreadable_files_are_named(tmp_path, monkeypatch):
    for name in ("1.png", "2.png", "3.png"):
        Image.fromarray(noise((8, 9), "uint8")).save(tmp_path / name)
    (tmp_path / "2.png").write_bytes(b"")
    (tmp_path / "3.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"2\.png is empty .*1 more .*3\.png"):
        open_stack(tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("napari_sam2.images.readers.raster.pillow_files.read_header", refuse)
    with pytest.raises(UserError, match=r"1\.png cannot be read: you have no permission"):
        open_stack(tmp_path)


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(UserError, match="no permission to list"):
        open_stack(tmp_path)


def test_a_missing_codec_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.webp").write_bytes(b"RIFF0000WEBP")
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(UserError, match="lacks webp"):
        open_stack(tmp_path / "a.webp")


def test_other_files_are_named_and_system_files_are_not(tmp_path):
    Image.fromarray(noise((8, 9), "uint8")).save(tmp_path / "1.png")
    for name in ("Thumbs.db", "._1.png", ".DS_Store", "notes.txt", "movie.mp4"):
        (tmp_path / name).write_bytes(b"x")
    stack = open_stack(tmp_path)
    assert stack.n_frames == 1
    assert [note for note in stack.notes if "Not read" in note] == [
        f"Not read in {tmp_path.name}, as they are not images: movie.mp4."
    ]


def test_names_that_are_not_utf8(tmp_path):
    Image.fromarray(noise((8, 9), "uint8")).save(tmp_path / "1.png")
    try:
        (tmp_path / "1.png").rename(tmp_path / "zelle_5\udcb5m.png")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes UTF-8 names only")
    assert open_stack(tmp_path).n_frames == 1
