"""Pixels of binary memory masks whose logits are 0 to within rounding.

A mask on a prompted frame is thresholded before it becomes a memory. Where a logit is as small as
the rounding errors of the network, the number of threads or the CPU decides the pixel, and one
pixel changes later masks by more than rounding does. Neither decision is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypeVar

from torch import Tensor

from sam2_model.modeling.layers import upsample
from sam2_model.modeling.sam2 import SAM2

RELATIVE_ROUNDING = 2.0**-20
"""Largest rounding error of a logit, divided by the largest logit.

With 1 and 2 threads, with and without oneDNN, and with either kernel of attention, one logit of a
stored case lay between -3.4e-5 and 2.4e-5, where the largest one was 54: 6e-7 of it.
"""
MAX_TIES = 3
"""More ties in one case could hide an error."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Tie:
    """A pixel that rounding decides.

    Parameters
    ----------
    call : int
        Number of the memory among those of a run.
    pixel : int
        Number of the pixel in the mask.
    """

    call: int
    pixel: int


@dataclass
class MemoryTies:
    """Finds the ties of a network, and decides some of them the other way.

    Parameters
    ----------
    swapped : collection of Tie
        Ties to decide the other way.

    Attributes
    ----------
    found : list of Tie
        The ties of the memories so far.
    """

    swapped: Collection[Tie] = ()
    found: list[Tie] = field(default_factory=list)
    _calls: int = 0

    def attach(self, network: SAM2) -> None:
        """Find the ties of each memory that a network encodes from now on."""
        encode = network.encode_memory

        def encode_memory(features: Any, logits: Tensor, scores: Tensor, *, binary: bool) -> Tensor:
            if binary:
                logits = self._decided(upsample(logits.float(), (network.config.image_size,) * 2))
            return encode(features, logits, scores, binary=binary)

        network.encode_memory = encode_memory  # type: ignore[method-assign]

    def _decided(self, logits: Tensor) -> Tensor:
        flat = logits.flatten().clone()
        near = flat.abs() < RELATIVE_ROUNDING * flat.abs().max()
        self.found += [Tie(self._calls, int(pixel)) for pixel in near.nonzero()]
        for tie in self.swapped:
            if tie.call == self._calls:
                flat[tie.pixel] = -1.0 if flat[tie.pixel] > 0 else 1.0
        self._calls += 1
        return flat.view_as(logits)


def decisions(ties: Collection[Tie]) -> Iterator[tuple[Tie, ...]]:
    """Yield each choice of ties to decide the other way, the fewest first.

    Raises
    ------
    AssertionError
        If there are more than ``MAX_TIES``.
    """
    assert len(ties) <= MAX_TIES, f"{len(ties)} pixels are near 0."
    for count in range(1, len(ties) + 1):
        yield from combinations(ties, count)


def differences_beyond_ties(replay: Callable[[MemoryTies], list[Result]]) -> list[Result]:
    """Return the differences of a replay; none if it has none with other decisions of its ties."""
    ties = MemoryTies()
    differences = replay(ties)
    if not differences:
        return []
    for swapped in decisions(ties.found):
        if not replay(MemoryTies(swapped)):
            return []
    return differences
