"""Cut a list of objects into the groups that go through the model together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Iterate over runs of at most ``size`` items, in order."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
