"""Choice of the reader: paths, URLs, lists of paths and odd names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam2.core.errors import UserError
from napari_sam2.images.stack import open_stack
from napari_sam2.session.storage.fingerprint import Fingerprint


@pytest.mark.parametrize("name", ["a b.tif", "a#b.tif", "a%20b.tif", "a%b.tif", "ä.tif"])
def test_file_urls_are_read_with_and_without_escapes(tmp_path, name):
    path = tmp_path / name
    tifffile.imwrite(path, np.zeros((5, 8, 9), np.uint8))
    for url in (
        path.as_uri(),
        f"file://{path}",
        path.as_uri().replace("file://", "file://localhost"),
        path.as_uri().replace("file://", "file:"),
    ):
        assert open_stack(url).source.files == (path,)


def test_a_missing_file_of_a_url_is_named(tmp_path):
    with pytest.raises(UserError, match=r"There is no file or folder .*a b.tif"):
        open_stack((tmp_path / "a b.tif").as_uri())


def test_a_pattern_is_pointed_out(tmp_path):
    with pytest.raises(UserError, match="Patterns are not resolved"):
        open_stack(tmp_path / "*.tif")


@pytest.mark.parametrize("name", ["a.png", "a.nii.gz", "a.dcm", "a.mp4"])
def test_only_zarr_and_tiff_are_read_by_url(name):
    with pytest.raises(UserError, match=f"Only Zarr and TIFF are read by URL.*download {name}"):
        open_stack(f"https://host/folder/{name}")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.nrrd", "NIfTI"),
        ("a.h5", "h5py"),
        ("a.heic", "PNG or TIFF"),
        ("a.dcm.gz", "Unpack"),
        ("a.npz", "npy"),
    ],
)
def test_formats_that_are_not_read_have_advice(tmp_path, name, advice):
    (tmp_path / name).write_bytes(b"content")
    with pytest.raises(UserError, match=f"not read.*{advice}"):
        open_stack(tmp_path / name)


def test_several_images_are_one_stack_in_natural_order(tmp_path):
    paths = [tmp_path / f"f{number}.png" for number in (10, 2, 1)]
    for path in paths:
        Image.fromarray(np.full((8, 9), int(path.stem[1:]), np.uint8)).save(path)
    stack = open_stack(paths)
    assert [int(stack.read((i,)).max()) for i in range(3)] == [1, 2, 10]
    assert set(stack.source.files) == set(paths)
    assert open_stack([str(paths[0])]).n_frames == 1


def test_several_inputs_that_are_not_images_are_refused(tmp_path):
    (tmp_path / "a.nii").touch()
    with pytest.raises(UserError, match=r"a.nii is not a single image"):
        open_stack([tmp_path / "a.nii", tmp_path / "a.nii"])
    with pytest.raises(UserError, match=r"There is no file or folder .*b.png"):
        open_stack([tmp_path / "a.nii", tmp_path / "b.png"])


def test_names_that_are_not_utf8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/gr\xfc\xdfe.tif"))
    tifffile.imwrite(path, np.zeros((5, 8, 9), np.uint8))
    stack = open_stack(path)
    assert stack.n_frames == 5
    assert Fingerprint.of(stack).files
