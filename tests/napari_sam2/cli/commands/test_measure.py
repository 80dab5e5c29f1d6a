"""The measure command: tables with units, from files."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode


@pytest.fixture
def labels(tmp_path):
    array = np.zeros((3, 12, 16), np.uint16)
    array[:, 2:6, 3:8] = 4
    path = tmp_path / "labels.tif"
    metadata = {
        "axes": "ZYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeZ": 2.0,
        "PhysicalSizeZUnit": "µm",
    }
    tifffile.imwrite(path, array, ome=True, metadata=metadata)
    return path


def table(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_volumes_have_units_and_an_empty_frame(labels, tmp_path, capfd) -> None:
    output = tmp_path / "table.csv"
    image = tmp_path / "image.tif"
    tifffile.imwrite(image, np.full((3, 12, 16), 7, np.uint8), ome=True, metadata={"axes": "ZYX"})
    arguments = ["measure", str(labels), str(image), "--output", str(output)]
    assert run(arguments) == ExitCode.DONE
    [row] = table(output)
    assert (row["label"], row["frame"], row["unit"]) == ("4", "", "µm³")
    assert float(row["volume"]) == pytest.approx(60 * 0.5)
    assert float(row["intensity_mean"]) == 7
    assert "1 row written" in capfd.readouterr().err
    assert run(arguments) == ExitCode.BAD_INPUT
    assert "--overwrite" in capfd.readouterr().err
    assert run([*arguments, "--overwrite"]) == ExitCode.DONE


def test_labels_without_sizes_are_reported_in_pixels(tmp_path, capfd) -> None:
    path, output = tmp_path / "labels.tif", tmp_path / "table.csv"
    array = np.zeros((2, 12, 16), np.uint8)
    array[0, 2:6, 3:8] = 1
    tifffile.imwrite(path, array)
    assert run(["measure", str(path), "--axes", "TYX", "--output", str(output)]) == ExitCode.DONE
    [row] = table(output)
    assert (row["frame"], row["area"], row["unit"]) == ("0", "20.0", "pixel")
    assert "no pixel size" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("output", "words"), [("table.xls", ".csv"), ("missing/table.csv", "no folder")]
)
def test_outputs_that_cannot_be_written(labels, tmp_path, capfd, output, words) -> None:
    assert run(["measure", str(labels), "--output", str(tmp_path / output)]) == ExitCode.BAD_INPUT
    assert words in capfd.readouterr().err
