"""Missing values are shown as black; this says so, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.geometry import Index, Window
from napari_sam2.prefetch import PlaneReader


class NanWatch:
    """Reads like its stack, and reports the first plane in which values are missing.

    Parameters
    ----------
    stack : PlaneReader
        Where planes come from.
    report : callable
        Gets one sentence, in the thread that reads; called once in all.
    """

    def __init__(self, stack: PlaneReader, report: Callable[[str], object]) -> None:
        self._stack = stack
        self._report = report
        self._seen = False
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane, as the stack says."""
        return self._stack.shape

    @property
    def levels(self) -> tuple[int, ...]:
        """Downsampling factors, as the stack says."""
        return self._stack.levels

    def index(self, frame: int) -> Index:
        """Return a frame's full index, as the stack does."""
        return self._stack.index(frame)

    def read(self, index: Index, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Return what the stack's ``read`` returns, having looked at it."""
        planes = self._stack.read(index, window, level)
        if not self._seen and planes.dtype.kind == "f" and np.isnan(planes).any():
            self._tell(index, bool(np.isnan(planes).all()))
        return planes

    def _tell(self, index: Index, only: bool) -> None:
        with self._lock:
            first, self._seen = not self._seen, True
        if first:
            amount = "nothing but" if only else "some"
            place = ", ".join(map(str, index))
            self._report(f"Plane ({place}) holds {amount} NaN: shown as black, here and after.")
