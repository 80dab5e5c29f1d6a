"""The documented commands, on the real inputs, over a few frames."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import napari.layers
import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode

PAGE = Path(__file__).resolve().parents[3] / "docs" / "real-data.md"
SCRIPTS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def here(tmp_path, monkeypatch, shared) -> Path:
    (tmp_path / "data").symlink_to(shared / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(script: str, *more: str) -> None:
    """Run a script of the page, with more options for its last command."""
    *before, last = script.splitlines()
    for line in before:
        subprocess.run(line.replace("python ", f"{sys.executable} "), shell=True, check=True)
    program, *arguments = shlex.split(last)
    assert program == "napari-sam2"
    assert run([*arguments, "--model", "micro", "--device", "cpu", *more]) == ExitCode.DONE


def opened(labels: np.ndarray | zarr.Array) -> np.ndarray:
    """Return the values of the napari layer that labels open as."""
    layer = napari.layers.Labels(labels)
    assert layer.ndim == 3
    return np.asarray(layer.data)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.count_nonzero(first & second) / np.count_nonzero(first | second))


def test_a_time_lapse(here, monkeypatch):
    # Three of its 50 cells, for speed.
    prompts, *rest = SCRIPTS[0].splitlines()
    subprocess.run(prompts.replace("python ", f"{sys.executable} "), shell=True, check=True)
    first = tifffile.imread("first.tif")
    tifffile.imwrite("first.tif", np.where(np.isin(first, (43, 45, 48)), first, 0))
    follow("\n".join(rest), "--range", "0:3")
    labels = opened(zarr.open_array("cells.zarr", mode="r"))
    truth = tifffile.imread("data/t98g_movie/masks_tracked.tif")
    assert labels.shape == truth.shape
    assert set(np.unique(labels)) == {0, 43, 45, 48}
    for cell in (43, 45, 48):
        # In a full view the model redraws the mask that it was given, as the reference does.
        assert iou(labels[0] == cell, truth[0] == cell) > 0.85
    followed = [iou(labels[2] == cell, truth[2] == cell) for cell in (43, 45, 48)]
    assert np.mean(followed) > 0.4, followed
    assert not labels[3:].any()
    assert len(Path("cells.csv").read_text().splitlines()) == 1 + 3 * 3


@pytest.mark.slow
def test_a_volume_of_nuclei(here):
    follow(SCRIPTS[1], "--range", "16:29")
    group = zarr.open_group("nuclei.ome.zarr", mode="r")
    labels = opened(group["labels/objects/0"])
    truth = tifffile.imread("data/mouse_embryo_nuclei/8_cell_stage_masks.tif")
    assert labels.shape == truth.shape
    for nucleus, z in ((3, 17), (4, 17), (5, 17), (6, 27), (7, 27)):
        assert iou(labels[z] == nucleus, truth[z] == nucleus) > 0.4
    assert not labels[:16].any()


def test_a_medical_volume(here):
    follow(SCRIPTS[2], "--range", "24:27")
    labels = opened(tifffile.imread("hippocampus.tif"))
    truth = tifffile.imread("data/msd_hippocampus/masks/hippocampus_001.tif")
    assert labels.shape == truth.shape
    assert iou(labels[25] > 0, truth[25] > 0) > 0.25
    assert labels[24].any()
    assert labels[26].any()
    assert not labels[:24].any()
    assert not labels[27:].any()


def test_a_video(here):
    follow(SCRIPTS[3], "--range", "0:2")
    labels = opened(tifffile.imread("swan.tif"))
    assert labels.shape == (50, 480, 854)
    assert set(np.unique(labels)) == {0, 255}
    assert labels[1].any()
