"""Formats of files by suffix and by content."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers import read_source
from napari_sam2.images.readers.recognition import FileKind, kind_by_suffix, recognize
from tests.helpers.dicom_files import SeriesWriter
from tests.helpers.lif_files import LifImage, write_lif


def pixels() -> np.ndarray:
    return np.arange(3 * 6 * 7, dtype=np.uint16).reshape(3, 6, 7)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("A.TIF", FileKind.TIFF),
        ("a.nii.gz", FileKind.NIFTI),
        ("a.zarr.zip", FileKind.ZIPPED_ZARR),
        ("a.lof", FileKind.LIF),
        ("DICOMDIR", FileKind.DICOM),
        ("a.xyz", FileKind.OTHER),
        ("IM0001", FileKind.OTHER),
    ],
)
def test_suffixes(name: str, kind: FileKind) -> None:
    assert kind_by_suffix(name) is kind


def test_a_dicom_file_without_suffix_is_recognized_silently(tmp_path: Path) -> None:
    path = SeriesWriter(tmp_path).slice(pixels()[0], 0, name="IM0001")
    assert recognize(path) == (FileKind.DICOM, ())
    np.testing.assert_array_equal(read_source(path).levels[0][:, :], pixels()[0])


def test_a_wrong_suffix_is_reported(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels(), photometric="minisblack")
    shutil.move(tmp_path / "a.tif", tmp_path / "a.png")
    source = read_source(tmp_path / "a.png")
    assert source.levels[0].shape == (3, 6, 7)
    assert "read as TIFF" in source.notes[0]


def test_a_picture_with_the_suffix_of_a_tiff(tmp_path: Path) -> None:
    Image.fromarray(pixels()[0].astype(np.uint8)).save(tmp_path / "a.png")
    shutil.move(tmp_path / "a.png", tmp_path / "a.tif")
    source = read_source(tmp_path / "a.tif")
    assert source.levels[0].shape == (6, 7)
    assert "read as picture" in source.notes[0]


def test_a_leica_file_with_another_suffix(tmp_path: Path) -> None:
    path = write_lif(tmp_path / "a.dat", [LifImage("a", "ZYX", pixels(), {})])
    assert recognize(path)[0] is FileKind.LIF
    assert read_source(path).axes == "ZYX"


def test_a_dicom_folder_is_a_volume(tmp_path: Path) -> None:
    SeriesWriter(tmp_path / "study" / "series").volume(pixels())
    Image.fromarray(pixels()[0].astype(np.uint8)).save(tmp_path / "study" / "preview.png")
    source = read_source(tmp_path / "study")
    assert source.axes == "ZYX"
    assert any("1 (.png)" in note for note in source.notes)


def test_the_extra_for_an_unknown_suffix_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.dv").write_bytes(b"no such format")
    with pytest.raises(UserError, match="bioio-dv"):
        read_source(tmp_path / "a.dv")
