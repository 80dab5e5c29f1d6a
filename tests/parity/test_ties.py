"""Pixels that rounding decides: found, decided the other way, and not too many."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from .ties import MAX_TIES, RELATIVE_ROUNDING, MemoryTies, Tie, differences_beyond_ties

LARGEST = 50.0
TIE = 0.9 * RELATIVE_ROUNDING * LARGEST
CLEAR = 1.1 * RELATIVE_ROUNDING * LARGEST


def masks(ties: MemoryTies, logits: list[float], *, binary: bool) -> list[list[bool]]:
    """Return the mask of each of two memories that a network encodes from the same logits."""
    network: Any = SimpleNamespace(config=SimpleNamespace(image_size=2))
    network.encode_memory = lambda _, full, scores, binary: full > 0
    ties.attach(network)
    plane = torch.tensor(logits).view(1, 1, 2, 2)
    found: list[Tensor] = [
        network.encode_memory(None, plane, None, binary=binary) for _ in range(2)
    ]
    return [mask.flatten().tolist() for mask in found]


def test_only_the_tie_of_one_memory_is_decided_the_other_way() -> None:
    logits = [LARGEST, TIE, -TIE, CLEAR]
    plain = MemoryTies()
    assert masks(plain, logits, binary=True) == [[True, True, False, True]] * 2
    assert plain.found == [Tie(0, 1), Tie(0, 2), Tie(1, 1), Tie(1, 2)]
    swapped = MemoryTies((Tie(1, 1), Tie(0, 2)))
    expected = [[True, True, True, True], [True, False, False, True]]
    assert masks(swapped, logits, binary=True) == expected


def test_masks_of_tracked_frames_have_no_ties() -> None:
    ties = MemoryTies()
    masks(ties, [LARGEST, TIE, -TIE, CLEAR], binary=False)
    assert ties.found == []


def test_a_difference_that_a_tie_explains_is_none() -> None:
    first, second = Tie(0, 5), Tie(2, 7)

    def replay(ties: MemoryTies, wanted: set[Tie]) -> list[str]:
        ties.found += [first, second]
        return [] if set(ties.swapped) == wanted else ["differs"]

    for wanted in (set(), {first}, {second}, {first, second}):
        assert differences_beyond_ties(lambda ties, wanted=wanted: replay(ties, wanted)) == []
    assert differences_beyond_ties(lambda ties: replay(ties, {Tie(1, 1)})) == ["differs"]


def test_many_ties_are_an_error() -> None:
    def replay(ties: MemoryTies) -> list[str]:
        ties.found += [Tie(0, pixel) for pixel in range(MAX_TIES + 1)]
        return ["differs"]

    with pytest.raises(AssertionError, match="4 pixels are near 0"):
        differences_beyond_ties(replay)
