"""How long our callbacks hold the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from time import thread_time
from typing import Any


@dataclass
class Stopwatch:
    """Times callbacks; the longest of each name is kept.

    Parameters
    ----------
    clock : Callable
        Gives seconds. The usual one is the processor time of the thread: other programs on the
        machine do not count, nor does what other threads of ours do. With
        :func:`time.perf_counter`, waiting for them counts.
    longest : dict
        Seconds by name, without what is :meth:`apart`.
    """

    clock: Callable[[], float] = thread_time
    longest: dict[str, float] = field(default_factory=dict)
    _apart: float = 0.0
    _depth: int = 0

    def timed(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return the callback, with its time noted."""
        name = getattr(callback, "__qualname__", repr(callback))

        @wraps(callback)
        def run(*args: Any, **kwargs: Any) -> Any:
            start, apart = self.clock(), self._apart
            try:
                return callback(*args, **kwargs)
            finally:
                spent = self.clock() - start - (self._apart - apart)
                self.longest[name] = max(spent, self.longest.get(name, 0.0))

        return run

    def apart(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return work whose time does not count, e.g. napari's own drawing."""

        @wraps(work)
        def run(*args: Any, **kwargs: Any) -> Any:
            start = self.clock()
            self._depth += 1
            try:
                return work(*args, **kwargs)
            finally:
                self._depth -= 1
                if not self._depth:
                    self._apart += self.clock() - start

        return run
