"""Helpers of the benchmarks: counting reads, peak memory, IoU per label, tables, options."""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = Mapping[str, object]


class CountingArray:
    """An array in memory that counts the bytes that are read from it."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.nbytes_read = 0

    def __getitem__(self, key: Any) -> NDArray[Any]:
        part: NDArray[Any] = np.array(self._array[key])
        self.nbytes_read += part.nbytes
        return part


def peak_memory() -> int:
    """Return the peak resident memory of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def label_ious(expected: NDArray[Any], predicted: NDArray[Any]) -> dict[int, float]:
    """Return the IoU of every label of ``expected`` with the same label of ``predicted``."""
    count = int(max(expected.max(), predicted.max())) + 1
    either = (expected > 0) | (predicted > 0)
    ours, theirs = expected[either].astype(np.intp), predicted[either].astype(np.intp)
    sizes = np.bincount(ours, minlength=count) + np.bincount(theirs, minlength=count)
    shared = np.bincount(ours[ours == theirs], minlength=count)
    present = np.flatnonzero(np.bincount(ours, minlength=count))
    return {int(i): float(shared[i] / (sizes[i] - shared[i])) for i in present if i}


def in_own_process(module: str, task: Mapping[str, object]) -> Any:
    """Run ``python -m MODULE --task JSON`` and return the JSON of its last line."""
    command = [sys.executable, "-m", module, "--task", json.dumps(task)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True)
    found: Any = json.loads(done.stdout.splitlines()[-1])
    return found


def parser(text: str | None) -> argparse.ArgumentParser:
    """Return an argument parser with the options that all benchmarks have."""
    made = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--csv", type=Path, help="also write the table to this CSV file")
    made.add_argument("--threads", type=int, help="number of CPU threads that torch uses")
    return made


def use_threads(count: int | None) -> None:
    """Set the number of CPU threads of torch; None keeps the default."""
    if count is not None:
        import torch

        torch.set_num_threads(count)


def report(rows: Sequence[Row], path: Path | None = None) -> None:
    """Print rows as a Markdown table; also write them as CSV if a path is given."""
    print(markdown(rows))
    if path is not None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def markdown(rows: Sequence[Row]) -> str:
    """Return a Markdown table; all rows have the columns of the first one."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names)]
    lines += [[_shown(row[name]) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value}"
