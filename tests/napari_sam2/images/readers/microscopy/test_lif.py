"""Leica files, built byte by byte and read by liffile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.microscopy.lif import read_lif
from tests.helpers.lif_files import LifImage, write_lif

EXTENT = {"X": (0.0, 6e-6, "m"), "Y": (1e-6, 10e-6, "m"), "Z": (0.0, 4e-6, "m"), "T": (0, 8, "s")}


def image(name: str, axes: str, shape: tuple[int, ...], **options: Any) -> LifImage:
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    return LifImage(name, axes, pixels, EXTENT, **options)


def test_a_movie_of_volumes_with_channels(tmp_path: Path) -> None:
    stored = image("a", "TZCYX", (3, 5, 2, 6, 7), bits=12)
    source = read_lif(write_lif(tmp_path / "a.lif", [stored]))
    array = source.levels[0]
    assert source.axes == "TZCYX"
    assert array.dtype == np.uint16
    whole = array[tuple(slice(None) for _ in array.shape)]
    np.testing.assert_array_equal(whole, stored.pixels)
    np.testing.assert_array_equal(
        array[2, 4, 1, slice(1, 3), slice(2, 7)], stored.pixels[2, 4, 1, 1:3, 2:7]
    )
    assert source.calibration.scale("TZYX") == pytest.approx((4.0, 1.0, 2.0, 1.0))
    assert source.calibration.units("TZYX") == ("second", *("micrometer",) * 3)
    assert source.calibration.step("Y").origin == pytest.approx(1.0)
    assert source.channel_names == ("Green", "Red")
    assert source.significant_bits == 12
    assert source.scenes == ("a",)
    assert source.notes == ()


def test_images_are_scenes(tmp_path: Path) -> None:
    images = [image("overview", "YX", (9, 9)), image("stack", "ZYX", (4, 6, 7))]
    path = write_lif(tmp_path / "a.lif", images)
    source = read_lif(path)
    assert source.scenes == ("overview", "stack")
    assert source.scene == "stack"
    assert any("overview" in note and "--scene" in note for note in source.notes)
    assert read_lif(path, "overview").levels[0].shape == (9, 9)
    assert read_lif(path, 1).notes == ()
    with pytest.raises(UserError, match="no scene 'mist'"):
        read_lif(path, "mist")


def test_names_that_occur_twice_have_their_folder(tmp_path: Path) -> None:
    images = [image("a", "YX", (9, 9), folder=f"well{number}") for number in range(2)]
    scenes = read_lif(write_lif(tmp_path / "a.lif", images)).scenes
    assert [scene.split("/")[-2:] for scene in scenes] == [["well0", "a"], ["well1", "a"]]


def test_tiles_are_scenes(tmp_path: Path) -> None:
    stored = image("tiles", "MZYX", (2, 3, 4, 5))
    path = write_lif(tmp_path / "a.lif", [stored])
    source = read_lif(path, 1)
    assert source.scenes == ("tiles M0", "tiles M1")
    assert source.axes == "ZYX"
    whole = source.levels[0][slice(None), slice(None), slice(None)]
    np.testing.assert_array_equal(whole, stored.pixels[1])


def test_a_stack_taken_downwards_has_a_positive_step(tmp_path: Path) -> None:
    pixels = np.zeros((5, 6, 7), np.uint16)
    stored = LifImage("a", "ZYX", pixels, {**EXTENT, "Z": (0.0, -4e-6, "m")})
    source = read_lif(write_lif(tmp_path / "a.lif", [stored]))
    assert source.calibration.step("Z").size == pytest.approx(1.0)
    assert any("negative direction" in note for note in source.notes)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = write_lif(tmp_path / "a.lif", [image("a", "ZYX", (5, 6, 7))])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"a\.lif"):
        read_lif(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lif"
    path.write_bytes(b"no Leica file" * 20)
    with pytest.raises(UserError, match=r"Cannot open a\.lif as a Leica file"):
        read_lif(path)


def test_the_extra_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "liffile", None)
    with pytest.raises(UserError, match=r"napari-sam2\[microscopy\]"):
        read_lif(tmp_path / "a.lif")
