"""Nikon files, built chunk by chunk and read by nd2."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.microscopy.nd2 import read_nd2
from tests.helpers.nd2_files import write_nd2


def pixels(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


def everything(source: Any) -> np.ndarray:
    array = source.levels[0]
    return array[tuple(slice(None) for _ in array.shape)]


def test_a_movie_of_volumes_with_channels(tmp_path: Path) -> None:
    stored = pixels(2, 3, 2, 5, 6)
    source = read_nd2(write_nd2(tmp_path / "a.nd2", stored, "TZCYX"))
    assert source.axes == "TZCYX"
    np.testing.assert_array_equal(everything(source), stored)
    np.testing.assert_array_equal(
        source.levels[0][1, 2, 0, slice(1, 3), slice(2, 6)], stored[1, 2, 0, 1:3, 2:6]
    )
    assert source.calibration.scale("TZYX") == pytest.approx((2.0, 0.5, 0.25, 0.25))
    assert source.calibration.units("TZYX") == ("second", *("micrometer",) * 3)
    assert source.channel_names == ("Channel 0", "Channel 1")
    assert source.significant_bits == 12
    assert source.notes == ()


def test_positions_are_scenes(tmp_path: Path) -> None:
    stored = pixels(2, 3, 4, 5, 6)
    path = write_nd2(tmp_path / "a.nd2", stored, "TPZYX")
    source = read_nd2(path)
    assert source.scenes == ("well0", "well1", "well2")
    assert any("--scene" in note for note in source.notes)
    np.testing.assert_array_equal(everything(source), stored[:, 0])
    np.testing.assert_array_equal(everything(read_nd2(path, "well2")), stored[:, 2])


def test_frames_that_were_not_recorded_cannot_be_read(tmp_path: Path) -> None:
    path = write_nd2(tmp_path / "a.nd2", pixels(4, 5, 6), "TYX", missing=(2,))
    source = read_nd2(path)
    assert source.levels[0].shape == (4, 5, 6)
    assert any("lacks 1 of its frames (numbers 2)" in note for note in source.notes)
    with pytest.raises(OSError, match="not recorded"):
        source.levels[0][2, slice(None), slice(None)]
    np.testing.assert_array_equal(source.levels[0][3, slice(None), slice(None)], pixels(4, 5, 6)[3])


def test_sizes_of_an_uncalibrated_file_are_unknown(tmp_path: Path) -> None:
    path = write_nd2(tmp_path / "a.nd2", pixels(4, 5, 6), "ZYX", calibrated=False)
    assert set(read_nd2(path).calibration.steps) == {"Z"}


def test_metadata_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    source = read_nd2(write_nd2(tmp_path / "a.nd2", pixels(4, 5, 6), "TYX", probe=False))
    np.testing.assert_array_equal(everything(source), pixels(4, 5, 6))
    assert any("pixel sizes and names of channels are unknown" in note for note in source.notes)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write_nd2(tmp_path / "a.nd2", pixels(4, 5, 6), "TYX")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"Cannot open a\.nd2 as a Nikon file"):
        read_nd2(path)


def test_the_extra_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "nd2", None)
    with pytest.raises(UserError, match=r"napari-sam2\[microscopy\]"):
        read_nd2(tmp_path / "a.nd2")
