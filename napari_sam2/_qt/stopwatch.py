"""How long our callbacks hold the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from time import thread_time
from typing import Any


@dataclass
class Stopwatch:
    """Times callbacks; the longest of each name is kept, as processor time of the GUI thread.

    Other programs on the machine do not count, nor does what other threads of ours do.

    Parameters
    ----------
    longest : dict
        Seconds by name.
    """

    longest: dict[str, float] = field(default_factory=dict)

    def timed(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return the callback, with its time noted."""
        name = getattr(callback, "__qualname__", repr(callback))

        @wraps(callback)
        def run(*args: Any, **kwargs: Any) -> Any:
            start = thread_time()
            try:
                return callback(*args, **kwargs)
            finally:
                spent = thread_time() - start
                self.longest[name] = max(spent, self.longest.get(name, 0.0))

        return run
