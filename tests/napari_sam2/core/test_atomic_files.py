from __future__ import annotations

import pytest

from napari_sam2.core.atomic_files import atomic_write, read_text, write_text
from napari_sam2.core.errors import UserError


def test_text_comes_back_without_a_byte_order_mark(tmp_path):
    write_text(tmp_path / "a.txt", "\ufeffgrün\n")
    assert read_text(tmp_path / "a.txt") == "grün\n"


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(path) as temporary:
        (temporary / "no folder").write_text("half")
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UserError, match="not a text file"):
        read_text(tmp_path / "a.txt")
    with pytest.raises(UserError, match="There is no file"):
        read_text(tmp_path / "b.txt")
    with pytest.raises(UserError, match="cannot be read"):
        read_text(tmp_path)
