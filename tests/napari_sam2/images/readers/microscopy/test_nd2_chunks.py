"""The map of chunks of Nikon files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2.images.readers.microscopy.nd2_chunks import recorded_frames
from tests.helpers.nd2_files import write_nd2

PIXELS = np.zeros((12, 5, 6), np.uint16)


@pytest.mark.parametrize("missing", [(), (0,), (3, 10, 11)])
def test_frames_of_the_map(tmp_path: Path, missing: tuple[int, ...]) -> None:
    path = write_nd2(tmp_path / "a.nd2", PIXELS, "TYX", missing=missing)
    assert recorded_frames(path) == set(range(12)) - set(missing)


def test_a_frame_beyond_the_end_was_not_recorded(tmp_path: Path) -> None:
    path = write_nd2(tmp_path / "a.nd2", PIXELS, "TYX")
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"ImageDataSeq|7!") + len(b"ImageDataSeq|7!")
    data[entry : entry + 8] = (len(data) - 20).to_bytes(8, "little")
    path.write_bytes(bytes(data))
    assert recorded_frames(path) == set(range(12)) - {7}


@pytest.mark.parametrize("content", [b"", b"\0" * 39, b"\0" * 4000])
def test_files_without_a_map(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.nd2"
    path.write_bytes(content)
    assert recorded_frames(path) is None
