from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("contrast", ["given", "sampled"])
def test_one_click_on_a_huge_plane_reads_and_holds_little(contrast):
    """A process of its own, with the bundled network: what it holds is what a user needs."""
    task = json.dumps({"model": "micro", "contrast": contrast})
    command = [sys.executable, "-m", "tests.benchmarks.huge_plane", "--task", task]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert 0 < found["MB read"] <= found["MB if no chunk were empty"] <= 64 * 1.048576
    assert found["peak memory MB"] < 1500
    assert found["labeled on disk"] == found["area of the mask"] > 0
    assert found["label chunks"] == 1
