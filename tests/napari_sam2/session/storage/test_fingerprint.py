"""Fingerprints tell inputs apart without reading them completely."""

from __future__ import annotations

import json
import os
import re

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.session.storage.fingerprint import Fingerprint
from tests.helpers.dicom_files import SeriesWriter
from tests.helpers.stack_files import CountingStore, noise


def of(source, **options):
    return Fingerprint.of(open_stack(source, **options))


def test_the_same_input_has_the_same_fingerprint(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise((9, 40, 50)), metadata={"axes": "ZYX"})
    first, second = of(tmp_path / "a.tif"), of(tmp_path / "a.tif", along="y")
    assert first == second
    assert first.differences(second) == ()
    assert Fingerprint.from_json(json.loads(json.dumps(first.to_json()))) == first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a[:5], r"shape was \(9, 40, 50\), now \(5, 40, 50\)"),
        (lambda a: a.astype("f4"), "type was <u2, now <f4"),
        (lambda a: a + 1, "pixel values changed"),
    ],
)
def test_changes_are_named(change, words):
    array = noise((9, 40, 50))
    changed = of(array).differences(of(change(array)))
    assert len(changed) == 1
    assert re.search(words, changed[0])


def test_other_axes_are_another_input():
    array = noise((9, 40, 50))
    assert of(array, axes="TYX").differences(of(array, axes="ZYX")) == ("axes was TYX, now ZYX",)


def test_a_rewritten_file_is_noticed(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise((9, 40, 50)), metadata={"axes": "ZYX"})
    before = of(path)
    os.utime(path, ns=(1, 1))
    assert before.differences(of(path)) == ("files were written or renamed",)


def test_a_large_input_is_hardly_read(tmp_path):
    zarr.create_array(
        tmp_path / "a.zarr", shape=(500, 1024, 1024), chunks=(1, 256, 256), dtype="u2"
    )[:20] = 3
    store = CountingStore(tmp_path / "a.zarr")
    of(zarr.open_array(store, mode="r"), axes="TYX")
    assert len(store.chunks) <= 8


@pytest.mark.parametrize("data", [{}, {"version": 2}, {"version": 1}, {"version": 1, "shape": "x"}])
def test_damaged_fingerprints_are_user_errors(data):
    with pytest.raises(UserError, match="fingerprint"):
        Fingerprint.from_json(data)


def test_a_missing_plane_is_part_of_the_fingerprint(tmp_path):
    files = SeriesWriter(tmp_path).volume(noise((8, 20, 30)).astype(np.int16))
    complete, slice_three = of(tmp_path), files[3].read_bytes()
    files[3].unlink()
    incomplete = of(tmp_path)
    assert incomplete == of(tmp_path)
    assert complete.differences(incomplete) == ("pixel values changed",)
    files[3].write_bytes(slice_three)
    assert incomplete.differences(of(tmp_path)) == ("pixel values changed",)
