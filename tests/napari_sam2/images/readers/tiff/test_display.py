"""Color tables, and files in which 0 is white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import noise

RAMP = np.arange(256, dtype=np.uint16) * 257
TABLES = {
    "red": (np.stack([RAMP, 0 * RAMP, 0 * RAMP]), False),
    "gray": (np.stack([RAMP] * 3), False),
    "colors": (np.random.default_rng(0).integers(0, 65535, (3, 256), np.uint16), True),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_colors_that_is_no_ramp_is_reported(tmp_path: Path, name: str) -> None:
    table, reported = TABLES[name]
    pixels = noise((20, 30), "uint8")
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="palette", colormap=table)
    stack = open_stack(tmp_path / "a.tif")
    np.testing.assert_array_equal(stack.read(())[0], pixels)
    assert any("numbers of colors in a table" in note for note in stack.notes) == reported


def test_the_table_of_an_imagej_file_colors_intensities(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((20, 30), "uint8"), imagej=True, colormap=TABLES["colors"][0])
    assert not any("table" in note for note in open_stack(path).notes)


def test_files_in_which_0_is_white_are_reported(tmp_path: Path) -> None:
    pixels = noise((3, 20, 30), "uint8")
    options = {"photometric": "miniswhite", "metadata": {"axes": "TYX"}}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    stack = open_stack(tmp_path / "a.tif")
    np.testing.assert_array_equal(stack.read((1,))[0], pixels[1])
    assert any("0 is white" in note for note in stack.notes)


@pytest.mark.parametrize(
    ("photometric", "samples", "name"),
    [("separated", 4, "CMYK"), ("cielab", 3, "L*a*b*"), ("ycbcr", 3, "YCbCr")],
)
@pytest.mark.parametrize("folder", [False, True])
def test_colors_other_than_rgb_are_channels_with_a_note(
    tmp_path: Path, photometric: str, samples: int, name: str, folder: bool
) -> None:
    pixels = noise((20, 30, samples), "uint8")
    for number in range(2):
        tifffile.imwrite(tmp_path / f"{number}.tif", pixels, photometric=photometric)
    stack = open_stack(tmp_path if folder else tmp_path / "0.tif")
    assert (stack.axes.replace("T", ""), stack.rgb, stack.n_channels) == ("CYX", False, samples)
    assert any(f"stored as {name}" in note for note in stack.notes)
    np.testing.assert_array_equal(stack.read(stack.index(0)), pixels.transpose(2, 0, 1))


def test_colors_that_are_decoded_to_rgb_are_rgb(tmp_path: Path) -> None:
    pixels = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    options = {"photometric": "rgb", "compression": "jpeg"}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    stack = open_stack(tmp_path / "a.tif")
    assert stack.rgb
    assert not any("stored as" in note for note in stack.notes)
    assert np.abs(stack.read(()).astype(int) - pixels.transpose(2, 0, 1)).max() < 8
