"""Zeiss files, written by Zeiss's own library (pylibCZIrw) and read by czifile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pylibCZIrw import czi

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.base import Source
from napari_sam2.images.readers.microscopy.czi import measured_interval, read_czi

Draw = Callable[[Any], None]


def write(path: Path, draw: Draw, compression: str = "uncompressed:", **metadata: Any) -> Path:
    with czi.create_czi(str(path), compression_options=compression) as document:
        draw(document)
        document.write_metadata("test", **metadata)
    return path


def plane(t: int = 0, c: int = 0, z: int = 0) -> NDArray[np.uint16]:
    return (np.arange(12 * 10, dtype=np.uint16) + 1000 * t + 200 * c + 7 * z).reshape(12, 10)


def everything(source: Source) -> NDArray[Any]:
    array = source.levels[0]
    return array[tuple(slice(None) for _ in array.shape)]


def test_a_movie_of_volumes_with_channels(tmp_path: Path) -> None:
    def draw(document: Any) -> None:
        for t, c, z in np.ndindex(2, 2, 3):
            document.write(plane(t, c, z)[..., None], plane={"T": t, "C": c, "Z": z})

    path = write(
        tmp_path / "a.czi",
        draw,
        channel_names={0: "DAPI", 1: "GFP"},
        scale_x=1e-7,
        scale_y=2e-7,
        scale_z=5e-7,
    )
    source = read_czi(path)
    assert source.axes is not None
    assert sorted(source.axes) == sorted("TCZYX")
    order = [source.axes.index(axis) for axis in "TCZYX"]
    whole = everything(source).transpose(order)
    expected = [[[plane(t, c, z) for z in range(3)] for c in range(2)] for t in range(2)]
    np.testing.assert_array_equal(whole, expected)
    assert source.calibration.scale("ZYX") == pytest.approx((0.5, 0.2, 0.1))
    assert source.calibration.units("ZYX") == ("micrometer",) * 3
    assert source.channel_names == ("DAPI", "GFP")


def test_tiles_are_put_at_their_stage_positions(tmp_path: Path) -> None:
    whole = np.arange(24 * 30, dtype=np.uint16).reshape(24, 30)

    def draw(document: Any) -> None:
        for m, (y, x) in enumerate([(0, 0), (0, 15), (12, 0), (12, 15)]):
            tile = whole[y : y + 12, x : x + 15]
            where = (100 + x, -50 + y)
            document.write(tile[..., None].copy(), location=where, plane={"M": m})

    source = read_czi(write(tmp_path / "a.czi", draw))
    array = source.levels[0]
    assert source.axes == "YX"
    np.testing.assert_array_equal(everything(source), whole)
    np.testing.assert_array_equal(array[slice(5, 20), slice(3, 29)], whole[5:20, 3:29])
    assert source.notes == ()


def test_a_gap_between_tiles_is_reported(tmp_path: Path) -> None:
    def draw(document: Any) -> None:
        document.write(plane()[..., None] + 1, location=(0, 0))
        document.write(plane()[..., None] + 1, location=(20, 0))

    source = read_czi(write(tmp_path / "a.czi", draw))
    assert everything(source)[:, 10:20].max() == 0
    assert any("do not cover" in note for note in source.notes)


def test_a_missing_plane_cannot_be_read(tmp_path: Path) -> None:
    def draw(document: Any) -> None:
        for z in (0, 1, 3):
            document.write(plane(z=z)[..., None], plane={"Z": z})

    source = read_czi(write(tmp_path / "a.czi", draw))
    assert source.levels[0].shape == (4, 12, 10)
    assert any("lacks 1 of its planes" in note for note in source.notes)
    with pytest.raises(OSError, match="no pixels of this plane"):
        source.levels[0][2, slice(None), slice(None)]


def test_scenes(tmp_path: Path) -> None:
    def draw(document: Any) -> None:
        for scene in range(2):
            for z in range(scene + 2):
                pixels = (plane(z=z) + 500 * scene)[..., None]
                document.write(pixels, (400 * scene, 0), {"Z": z}, scene=scene)

    path = write(tmp_path / "a.czi", draw)
    source = read_czi(path)
    assert source.scenes == ("Scene 0", "Scene 1")
    assert source.scene == "Scene 1"
    assert any("--scene" in note for note in source.notes)
    assert source.levels[0].shape == (3, 12, 10)
    np.testing.assert_array_equal(everything(read_czi(path, 0)), [plane(z=z) for z in range(2)])


def test_color_is_red_green_blue(tmp_path: Path) -> None:
    blue_first = np.zeros((12, 10, 3), np.uint8)
    blue_first[..., 0], blue_first[..., 2] = 10, 200
    source = read_czi(write(tmp_path / "a.czi", lambda document: document.write(blue_first)))
    assert source.axes == "YXS"
    assert everything(source)[3, 4].tolist() == [200, 0, 10]
    assert source.levels[0][3, slice(2, 5), 0].tolist() == [200] * 3


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="czifile 2026 reads Zstandard")
def test_a_compression_of_later_versions_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.czi", lambda d: d.write(plane()[..., None]), "zstd1:")
    with pytest.raises(UserError, match=r"Python 3\.12"):
        read_czi(path)


@pytest.mark.parametrize("unit", [1.0, 1 / 86400])
def test_the_interval_is_measured_by_the_time_stamps(unit: float) -> None:
    start = 45000.0 if unit < 1 else 3.0
    stamps = SimpleNamespace(
        attachment_entry=SimpleNamespace(name="TimeStamps"),
        data=lambda: start + np.array([0, 9, 21, 30]) * unit,
    )
    other = SimpleNamespace(attachment_entry=SimpleNamespace(name="Thumbnail"))
    file = SimpleNamespace(attachments=lambda: [other, stamps])
    assert measured_interval(file) == pytest.approx(10, abs=1e-4)
    assert measured_interval(SimpleNamespace(attachments=lambda: [other])) is None


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.czi"
    path.write_bytes(b"no Zeiss file" * 20)
    with pytest.raises(UserError, match=r"Cannot open a\.czi as a Zeiss file"):
        read_czi(path)


def test_the_extra_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "czifile", None)
    with pytest.raises(UserError, match=r"napari-sam2\[microscopy\]"):
        read_czi(tmp_path / "a.czi")
