"""Interleaved times of several implementations, and the least time that the operations need."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Mapping, Sequence

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sam2_model.precision import Precision

_RATE_SIDE = 2048
_RATE_REPEATS = 5


def interleaved(
    actions: Mapping[str, Callable[[], object]],
    warm_up: int,
    repeats: int,
    device: str,
    clock: Callable[[], float],
) -> dict[str, float]:
    """Return the median seconds of each action; they take turns in one process."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(warm_up + repeats):
        for name, action in actions.items():
            begun = clock()
            action()
            _wait(device)
            if number >= warm_up:
                times[name].append(clock() - begun)
    return {name: statistics.median(found) for name, found in times.items()}


def operations(action: Callable[[], object]) -> float:
    """Return the floating-point operations of the matrix products and convolutions of an action."""
    # The counter does not know PyTorch's kernel of attention on a CPU; it knows the products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        action()
    return float(counter.get_total_flops())


def rates(names: Sequence[str], device: str, clock: Callable[[], float]) -> dict[str, float]:
    """Return the operations per second of a large matrix product, by precision."""
    found = {}
    for name in names:
        dtype = torch.bfloat16 if name == "mixed" else Precision.of(name).weights
        a = torch.randn(_RATE_SIDE, _RATE_SIDE, device=device).to(dtype)
        product = interleaved(
            {name: functools.partial(torch.mm, a, a)}, 1, _RATE_REPEATS, device, clock
        )
        found[name] = 2 * _RATE_SIDE**3 / product[name]
    return found


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
