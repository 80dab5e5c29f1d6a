"""What ``napari-sam2 info`` says."""

from __future__ import annotations

import numpy as np
import pytest
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


def test_all_that_the_work_order_asks_is_said(tmp_path, run):
    full = noise((3, 2, 4, 64, 96))
    write_ome_zarr(tmp_path / "a.zarr", [full, full[..., ::2, ::2]], "0.5")
    result = run(tmp_path / "a.zarr", "--at", "z=2")
    assert result.exit_code == 0, result.output
    for words in ("TCZYX", "3 x 2 x 4 x 64 x 96", "uint16", "0.5 micrometer", "99.9 %", "1/2"):
        assert words in result.output
    assert "3 along t" in result.output


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
