"""Which series of a TIFF file is the image, and series that are joined."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

FRAMES = noise((5, 40, 50), "uint8")


def _check_movie(stack):
    assert (stack.axes, stack.label_shape, stack.source.scenes) == ("TYX", (5, 40, 50), ())
    assert any("frames of one stack" in note for note in stack.notes)
    for number, frame in enumerate(FRAMES):
        np.testing.assert_array_equal(stack.read((number,))[0], frame)
    crop = stack.read((3,), Window(5, 7, 33, 41))[0]
    np.testing.assert_array_equal(crop, FRAMES[3, 5:33, 7:41])


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_frames_written_one_by_one_are_a_movie(tmp_path, options):
    for frame in FRAMES:
        tifffile.imwrite(tmp_path / "a.tif", frame, append=True, **options)
    _check_movie(open_stack(tmp_path / "a.tif"))


def test_frames_written_in_blocks_are_a_movie(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for block in (FRAMES[:2], FRAMES[2:4], FRAMES[4:]):
            writer.write(block, compression="zlib", metadata={"axes": "TYX"})
    _check_movie(open_stack(tmp_path / "a.tif"))


def test_frames_of_mixed_compression_keep_their_order(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number, frame in enumerate(FRAMES):
            writer.write(frame, compression="zlib" if number % 2 else None, metadata=None)
    _check_movie(open_stack(tmp_path / "a.tif"))


def test_color_frames_and_volumes_written_one_by_one(tmp_path):
    color = noise((4, 20, 30, 3), "uint8")
    for frame in color:
        tifffile.imwrite(tmp_path / "c.tif", frame, append=True, photometric="rgb")
    stack = open_stack(tmp_path / "c.tif")
    assert (stack.axes, stack.n_frames, stack.rgb) == ("TYXS", 4, True)
    np.testing.assert_array_equal(stack.read((2,)), color[2].transpose(2, 0, 1))
    volumes = noise((3, 4, 20, 30))
    for volume in volumes:
        options = {"metadata": {"axes": "ZYX"}, "photometric": "minisblack"}
        tifffile.imwrite(tmp_path / "v.tif", volume, append=True, **options)
    stack = open_stack(tmp_path / "v.tif", at={"z": 2})
    assert (stack.axes, stack.full_shape) == ("TZYX", (3, 4, 20, 30))
    np.testing.assert_array_equal(stack.read((1, 2))[0], volumes[1, 2])


def test_many_appended_frames_need_one_open_file(tmp_path):
    resource = pytest.importorskip("resource")
    frames = noise((300, 4, 5), "uint8")
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in frames:
            writer.write(frame)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, before[0]), before[1]))
    try:
        stack = open_stack(tmp_path / "a.tif")
        found = np.stack([stack.read((number,))[0] for number in range(300)])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    np.testing.assert_array_equal(found, frames)


@pytest.fixture
def two_images(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(noise((2, 8, 9)), metadata={"axes": "TYX", "Name": "short"})
        writer.write(
            noise((5, 8, 9)),
            metadata={"axes": "ZYX", "Name": "long", "PhysicalSizeX": 0.25},
        )
    return tmp_path / "a.ome.tif"


def test_the_image_with_most_planes_is_opened_and_others_are_named(two_images):
    stack = open_stack(two_images)
    assert (stack.source.scenes, stack.source.scene) == (("short", "long"), "long")
    assert any("0 (short), 1 (long). 1 (long) is read" in note for note in stack.notes)
    assert stack.calibration.step("X").size == 0.25


@pytest.mark.parametrize("scene", ["short", 0, "0"])
def test_a_chosen_scene_is_opened_with_its_own_sizes(two_images, scene):
    stack = open_stack(two_images, scene=scene)
    assert (stack.axes, stack.n_frames, stack.source.scene) == ("TYX", 2, "short")
    assert "X" not in stack.calibration.steps
    assert not any("images" in note for note in stack.notes)
    with pytest.raises(UserError, match="no scene 'none'"):
        open_stack(two_images, scene="none")


@pytest.mark.parametrize("name", ["label image", "Macro image", "thumbnail"])
def test_previews_are_never_the_default(tmp_path, name):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(noise((4, 30, 30)), metadata={"axes": "TYX", "Name": name})
        writer.write(noise((80, 90)), metadata={"axes": "YX", "Name": "slide"})
    stack = open_stack(tmp_path / "a.ome.tif")
    assert (stack.source.scene, stack.shape) == ("slide", (80, 90))
    assert open_stack(tmp_path / "a.ome.tif", scene=name).n_frames == 4
