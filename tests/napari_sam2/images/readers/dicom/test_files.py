"""Which files and folders are DICOM."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_sam2.images.readers.dicom.files import (
    is_dicom_file,
    is_dicom_folder,
    list_dicom_files,
)

HEADER = b"\0" * 128 + b"DICM"


def make(folder: Path, *names: str, content: bytes = HEADER) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["a.dcm", "A.IMA", "IM0001", "1.2.840.113619.2"])
def test_names_of_dicom_files(tmp_path: Path, name: str) -> None:
    make(tmp_path, name)
    assert is_dicom_file(tmp_path / name)


def test_other_files_without_suffix_are_not_dicom(tmp_path: Path) -> None:
    make(tmp_path, "LICENSE", "1.2.3", content=b"text")
    assert not is_dicom_file(tmp_path / "LICENSE")
    assert not is_dicom_folder(tmp_path)


def test_a_folder_of_pictures_with_a_dicom_file_is_one_of_pictures(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.png", "c.dcm")
    assert not is_dicom_folder(tmp_path)
    make(tmp_path, "sub/d.dcm", "sub/e.dcm")
    assert is_dicom_folder(tmp_path)


def test_chunks_of_a_zarr_are_not_searched(tmp_path: Path) -> None:
    make(tmp_path, "a.zarr/0/0", "a.zarr/0.1")
    assert not is_dicom_folder(tmp_path)


def test_hidden_files_and_the_index_are_left_out_without_a_note(tmp_path: Path) -> None:
    make(tmp_path, "DICOMDIR", ".DS_Store", "sub/a.dcm", ".cache/b.dcm")
    assert list_dicom_files(tmp_path) == ([tmp_path / "sub" / "a.dcm"], ())


def test_other_files_are_counted(tmp_path: Path) -> None:
    make(tmp_path, "a.dcm", "b.pdf", "c.pdf")
    make(tmp_path, "README", content=b"text")
    files, notes = list_dicom_files(tmp_path)
    assert [path.name for path in files] == ["a.dcm"]
    assert "2 (.pdf), 1 (no suffix)" in notes[0]


def test_many_numbered_files_are_found(tmp_path: Path) -> None:
    make(tmp_path, *(str(number) for number in range(20)))
    assert len(list_dicom_files(tmp_path)[0]) == 20
