from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import (
    OutputDestination,
    OutputKind,
    check_disk,
    label_filters,
    with_ending,
)
from napari_sam2.export.labels import free_path
from napari_sam2.images.input_files import input_folder
from napari_sam2.images.stack import open_stack
from tests.helpers.label_outputs import ALL_NAMES, stack_of, write


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.zarr", OutputKind.ZARR),
        ("a.OME.zarr", OutputKind.OME_ZARR),
        ("a.tif", OutputKind.TIFF),
        ("a.b.TIFF", OutputKind.TIFF),
        ("a.nii", OutputKind.NIFTI),
        ("a.nii.gz", OutputKind.NIFTI),
        ("a.coco.json", OutputKind.COCO),
        ("a.png", OutputKind.PNG),
    ],
)
def test_the_ending_is_the_format(name, kind):
    assert OutputDestination.parse(name).kind is kind


@pytest.mark.parametrize(
    "name", ["a.jpg", "a", "a.json", "zarr", ".png", ".zarr", ".tif", "a.zarr.zip"]
)
def test_unknown_endings(name):
    with pytest.raises(UserError, match="must end in"):
        OutputDestination.parse(name)


def test_a_file_url_is_a_local_output(tmp_path):
    url = (tmp_path / "a b.tif").as_uri()
    assert OutputDestination.parse(url).path == tmp_path / "a b.tif"
    assert OutputDestination.parse(Path(url)).path == tmp_path / "a b.tif"


@pytest.mark.parametrize("url", ["s3://bucket/a.ome.zarr", "https://host/a.tif"])
def test_other_urls_are_no_outputs(url):
    for given in (url, Path(url)):
        with pytest.raises(UserError, match="files on disk, not URLs"):
            OutputDestination.parse(given)


@pytest.mark.parametrize("name", ALL_NAMES)
def test_nothing_is_overwritten_unasked(tmp_path, name):
    output = OutputDestination.parse(tmp_path / name)
    output.check_free()
    write(output, stack_of((2, 30, 40), "TYX"))
    with pytest.raises(UserError, match="exists"):
        output.check_free()
    output.remove()
    output.check_free()
    assert list(tmp_path.iterdir()) == []
    output.run_folder.mkdir()
    with pytest.raises(UserError, match="exists"):
        output.check_free()


def test_only_outputs_are_removed(tmp_path):
    folder = tmp_path / "photos.zarr"
    folder.mkdir()
    (folder / "holiday.jpg").touch()
    with pytest.raises(UserError, match="holds no Zarr"):
        OutputDestination.parse(folder).remove()
    file = tmp_path / "file.zarr"
    file.touch()
    with pytest.raises(UserError, match="is a file"):
        OutputDestination.parse(file).remove()
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        OutputDestination.parse(tmp_path / "folder.tif").remove()
    assert (folder / "holiday.jpg").exists()
    assert file.exists()


def test_output_must_not_touch_the_input(tmp_path):
    output = OutputDestination.parse(tmp_path / "movie.zarr")
    output.check_apart([tmp_path / "other.zarr"])
    for bad in (tmp_path / "movie.zarr", tmp_path / "movie.zarr" / "0", tmp_path):
        with pytest.raises(UserError, match="would change the input"):
            output.check_apart([bad])


def test_too_little_disk_is_reported_before(tmp_path, monkeypatch):
    output, stack = OutputDestination.parse(tmp_path / "new" / "out.ome.zarr"), stack_of()
    check_disk(output, stack, 4, 10**6)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 0, 10**8))
    with pytest.raises(UserError, match=r"1\.4 GB, but only 0\.1 GB"):
        check_disk(output, stack, 4, 10**9)
    check_disk(OutputDestination.parse(tmp_path / "out.zarr"), stack, 4, 10**9)


def test_folder_of_other_files_is_not_replaced_by_pngs(tmp_path):
    folder = tmp_path / "photos.png"
    folder.mkdir()
    (folder / "notes.txt").touch()
    with pytest.raises(UserError, match="holds other files than PNG"):
        OutputDestination.parse(folder).remove()
    assert (folder / "notes.txt").exists()


def test_read_only_folder_is_reported_before(tmp_path, monkeypatch):
    output = OutputDestination.parse(tmp_path / "new" / "out.tif")
    output.check_writable()
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(UserError, match="is read-only"):
        output.check_writable()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        OutputDestination.parse(tmp_path / "file" / "out.tif").check_writable()


@pytest.mark.parametrize("name", ["labels.tif", "labels.zarr", "sub/labels.nii.gz", "labels.png"])
def test_outputs_in_the_folder_of_images_are_refused(tmp_path, name):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(2):
        tifffile.imwrite(folder / f"{number}.tif", np.zeros((20, 30), np.uint8))
    stack = open_stack(folder)
    assert input_folder(stack.source) == folder
    with pytest.raises(UserError, match="in which it lies"):
        OutputDestination.parse(folder / name).check_apart([folder])
    assert free_path(stack) == tmp_path / "frames-labels.tif"


def test_folder_of_a_single_file_is_no_input(tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", np.zeros((5, 20, 30), np.uint8))
    assert input_folder(open_stack(tmp_path / "movie.tif", axes="TYX").source) is None


def test_a_file_dialog_offers_every_format():
    filters = label_filters()
    assert filters["NIfTI (*.nii.gz *.nii)"] == (".nii.gz", ".nii")
    offered = {ending for endings in filters.values() for ending in endings}
    assert offered >= {OutputDestination.parse(name).ending for name in ALL_NAMES}
    assert all(OutputDestination.parse(f"a{ending}").ending == ending for ending in offered)


@pytest.mark.parametrize(
    ("name", "expected"), [("a", "a.tif"), ("a.b", "a.b.tif"), ("a.NII.gz", "a.NII.gz")]
)
def test_a_name_without_a_known_ending_gets_one(name, expected):
    assert with_ending(Path("folder") / name, ".tif") == Path("folder") / expected
