"""The demo: clicks, metric, written files and refused folders."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam2.cli.app import run
from napari_sam2.cli.console import ExitCode
from napari_sam2.inference import sam2_predictor as loading
from napari_sam2.workflows.demo import FRAMES, SHAPE, DemoFiles, clicks, mean_iou, overlay
from tests.helpers.fakes import FakePredictor

TRUTH = np.zeros((3, 20, 20), np.uint16)
TRUTH[:, 2:8, 2:8] = 4
TRUTH[:2, 10:19, 10:19] = 9
TRUTH[:, 12:15, 2:5] = 1


def test_clicks_are_inside_objects_present_on_all_frames():
    found = clicks(TRUTH)
    assert [click.object_id for click in found] == [1, 4]
    for click in found:
        y, x = click.yx
        assert TRUTH[0, int(y), int(x)] == click.object_id
    assert [click.object_id for click in clicks(TRUTH, 1)] == [4]


def test_mean_iou_counts_missing_pixels():
    only = np.where(TRUTH == 4, TRUTH, 0)
    assert mean_iou(only, TRUTH) == 1
    half = only.copy()
    half[1:, 5:] = 0
    assert mean_iou(half, TRUTH) == pytest.approx(0.5)
    lost = only.copy()
    lost[1:] = 0
    assert mean_iou(lost, TRUTH) == 0
    assert mean_iou(np.zeros_like(only), TRUTH) == 0


def test_overlay_leaves_the_background_as_it_is():
    plane = np.full((20, 20), 80, np.uint8)
    picture = overlay(plane, TRUTH[0])
    assert np.all(picture[TRUTH[0] == 0] == 80)
    colors = {tuple(picture[y, x]) for y, x in ((2, 2), (10, 10), (12, 2), (0, 0))}
    assert len(colors) == 4


def test_all_files_are_written_and_replaced(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(loading, "load_predictor", lambda *_, **__: FakePredictor())
    files = DemoFiles(tmp_path / "demo")
    for _ in range(2):
        assert run(["demo", "--output", str(files.folder)]) == ExitCode.DONE
    agreement = float(capfd.readouterr().out.split("ground truth: ")[1].split()[0])
    assert 0.1 < agreement <= 1
    assert tifffile.imread(files.labels).shape == (FRAMES, *SHAPE)
    assert tifffile.imread(files.movie).shape == (FRAMES, *SHAPE)
    assert files.scores.read_text().startswith("frame,object_id,")
    with Image.open(files.animation) as animation, Image.open(files.overlay) as picture:
        assert animation.n_frames == FRAMES
        assert picture.size == animation.size


def test_a_folder_with_other_files_is_refused(tmp_path, capfd):
    kept = tmp_path / "thesis.txt"
    kept.write_text("years of work")
    assert run(["demo", "--output", str(tmp_path)]) == ExitCode.BAD_INPUT
    assert "thesis.txt" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert run(["demo", "--output", str(kept)]) == ExitCode.BAD_INPUT
