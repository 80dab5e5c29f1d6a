"""Speed and memory beside PyPI's ``sam2`` and transformers, with equal weights and inputs.

    python -m tests.benchmarks.speed --peers FOLDER

``FOLDER`` holds the other packages, installed with ``pip install --no-deps --target FOLDER sam2
transformers torchvision hydra-core omegaconf antlr4-python3-runtime==4.9.3 iopath portalocker
tokenizers regex``. What is missing is left out, with a line. All implementations take turns in one
process, except for memory and the first mask. The floor of a time is the number of operations over
the measured rate of a large matrix product in the same format.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from sam2_model.precision import Precision, resolve_precision
from tests.benchmarks import measuring
from tests.benchmarks.speed import chart
from tests.benchmarks.speed.subjects import BUILDS, Frames, Subject, add_peers
from tests.benchmarks.speed.timing import interleaved, operations, rates
from tests.helpers.networks import clip

_FULL_BANK = 8
_CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Variant:
    """An implementation in one number format."""

    package: str
    precision: str

    @property
    def name(self) -> str:
        """Name in tables and charts."""
        return f"{self.package} {self.precision}"


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: a size of the network, the side of its input, a number of objects."""

    size: str
    side: int
    objects: int


def main() -> None:
    given = _parser().parse_args()
    add_peers(str(given.peers))
    measuring.use_threads(given.threads)
    variants = _variants(given)
    rate = rates(sorted({v.precision for v in variants}), given.device, _CLOCKS[given.clock])
    started = time.strftime("%Y-%m-%d %H:%M")
    measured = ", ".join(f"{value / 1e9:.0f} GFLOP/s in {name}" for name, value in rate.items())
    print(
        f"{started}, {platform.processor() or platform.machine()}, {given.device}, "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads; {measured}\n"
    )
    rows: list[Row] = []
    for size, side, objects in itertools.product(given.sizes, given.inputs, given.objects):
        rows += _timed(Case(size, side, objects), variants, given, rate)
    measuring.report(rows, given.csv)
    if given.chart:
        chart.draw(rows, given.chart)
    if given.memory:
        print()
        measuring.report(list(_in_own_processes(variants, given)))


def _timed(
    case: Case, variants: list[Variant], given: argparse.Namespace, rate: dict[str, float]
) -> list[Row]:
    """Return a row for each task and variant."""
    frames = clip(_FULL_BANK + given.frames + 2)
    built = {v: _built(v, case, frames, given.device) for v in variants}
    rows: list[Row] = []
    for task in ("encode", "click", "propagate"):
        if task != "propagate" and case.objects != given.objects[0]:
            continue
        actions = _actions(task, built)
        warm_up = _FULL_BANK if task == "propagate" else 1
        seconds = interleaved(actions, warm_up, given.frames, given.device, _CLOCKS[given.clock])
        count = operations(actions[variants[0].name])
        rows += _rows(case, task, variants, seconds, count, rate)
    return rows


def _actions(task: str, built: dict[Variant, Subject]) -> dict[str, Callable[[], object]]:
    """Return what each variant repeats."""
    if task == "propagate":
        return {v.name: functools.partial(next, s.propagate()) for v, s in built.items()}
    return {v.name: getattr(s, task) for v, s in built.items()}


def _rows(
    case: Case,
    task: str,
    variants: list[Variant],
    seconds: dict[str, float],
    count: float,
    rate: dict[str, float],
) -> list[Row]:
    default, exact = seconds[variants[0].name], seconds.get("ours float32", math.nan)
    return [
        {
            "network": f"{case.size} {case.side} px",
            "task": f"{task}, {_objects(case.objects)}" if task == "propagate" else task,
            "variant": v.name,
            "ms": 1e3 * seconds[v.name],
            "our default is faster by": seconds[v.name] / default,
            "our float32 is faster by": seconds[v.name] / exact,
            "floor ms": 1e3 * count / rate[v.precision],
            "share of floor": count / rate[v.precision] / seconds[v.name],
        }
        for v in variants
    ]


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"


def _in_own_processes(variants: list[Variant], given: argparse.Namespace) -> Iterator[Row]:
    """Yield the time to the first mask, the memory in use on frames 60 and 240, and the peak."""
    for v in variants:
        task = {
            "package": v.package,
            "precision": v.precision,
            "peers": str(given.peers),
            "size": given.sizes[0],
            "side": given.memory_input,
            "frames": given.memory_frames,
            "device": given.device,
            "threads": torch.get_num_threads(),
        }
        found = measuring.in_own_process("tests.benchmarks.speed.own_process", task)
        yield {
            "variant": v.name,
            "network": f"{task['size']} {task['side']} px",
            "import to first mask, s": found["first_mask_s"],
            "held on frame 60, MB": found.get("held_60_mb"),
            "held on frame 240, MB": found.get("held_240_mb"),
            "peak, MB": found["peak_mb"],
        }


def _built(variant: Variant, case: Case, frames: Frames, device: str) -> Subject:
    build = BUILDS[variant.package]
    return build(case.size, case.side, frames, case.objects, variant.precision, device)


def _variants(given: argparse.Namespace) -> list[Variant]:
    """Return our default first, our float32, and the packages that can be imported."""
    half = resolve_precision(given.dtype, given.device).value
    found = [Variant("ours", name) for name in dict.fromkeys((half, "float32"))]
    for package in ("sam2", "transformers"):
        try:
            __import__(package)
        except ImportError as error:
            print(f"{package} is left out: {error}")
            continue
        found.append(Variant(package, "float32"))
        if package == "sam2":
            found.append(Variant(package, "bfloat16"))
    return [v for v in found if v.precision in given.formats]


def _parser() -> argparse.ArgumentParser:
    made = measuring.parser(__doc__)
    made.add_argument("--peers", type=Path, default=Path(), help="folder with the other packages")
    made.add_argument("--device", default="cpu")
    made.add_argument(
        "--clock",
        choices=list(_CLOCKS),
        default="wall",
        help="cpu: seconds of all threads, for a CPU that others use too",
    )
    made.add_argument("--dtype", default="auto", help="number format of our default")
    made.add_argument(
        "--formats",
        nargs="+",
        default=[p.value for p in Precision],
        help="number formats to measure; the ratio to our float32 needs float32",
    )
    made.add_argument("--sizes", nargs="+", default=["tiny"])
    made.add_argument("--inputs", nargs="+", type=int, default=[1024], help="pixels")
    made.add_argument("--objects", nargs="+", type=int, default=[1, 4, 16])
    made.add_argument("--frames", type=int, default=5, help="frames after the memory is full")
    made.add_argument("--memory", action="store_true", help="measure memory and the first mask")
    made.add_argument("--memory-input", type=int, default=256, help="pixels")
    made.add_argument("--memory-frames", type=int, default=240)
    made.add_argument("--chart", type=Path, help="write a chart to this PNG file")
    return made


if __name__ == "__main__":
    main()
