"""The info command."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import tifffile
import typer
import zarr
from typer.testing import CliRunner

from napari_sam2.cli.commands.info import info
from napari_sam2.core.errors import UserError
from tests.helpers.stack_files import noise, write_ome_zarr


@pytest.fixture
def run():
    app = typer.Typer()
    app.command()(info)
    return lambda *args: CliRunner().invoke(app, [str(a) for a in args], terminal_width=120)


def test_array_values_and_pyramid_are_shown(tmp_path, run):
    full = noise((3, 2, 4, 64, 96))
    write_ome_zarr(tmp_path / "a.zarr", [full, full[..., ::2, ::2]], "0.5")
    result = run(tmp_path / "a.zarr", "--at", "z=2")
    assert result.exit_code == 0, result.output
    for words in ("TCZYX", "3 x 2 x 4 x 64 x 96", "uint16", "0.5 micrometer", "99.9 %", "1/2"):
        assert words in result.output
    assert "3 along t" in result.output


def test_the_smallest_part_that_can_be_read_is_shown(tmp_path, run):
    zarr.create_array(tmp_path / "a.zarr", data=noise((3, 64, 96)), chunks=(1, 32, 48))
    rows = run(tmp_path / "a.zarr").output
    assert "chunks" in rows
    assert "32 x 48 pixels, 3 KiB" in rows
    tifffile.imwrite(tmp_path / "a.tif", noise((5, 64, 96)))
    assert "none: parts of a plane are read by themselves" in run(tmp_path / "a.tif").output


def test_guesses_are_said(tmp_path, run):
    zarr.create_array(tmp_path / "a.zarr", data=noise((3, 64, 96)))
    assert "Note: The data do not name their axes" in " ".join(
        run(tmp_path / "a.zarr").output.split()
    )
    assert "3 along z" in run(tmp_path / "a.zarr", "--axes", "ZYX").output


def test_a_stack_of_nan_is_described(tmp_path, run):
    zarr.create_array(tmp_path / "a.zarr", data=np.full((3, 4, 5), np.nan))
    assert "no finite values" in run(tmp_path / "a.zarr").output


def test_bad_input_is_a_user_error(tmp_path, run):
    result = run(tmp_path / "none.tif")
    assert isinstance(result.exception, UserError)
    result = run(tmp_path / "none.tif", "--axes", "QQ")
    assert isinstance(result.exception, UserError)


def test_scenes_and_the_one_that_is_read_are_listed(tmp_path, run):
    with tifffile.TiffWriter(tmp_path / "[s].tif") as writer:
        writer.write(noise((5, 8, 9)), metadata={"axes": "TYX"})
        writer.write(noise((8, 20)))
    output = " ".join(run(tmp_path / "[s].tif", "--scene", "1").output.split())
    assert "scenes" in output
    assert "8 x 20" in output
    assert "[s].tif" in output
    assert "Note" not in output


def test_orientation_and_axes_of_the_file_are_shown(tmp_path, run):
    image = nibabel.Nifti1Image(noise((6, 7, 5), "int16"), np.diag([-2.0, 1.0, 3.0, 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "a.nii")
    output = " ".join(run(tmp_path / "a.nii").output.split())
    assert "ZYX, in the file XYZ" in output
    assert "z to the head, y to the front, x to the left" in output
    assert "z 3 millimeter, y 1 millimeter, x 2 millimeter" in output


def test_origin_and_channels_are_shown(tmp_path, run):
    write_ome_zarr(tmp_path / "a.zarr", [noise((2, 3, 64, 96))], "0.5", axes="tcyx")
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    ome = dict(group.attrs["ome"])
    moved = {"type": "translation", "translation": [5.0, 0.0, 10.0, 20.0]}
    ome["multiscales"][0]["datasets"][0]["coordinateTransformations"].append(moved)
    group.attrs["ome"] = ome
    output = " ".join(run(tmp_path / "a.zarr", "--channel", "1").output.split())
    assert "t 5 second, y 10 micrometer, x 20 micrometer" in output
    assert "1 of 3" in output
