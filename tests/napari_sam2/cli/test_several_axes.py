"""The segment command along several axes and through interpolated planes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.inference import sam2_predictor as loading
from tests.helpers.fakes import FakePredictor
from tests.helpers.volume_series import moving_balls

BALL = moving_balls((1, 7, 48, 56), [(3, 22, 28)], [(0, 0, 0)], 10, 3)
LABELS = BALL.labels[0]


def segment(folder: Path, *options: str) -> int:
    """Run the command on a ball with one click."""
    tifffile.imwrite(folder / "ball.tif", BALL.image[0], metadata={"axes": "ZYX"})
    point = {"frame": 3, "yx": [22, 28], "label": 1}
    prompts = {"version": 1, "axis": "z", "objects": [{"id": 1, "points": [point]}]}
    (folder / "prompts.json").write_text(json.dumps(prompts))
    files = ["--prompts", str(folder / "prompts.json"), "--output", str(folder / "out.zarr")]
    return run(["segment", str(folder / "ball.tif"), *files, *options])


def iou(folder: Path) -> float:
    found = np.asarray(zarr.open_array(folder / "out.zarr", mode="r")[...])
    return float(np.sum((found == 1) & (LABELS == 1)) / np.sum((found == 1) | (LABELS == 1)))


def test_both_options_reach_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    assert segment(tmp_path, "--along", "z,y,x", "--interpolate", "1") == ExitCode.DONE
    assert iou(tmp_path) > 0.97
    shown = capfd.readouterr().err
    assert "1. Along z from the prompts, with 1 interpolated plane between two." in shown
    assert "3. Along x from cross-sections of the masks along z." in shown


@pytest.mark.parametrize(("planes", "words"), [("none", "Use auto, or a number"), ("auto", "auto")])
def test_wrong_numbers_of_planes_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    planes: str,
    words: str,
) -> None:
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    assert segment(tmp_path, "--interpolate", planes) == ExitCode.BAD_INPUT
    assert words in capfd.readouterr().err
    assert not (tmp_path / "out.zarr").exists()


@pytest.mark.slow
def test_micro_finds_a_ball_along_three_axes(tmp_path: Path) -> None:
    assert segment(tmp_path, "--along", "z,y,x", "--model", "micro") == ExitCode.DONE
    assert iou(tmp_path) > 0.6
