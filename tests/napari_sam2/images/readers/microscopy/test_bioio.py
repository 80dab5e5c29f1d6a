"""bioio: the real package with a plugin for pictures, and an image of a plugin that is faked."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask.array
import imageio.v3
import numpy as np
import pytest
import xarray
from bioio import BioImage, PhysicalPixelSizes

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.microscopy.bioio import read_bioio
from napari_sam2.images.stack import open_stack

PIXELS = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)


class FakeImage:
    """The interface of ``bioio.BioImage`` with two scenes, the second one smaller."""

    scenes = ("left", "right")
    reader = SimpleNamespace()
    channel_names = ("DAPI", "GFP", "RFP")
    physical_pixel_sizes = SimpleNamespace(Z=2.0, Y=0.5, X=0.25)
    time_interval = timedelta(minutes=5)

    def __init__(self, path: Path) -> None:
        self._scene = 0

    def set_scene(self, scene: int) -> None:
        self._scene = scene

    @property
    def dimension_properties(self) -> Any:
        raise NotImplementedError

    @property
    def xarray_dask_data(self) -> xarray.DataArray:
        pixels = PIXELS if self._scene == 0 else PIXELS[:1, :1] + 1
        return xarray.DataArray(dask.array.from_array(pixels), dims=list("TCZYX"))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bioio", SimpleNamespace(BioImage=FakeImage))


@pytest.mark.usefixtures("fake")
def test_an_image_of_a_plugin(tmp_path: Path) -> None:
    source = read_bioio(tmp_path / "a.dv")
    assert source.axes == "TCZYX"
    np.testing.assert_array_equal(source.levels[0][1, 2, 3, :, :], PIXELS[1, 2, 3])
    assert source.calibration.scale("TZYX") == (300.0, 2.0, 0.5, 0.25)
    assert source.calibration.units("TZYX") == ("second", *("micrometer",) * 3)
    assert source.channel_names == FakeImage.channel_names
    assert source.scenes == ("left", "right")
    assert any("--scene" in note for note in source.notes)


@pytest.mark.usefixtures("fake")
def test_a_scene_without_the_axes_that_bioio_adds(tmp_path: Path) -> None:
    source = read_bioio(tmp_path / "a.dv", "right")
    assert source.axes == "ZYX"
    assert source.channel_names == ()
    np.testing.assert_array_equal(source.levels[0][:, :, :], PIXELS[0, 0] + 1)


def test_the_real_package_with_a_plugin(tmp_path: Path) -> None:
    pixels = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    imageio.v3.imwrite(tmp_path / "a.png", pixels)
    source = read_bioio(tmp_path / "a.png")
    assert source.axes == "YXS"
    np.testing.assert_array_equal(source.levels[0][:, :, :], pixels)


def test_an_image_that_is_already_open() -> None:
    pixels = np.arange(3 * 4 * 5 * 6, dtype=np.uint16).reshape(3, 1, 4, 5, 6)
    sizes = PhysicalPixelSizes(2.0, 0.5, 0.25)
    sized = open_stack(BioImage(pixels, dim_order="TCZYX", physical_pixel_sizes=sizes))
    assert (sized.axes, sized.scale) == ("TZYX", (1.0, 2.0, 0.5, 0.25))
    image = BioImage([pixels, pixels + 1], dim_order=["TCZYX", "TCZYX"])
    image.set_scene(1)
    stack = open_stack(image, at={"z": 2})
    np.testing.assert_array_equal(stack.read((1, 2))[0], pixels[1, 0, 2] + 1)
    first = open_stack(image, at={"z": 2}, scene=0)
    np.testing.assert_array_equal(first.read((1, 2))[0], pixels[1, 0, 2])
    assert image.current_scene_index == 1
    with pytest.raises(UserError, match="no scene '7'"):
        open_stack(image, scene=7)


def test_a_file_that_no_plugin_reads(tmp_path: Path) -> None:
    (tmp_path / "a.sldy").write_bytes(b"abc")
    with pytest.raises(UserError, match="pip install bioio-sldy"):
        read_bioio(tmp_path / "a.sldy")


def test_the_extra_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "bioio", None)
    with pytest.raises(UserError, match=r"'napari-sam2\[bioio\]' bioio-dv"):
        read_bioio(tmp_path / "a.dv")
