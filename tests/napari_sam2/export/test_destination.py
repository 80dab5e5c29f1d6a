from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from napari_sam2.core.errors import UserError
from napari_sam2.export.destination import OutputDestination, OutputKind, check_disk
from tests.helpers.label_outputs import NAMES, stack_of, write


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.zarr", OutputKind.ZARR),
        ("a.OME.zarr", OutputKind.OME_ZARR),
        ("a.tif", OutputKind.TIFF),
        ("a.b.TIFF", OutputKind.TIFF),
    ],
)
def test_the_ending_is_the_format(name, kind):
    assert OutputDestination.parse(name).kind is kind


@pytest.mark.parametrize("name", ["a.png", "a", "zarr", ".zarr", ".tif", "a.zarr.zip"])
def test_unknown_endings(name):
    with pytest.raises(UserError, match="must end in"):
        OutputDestination.parse(name)


@pytest.mark.parametrize("name", NAMES)
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
