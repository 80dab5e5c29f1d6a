from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
from threading import Thread
from napari_sam2.inference.torch_libraries import load_torch_libraries

count, thread = 0, Thread(target=load_torch_libraries)
thread.start()
while thread.is_alive():
    count += 1
assert "torch" not in sys.modules
print("libtorch_cpu" in Path("/proc/self/maps").read_text(), count > 10000)
import torch
print(float(torch.ones(3).sum()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Reads the list of libraries of Linux.")
def test_the_libraries_are_loaded_before_torch_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "3.0"], done.stderr
