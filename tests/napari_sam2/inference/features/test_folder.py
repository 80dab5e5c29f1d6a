"""Features on disk: restored bit for bit, bounded, never read half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.inference.features.folder import FeatureFolder, image_key
from napari_sam2.inference.protocol import EmbeddingArrays
from tests.helpers.fakes import FakePredictor

SIZE = 40_000


def features(value: int, size: int = SIZE) -> EmbeddingArrays:
    arrays = {"top": np.full((4, size // 4), value, np.uint8)}
    return EmbeddingArrays((6, 7), arrays, {"top": "bfloat16"})


def names(folder: FeatureFolder) -> set[str]:
    return {path.name.split(".")[0] for path in folder.path.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> FeatureFolder:
    return FeatureFolder(tmp_path / "features", 10 * SIZE)


def test_features_come_back(folder: FeatureFolder) -> None:
    assert folder.get("a") is None
    folder.put("a", features(3))
    again = FeatureFolder(folder.path, folder.max_bytes).get("a")
    assert again is not None
    assert (again.shape, again.dtypes) == ((6, 7), {"top": "bfloat16"})
    np.testing.assert_array_equal(again.arrays["top"], features(3).arrays["top"])


def test_what_was_not_used_for_longest_is_deleted_first(folder: FeatureFolder) -> None:
    for number in range(8):
        folder.put(str(number), features(number))
        path = folder.path / f"{number}.zarr.zip"
        os.utime(path, (time.time() - 100 + number,) * 2)
    assert folder.get("0") is not None
    for number in range(8, 12):
        folder.put(str(number), features(number))
    kept = names(folder)
    assert {"0", "10", "11"} <= kept
    assert "1" not in kept
    total = sum(path.stat().st_size for path in folder.path.iterdir())
    assert total <= folder.max_bytes


def test_room_is_left_on_a_disk_that_is_almost_full(
    folder: FeatureFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        folder.put(str(number), features(number))
    before = names(folder)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    FeatureFolder(folder.path, folder.max_bytes).put("8", features(8))
    assert "8" in names(folder)
    assert len(names(folder)) <= (len(before) + 1) / 2


def test_features_that_are_larger_than_the_limit_are_not_stored(folder: FeatureFolder) -> None:
    folder.put("large", features(1, 11 * SIZE))
    assert not folder.path.exists()


@given(kept=st.floats(0, 0.99), changed=st.integers(1, 255))
def test_a_damaged_file_counts_as_missing(
    tmp_path_factory: pytest.TempPathFactory, kept: float, changed: int
) -> None:
    folder = FeatureFolder(tmp_path_factory.mktemp("features"), 10 * SIZE)
    folder.put("a", features(3))
    folder.put("b", features(3))
    cut, spoiled = (folder.path / f"{name}.zarr.zip" for name in "ab")
    content = cut.read_bytes()
    cut.write_bytes(content[: int(len(content) * kept)])
    assert folder.get("a") is None
    values = content.index(bytes([3]) * 1000) + 10
    spoiled.write_bytes(content[:values] + bytes([3 ^ changed]) + content[values + 1 :])
    assert folder.get("b") is None
    folder.put("a", features(4))
    assert folder.get("a") is not None


def test_leftovers_of_killed_processes_are_deleted_after_a_while(folder: FeatureFolder) -> None:
    folder.path.mkdir()
    old, fresh = (folder.path / f"{name}.partial" for name in ("old", "fresh"))
    for path in (old, fresh):
        path.write_bytes(b"PK")
    os.utime(old, (time.time() - 1e5,) * 2)
    folder.put("a", features(1))
    assert not old.exists()
    assert fresh.exists()
    assert folder.get("old") is folder.get("fresh") is None


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    folder = FeatureFolder(tmp_path / "file", 10 * SIZE)
    folder.put("a", features(1))
    assert (tmp_path / "file").read_text() == "no folder"


WRITER = """
import sys
from pathlib import Path
from napari_sam2.inference.features.folder import FeatureFolder
from tests.napari_sam2.inference.features.test_folder import features
folder = FeatureFolder(Path(sys.argv[1]), 400_000)
print("ready", flush=True)
number = 0
while True:
    number += 1
    folder.put(str(number % 20), features(number % 20))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_writer_that_is_killed_leaves_no_wrong_features(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "ready\n"
        folder = FeatureFolder(tmp_path, 400_000)
        read = 0
        until = time.monotonic() + 60
        while read < 50 and time.monotonic() < until:
            read += _check(folder)
            folder.put("19", features(19))
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    assert read >= 50
    _check(folder)


def _check(folder: FeatureFolder) -> int:
    found = {number: folder.get(str(number)) for number in range(20)}
    for number, stored in found.items():
        if stored is not None:
            np.testing.assert_array_equal(stored.arrays["top"], features(number).arrays["top"])
    return sum(stored is not None for stored in found.values())


def test_another_image_or_model_has_another_name() -> None:
    info = FakePredictor().info
    image = np.zeros((4, 6, 3), np.uint8)
    one = image.copy()
    one[3, 5, 2] = 1
    others = [
        image_key(one, info),
        image_key(image.reshape(6, 4, 3), info),
        *(
            image_key(image, replace(info, **change))
            for change in (
                {"weights_hash": "other"},
                {"dtype": "bfloat16"},
                {"image_size": 512},
                {"device": "cuda:0"},
            )
        ),
    ]
    assert len({image_key(image, info), *others}) == len(others) + 1
    assert image_key(image[:, ::-1][:, ::-1], info) == image_key(image, info)
