"""Measurements that need a process of their own: memory, and the time to the first mask.

The time includes the making of weights, which is the same for all.
"""

from __future__ import annotations

import argparse
import gc
import json
import time

import psutil

from tests.benchmarks.measuring import peak_memory

_MEMORY_AFTER = (60, 240)


def main() -> None:
    begun = time.perf_counter()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=json.loads, required=True)
    task = parser.parse_args().task
    import torch

    from tests.benchmarks.speed.subjects import BUILDS, add_peers
    from tests.helpers.networks import clip

    add_peers(task["peers"])
    torch.set_num_threads(task["threads"])
    build = BUILDS[task["package"]]
    given = task["size"], task["side"], clip(task["frames"]), 1, task["precision"], task["device"]
    steps = build(*given).propagate()
    next(steps)
    found: dict[str, float] = {"first_mask_s": time.perf_counter() - begun}
    for number, _ in enumerate(steps, 2):
        if number in _MEMORY_AFTER:
            found[f"held_{number}_mb"] = _held_mb(task["device"])
    found["peak_mb"] = _peak_mb(task["device"])
    print(json.dumps(found))


def _held_mb(device: str) -> float:
    """Return the memory in use now: of the GPU, or resident memory of this process."""
    import torch

    gc.collect()
    if torch.device(device).type == "cuda":
        return torch.cuda.memory_allocated(device) / 1e6
    return psutil.Process().memory_info().rss / 1e6


def _peak_mb(device: str) -> float:
    """Return the peak memory of the run: of the GPU, or resident memory of this process."""
    import torch

    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return peak_memory() / 1e6


if __name__ == "__main__":
    main()
