"""How fast a run goes and when it will end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass
class ProgressRate:
    """Frames per second over the last seconds.

    Parameters
    ----------
    span : int
        Reports that are remembered.
    """

    span: int = 40
    _reports: deque[tuple[float, int]] = field(default_factory=deque)

    def report(self, now: float, done: int) -> None:
        """Note how many frames are done at a time in seconds."""
        self._reports.append((now, done))
        while len(self._reports) > self.span:
            self._reports.popleft()

    @property
    def frames_per_second(self) -> float | None:
        """None before two reports differ."""
        if len(self._reports) < 2:
            return None
        (start, first), (end, last) = self._reports[0], self._reports[-1]
        return (last - first) / (end - start) if end > start and last > first else None

    def words(self, done: int, total: int) -> str:
        """Return e.g. ``"12 of 40 · 3.1 frames/s · 9 s left"``."""
        speed = self.frames_per_second
        text = f"{done} of {total}"
        if speed is None:
            return text
        left = (total - done) / speed
        rest = f"{left:.0f} s" if left < 90 else f"{left / 60:.0f} min"
        return f"{text} · {speed:.1f} frames/s · {rest} left"
