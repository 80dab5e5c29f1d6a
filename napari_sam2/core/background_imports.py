"""Imports in a background thread, while another thread has to respond quickly."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

SWITCH_SECONDS = 0.0005
"""After this time a thread that imports lets another one run, if it waits."""


class _Responsiveness:
    """Changes settings of the interpreter while at least one thread imports."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._collected = False
        self._interval = sys.getswitchinterval()

    def begin(self) -> None:
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._collected, self._interval = gc.isenabled(), sys.getswitchinterval()
                gc.disable()
                sys.setswitchinterval(min(SWITCH_SECONDS, self._interval))

    def end(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count:
                return
            sys.setswitchinterval(self._interval)
            if self._collected:
                _make_objects_old()
                gc.enable()


_RESPONSIVENESS = _Responsiveness()


@contextmanager
def responsive_imports() -> Iterator[None]:
    """Let other threads run while this thread imports large modules in the block.

    Without it, the garbage collector searches all objects several times, and each time all threads
    wait, for half a second if torch is imported. Cyclic garbage of all threads is kept in memory
    until the end of the block.
    """
    _RESPONSIVENESS.begin()
    try:
        yield
    finally:
        _RESPONSIVENESS.end()


def _make_objects_old() -> None:
    """Move all objects to the oldest generation, so that the next collection does not search them.

    Nothing is done if another part of the program has frozen objects, as they would be unfrozen.
    """
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
