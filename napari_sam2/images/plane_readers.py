"""Plane readers on top of a stack: prefetching, and detection of missing values."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.geometry import PlaneIndex, Window

MAX_PLANES = 4
"""Default number of planes that are prefetched."""
MAX_BYTES = 256 << 20
"""Default size of the prefetched planes in bytes."""


class PlaneReader(Protocol):
    """Reads planes by index: a :class:`~napari_sam2.images.stack.Stack` or a reader on one."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane in pixels."""

    @property
    def levels(self) -> tuple[int, ...]:
        """Downsampling factor of each pyramid level."""

    def index(self, frame: int) -> PlaneIndex:
        """Return the plane index of a frame."""

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Return one plane, or a window of it, as (C, h, w)."""


class WrappingReader:
    """A reader that returns the planes of another one; the base of the readers below.

    Parameters
    ----------
    reader : PlaneReader
        The reader of the planes.
    """

    def __init__(self, reader: PlaneReader) -> None:
        self._reader = reader
        self.shape = reader.shape
        self.levels = reader.levels

    def index(self, frame: int) -> PlaneIndex:
        """Return the plane index of a frame."""
        return self._reader.index(frame)

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Return one plane, or a window of it, as (C, h, w)."""
        return self._reader.read(index, window, level)


@dataclass(frozen=True, slots=True)
class PlaneRequest:
    """The arguments of one call of :meth:`napari_sam2.images.stack.Stack.read`."""

    index: PlaneIndex
    window: Window | None = None
    level: int = 0


class Prefetcher(WrappingReader):
    """Reads announced planes in a background thread, before they are needed.

    Planes that were not announced are read at once in the calling thread. If a prefetched plane
    cannot be read, the error is raised when that plane is read, never elsewhere. Use it as a
    context manager, or close it.

    Parameters
    ----------
    reader : PlaneReader
        The reader of the planes.
    max_planes : int
        Largest number of prefetched planes; at least 1.
    max_bytes : int
        Size in bytes of the prefetched planes from which no further one is read.
    """

    def __init__(
        self, reader: PlaneReader, *, max_planes: int = MAX_PLANES, max_bytes: int = MAX_BYTES
    ) -> None:
        super().__init__(reader)
        self._max_planes, self._max_bytes = max(1, max_planes), max_bytes
        self._queue: deque[PlaneRequest] = deque()
        self._running: PlaneRequest | None = None
        self._done: dict[PlaneRequest, NDArray[Any] | Exception] = {}
        self._change = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def prefetch(self, requests: Iterable[PlaneRequest]) -> None:
        """Start reading planes in the background; earlier announcements are dropped.

        Parameters
        ----------
        requests : iterable of PlaneRequest
            The next reads, in order. Only the first ``max_planes`` are prefetched.
        """
        wanted = list(dict.fromkeys(requests))[: self._max_planes]
        with self._change:
            if self._closed:
                return
            self._done = {r: result for r, result in self._done.items() if r in wanted}
            busy = {*self._done, self._running}
            self._queue = deque(request for request in wanted if request not in busy)
            if self._queue and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Return one plane, or a window of it, as (C, h, w), prefetched if it was announced.

        Parameters and errors are those of :meth:`napari_sam2.images.stack.Stack.read`. At level
        0, a window inside an announced one is cut from it.
        """
        request = PlaneRequest(index, window, level)
        with self._change:
            held = self._holder(request)
            while held is not None and held == self._running:
                self._change.wait()
            result = None if held is None else self._take(held, exact=held == request)
        if result is None or (isinstance(result, Exception) and held != request):
            return self._reader.read(index, window, level)
        if isinstance(result, Exception):
            raise result
        assert held is not None
        return self._cut(result, held, request)

    def close(self) -> None:
        """Stop prefetching and wait for the current read; later reads are not prefetched."""
        with self._change:
            self._closed = True
            self._queue.clear()
            self._done.clear()
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _holder(self, request: PlaneRequest) -> PlaneRequest | None:
        """Return the finished or running request whose result contains this one, or None."""
        started = [*self._done, *([self._running] if self._running else [])]
        if request in started:
            return request
        return next((r for r in started if self._covers(r, request)), None)

    def _covers(self, held: PlaneRequest, request: PlaneRequest) -> bool:
        if (held.index, held.level) != (request.index, request.level) or held.level:
            return False
        return request.window is not None and self._window(held).contains(request.window)

    def _window(self, request: PlaneRequest) -> Window:
        return Window.of(self.shape) if request.window is None else request.window

    def _take(self, request: PlaneRequest, exact: bool) -> NDArray[Any] | Exception | None:
        """Return a result; only an exact one is removed, as others may be cut from it again."""
        result = self._done.get(request)
        if exact:
            self._done.pop(request, None)
            self._change.notify_all()
        return result

    def _cut(self, planes: NDArray[Any], held: PlaneRequest, request: PlaneRequest) -> NDArray[Any]:
        if held == request or request.window is None:
            return planes
        rows, columns = request.window.relative_to(self._window(held)).slices
        return planes[:, rows, columns].copy()

    def _full(self) -> bool:
        waiting = [r for r in self._done.values() if not isinstance(r, Exception)]
        return len(self._done) >= self._max_planes or (
            sum(array.nbytes for array in waiting) >= self._max_bytes
        )

    def _next(self) -> PlaneRequest | None:
        with self._change:
            while not self._closed and (not self._queue or self._full()):
                self._change.wait()
            self._running = None if self._closed else self._queue.popleft()
            return self._running

    def _work(self) -> None:
        while (request := self._next()) is not None:
            result: NDArray[Any] | Exception
            try:
                result = self._reader.read(request.index, request.window, request.level)
            except Exception as error:
                result = error
            with self._change:
                self._running = None
                if not self._closed:
                    self._done[request] = result
                self._change.notify_all()


class MissingValueMonitor(WrappingReader):
    """Reports the first plane that contains NaN.

    Parameters
    ----------
    reader : PlaneReader
        The reader of the planes.
    report : callable
        Called at most once, with a message, in the thread that reads the plane.
    """

    def __init__(self, reader: PlaneReader, report: Callable[[str], object]) -> None:
        super().__init__(reader)
        self._report = report
        self._reported = False
        self._lock = threading.Lock()

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Return one plane, or a window of it, as (C, h, w)."""
        planes = self._reader.read(index, window, level)
        if not self._reported and planes.dtype.kind == "f" and np.isnan(planes).any():
            self._report_once(index, everywhere=bool(np.isnan(planes).all()))
        return planes

    def _report_once(self, index: PlaneIndex, *, everywhere: bool) -> None:
        with self._lock:
            first, self._reported = not self._reported, True
        if first:
            amount = "only" if everywhere else "some"
            place = ", ".join(map(str, index))
            self._report(
                f"Plane ({place}) holds {amount} NaN, which is shown as black on all planes."
            )
