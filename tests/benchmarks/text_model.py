"""Time and memory of a text model of the size of ``llmdet-tiny`` on one image, on the CPU.

    python -m tests.benchmarks.text_model --threads 2

The weights are random, as they have no effect on time and memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from napari_sam2.inference.text_detector import load_text_detector
from tests.benchmarks.measuring import peak_memory
from tests.helpers.text_models import save_full_size_text_model


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", type=int, default=1024, help="Of the image in pixels.")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    image = np.random.default_rng(0).integers(0, 255, (options.side, options.side, 3), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        detector = load_text_detector(str(save_full_size_text_model(Path(folder))))
        start, computing = time.perf_counter(), time.process_time()
        boxes = detector.detect(image, "red car", 0.0)
        print(
            f"{time.perf_counter() - start:.1f} s, {time.process_time() - computing:.1f} s of CPU"
        )
    print(f"{len(boxes)} boxes, at most {peak_memory() / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
