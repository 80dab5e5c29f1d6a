"""Sets of frames, stored as ranges."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameRanges:
    """A set of frames.

    Parameters
    ----------
    ranges : tuple of (int, int)
        Half-open ranges (first, stop) in any order; empty ones are dropped, and those that overlap
        or touch are united, so that equal sets have equal ranges.
    """

    ranges: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        merged: list[tuple[int, int]] = []
        for first, stop in sorted((int(a), int(b)) for a, b in self.ranges if a < b):
            if merged and first <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
            else:
                merged.append((first, stop))
        object.__setattr__(self, "ranges", tuple(merged))

    @classmethod
    def of(cls, frames: Iterable[int]) -> FrameRanges:
        """Return the set of some frames."""
        return cls(tuple((frame, frame + 1) for frame in frames))

    def __contains__(self, frame: int) -> bool:
        at = bisect_right(self.ranges, frame, key=lambda r: r[0]) - 1
        return at >= 0 and frame < self.ranges[at][1]

    def __iter__(self) -> Iterator[int]:
        for first, stop in self.ranges:
            yield from range(first, stop)

    def __len__(self) -> int:
        return sum(stop - first for first, stop in self.ranges)

    def __or__(self, other: FrameRanges) -> FrameRanges:
        return FrameRanges(self.ranges + other.ranges)

    def __and__(self, other: FrameRanges) -> FrameRanges:
        return FrameRanges(
            tuple(
                (max(first, other_first), min(stop, other_stop))
                for first, stop in self.ranges
                for other_first, other_stop in other.ranges
            )
        )

    def __sub__(self, other: FrameRanges) -> FrameRanges:
        if not self.ranges:
            return self
        edges = [self.ranges[0][0], *(e for r in other.ranges for e in r), self.ranges[-1][1]]
        return self & FrameRanges(tuple(zip(edges[::2], edges[1::2], strict=True)))

    def __str__(self) -> str:
        """Return e.g. ``"3, 8 to 12"``."""
        return ", ".join(
            str(first) if stop == first + 1 else f"{first} to {stop - 1}"
            for first, stop in self.ranges
        )

    @property
    def text(self) -> str:
        """The frames for a message, e.g. ``"frame 3"`` or ``"frames 3, 8 to 12"``."""
        return f"frame{'s' * (len(self) != 1)} {self}"
