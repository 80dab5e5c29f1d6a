"""The program, killed at a random frame and resumed, gives the same output as a whole run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
import torch

from napari_sam2.cli.console import ExitCode
from tests.helpers.command import RunFiles, point
from tests.helpers.run_folders import finished_masks
from tests.helpers.scenes import movie, straight

FRAMES = movie((64, 80), [straight((20, 20), (1, 2), 20), straight((40, 55), (0, -1), 20)])


def killed(place: RunFiles, after: int) -> None:
    """Run the program and kill it when a number of masks is finished."""
    program = [sys.executable, "-m", "napari_sam2", "segment", str(place.movie)]
    program += ["--prompts", str(place.prompts), "--output", str(place.folder / "o.zarr")]
    program += ["--model", "micro", "--device", "cpu"]
    # Sums of floats depend on the number of threads.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(program, stderr=subprocess.DEVNULL, env=environment) as running:
        while running.poll() is None and finished_masks(place.folder / "o.zarr.sam2") < after:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[RunFiles, list[str]]:
    """A run of the bundled model without interruption."""
    place = RunFiles(tmp_path_factory.mktemp("whole"))
    prepare(place)
    scores = ["--scores", str(place.folder / "s.csv")]
    assert place.segment("--model", "micro", "--device", "cpu", *scores) == ExitCode.DONE
    return place, (place.folder / "s.csv").read_text().splitlines()


def prepare(place: RunFiles) -> None:
    torch.set_num_threads(1)
    tifffile.imwrite(place.movie, FRAMES, metadata={"axes": "TYX"})
    first, second = point(1, 0), point(2, 0)
    first["points"][0]["yx"], second["points"][0]["yx"] = [20, 20], [40, 55]
    second["points"].append({"frame": 14, "yx": [40, 41], "label": 1})
    place.write_prompts([first, second])


# The fast suite kills a session with the fake predictor (session/test_killed.py).
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_kill_and_resume_give_identical_output(tmp_path, whole, seed):
    expected, rows = whole
    place = RunFiles(tmp_path)
    prepare(place)
    killed(place, random.Random(seed).randrange(2, 45))
    again = ["--model", "micro", "--device", "cpu", "--resume"]
    scores = place.folder / "s.csv"
    assert place.segment(*again, "--scores", str(scores)) == ExitCode.DONE
    np.testing.assert_array_equal(place.labels(), expected.labels())
    assert scores.read_text().splitlines() == rows
