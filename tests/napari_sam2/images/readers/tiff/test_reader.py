"""TIFF in its dialects, complete and cut off."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.core.geometry import Window
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

DIALECTS = {
    "shaped": {"metadata": {"axes": "TYX"}},
    "deflate": {"metadata": {"axes": "TYX"}, "compression": "zlib"},
    "tiled": {"metadata": {"axes": "TYX"}, "tile": (16, 16), "compression": "zlib"},
    "strips": {"metadata": {"axes": "TYX"}, "rowsperstrip": 3, "compression": "zlib"},
    "big": {"metadata": {"axes": "TYX"}, "bigtiff": True},
    "big-endian": {"metadata": {"axes": "TYX"}, "byteorder": ">"},
    "big-endian-big": {"metadata": {"axes": "TYX"}, "byteorder": ">", "bigtiff": True},
    "imagej": {"metadata": {"axes": "TYX"}, "imagej": True},
    "one-directory": {"metadata": {"axes": "TYX"}, "truncate": True},
    "imagej-one-directory": {"metadata": {"axes": "TYX"}, "imagej": True, "truncate": True},
    "ome": {"metadata": {"axes": "TYX"}, "ome": True},
    "ome-tiled": {"metadata": {"axes": "TYX"}, "ome": True, "tile": (32, 32)},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_read(tmp_path, dialect):
    array = noise((4, 40, 50))
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", **DIALECTS[dialect])
    stack = open_stack(tmp_path / "a.tif")
    assert (stack.axes, stack.label_shape, stack.notes) == ("TYX", (4, 40, 50), ())
    np.testing.assert_array_equal(stack.read((3,))[0], array[3])
    crop = stack.read((2,), Window(5, 7, 33, 41))[0]
    np.testing.assert_array_equal(crop, array[2, 5:33, 7:41])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_cut_off_is_refused(tmp_path, dialect):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((4, 40, 50)), photometric="minisblack", **DIALECTS[dialect])
    whole = path.read_bytes()
    for part in (0.02, 0.3, 0.9, 0.995):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(UserError, match=r"truncated|not a TIFF|damaged"):
            open_stack(path)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 400), st.integers(0, 255))
def test_damage_is_a_user_error_or_harmless(tmp_path, place, value):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((5, 8, 9)), metadata={"axes": "TYX"})
    damaged = bytearray(path.read_bytes())
    damaged[place] = value
    path.write_bytes(damaged)
    try:
        stack = open_stack(path)
        stack.read(stack.index(0))
    except (UserError, StackReadError):
        pass


def test_unnamed_axes_follow_the_along_option(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise((4, 10, 12)), photometric="minisblack")
    assert open_stack(tmp_path / "a.tif").axes == "TYX"
    stack = open_stack(tmp_path / "a.tif", along="z")
    assert (stack.axes, stack.along) == ("ZYX", "z")
    assert any("ZYX" in note for note in stack.notes)


def test_given_axes_win(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise((5, 10, 12)), imagej=True)
    assert open_stack(tmp_path / "a.tif").axes == "CYX"
    assert open_stack(tmp_path / "a.tif", axes="zyx").n_frames == 5


@pytest.mark.parametrize(("count", "kind"), [(3, "color samples"), (5, "channels")])
def test_planes_that_the_writer_named_wrongly_are_pointed_out(tmp_path, count, kind):
    array = noise((count, 10, 12))
    options = {"photometric": "rgb", "planarconfig": "separate"} if count == 3 else {"ome": True}
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    assert any(kind in note for note in open_stack(tmp_path / "a.tif").notes)
    stack = open_stack(tmp_path / "a.tif", axes="TYX")
    np.testing.assert_array_equal(stack.read((2,))[0], array[2])
    with pytest.raises(UserError, match="give other axes"):
        open_stack(tmp_path / "a.tif", along="y")


def test_rgb_and_hyperstacks(tmp_path):
    rgb = noise((3, 10, 12, 3), "uint8")
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb", metadata={"axes": "TYXS"})
    stack = open_stack(tmp_path / "rgb.tif")
    assert stack.rgb
    np.testing.assert_array_equal(stack.read((1,)), rgb[1].transpose(2, 0, 1))
    hyper = noise((2, 3, 2, 10, 12))
    tifffile.imwrite(tmp_path / "h.tif", hyper, imagej=True, metadata={"axes": "TZCYX"})
    stack = open_stack(tmp_path / "h.tif", at={"z": 2})
    np.testing.assert_array_equal(stack.read((1, 2)), hyper[1, 2])


def test_calibration_of_ome_and_imagej(tmp_path):
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
    tifffile.imwrite(
        tmp_path / "o.ome.tif", noise((4, 10, 12)), ome=True, metadata={"axes": "ZYX", **sizes}
    )
    stack = open_stack(tmp_path / "o.ome.tif")
    assert (stack.scale, stack.units) == ((2.0, 0.5, 0.25), ("micrometer",) * 3)
    tifffile.imwrite(
        tmp_path / "i.tif",
        noise((4, 10, 12)),
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "ZYX", "spacing": 3.0, "unit": "um"},
    )
    stack = open_stack(tmp_path / "i.tif")
    assert stack.scale == pytest.approx((3.0, 0.5, 0.25))
    assert stack.units == ("micrometer",) * 3


def test_pyramids_in_tiff(tmp_path):
    full = noise((64, 96), "uint8")
    with tifffile.TiffWriter(tmp_path / "p.tif") as writer:
        writer.write(full, subifds=1, tile=(16, 16))
        writer.write(full[::2, ::2], subfiletype=1, tile=(16, 16))
    stack = open_stack(tmp_path / "p.tif")
    assert stack.levels == (1, 2)
    np.testing.assert_array_equal(stack.read((), level=1)[0], full[::2, ::2])
    np.testing.assert_array_equal(stack.read(())[0], full)


def test_series_that_are_not_read_are_reported(tmp_path):
    with tifffile.TiffWriter(tmp_path / "s.tif") as writer:
        writer.write(noise((5, 8, 9)), metadata={"axes": "TYX"})
        writer.write(noise((8, 20)))
    assert any("holds 2 images" in note for note in open_stack(tmp_path / "s.tif").notes)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"II*\0", "not a TIFF"), (b"hello, this is text", "not a TIFF")],
)
def test_files_that_are_no_tiff(tmp_path, content, words):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(UserError, match=words):
        open_stack(tmp_path / "a.tif")


def test_a_codec_that_is_not_here_is_named(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", noise((5, 8, 9)), compression="zlib")

    class Missing(dict):
        def __missing__(self, key):
            raise KeyError(f"{key!r} requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", Missing())
    with pytest.raises(UserError, match="pip install imagecodecs"):
        open_stack(tmp_path / "a.tif")


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="There is no file or folder"):
        open_stack(tmp_path / "none.tif")


def test_a_single_page_of_an_uncompressed_file_is_not_read_whole(tmp_path):
    """One strip a page: a window must not cost the page."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 64, 64), "u2"), metadata={"axes": "TYX"})
    assert open_stack(tmp_path / "a.tif").source.levels[0].chunks is None
