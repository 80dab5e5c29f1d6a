"""Reading the next planes while the model works on this one."""

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
MAX_BYTES = 256 << 20


class PlaneReader(Protocol):
    """What is read ahead from: a Stack, or anything that reads like one."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane."""

    @property
    def levels(self) -> tuple[int, ...]:
        """Downsampling factors."""

    def index(self, frame: int) -> PlaneIndex:
        """Return a frame's full index."""

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Read (C, h, w) of one plane."""


@dataclass(frozen=True, slots=True)
class PlaneRequest:
    """One read: as the arguments of :meth:`napari_sam2.images.stack.Stack.read`."""

    index: PlaneIndex
    window: Window | None = None
    level: int = 0


class Prefetcher:
    """Reads like its stack; what was announced is read in the background.

    At most ``max_planes`` results, and about ``max_bytes``, wait to be taken. A plane that could
    not be read raises where it is asked for, never elsewhere. One thread reads ahead; what was
    not announced is read by the caller, at once. Use it as a context manager, or close it.

    Parameters
    ----------
    stack : PlaneReader
        Where planes come from.
    max_planes : int
        At least 1.
    max_bytes : int
        No further plane is begun while as much waits.
    """

    def __init__(
        self, stack: PlaneReader, *, max_planes: int = MAX_PLANES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._stack = stack
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

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane, as the stack says."""
        return self._stack.shape

    @property
    def levels(self) -> tuple[int, ...]:
        """Downsampling factors, as the stack says."""
        return self._stack.levels

    def index(self, frame: int) -> PlaneIndex:
        """Return a frame's full index, as the stack does."""
        return self._stack.index(frame)

    def prefetch(self, requests: Iterable[PlaneRequest]) -> None:
        """Announce what will be read next, soonest first; earlier announcements are dropped.

        Parameters
        ----------
        requests : iterable of PlaneRequest
            Only the first ``max_planes`` count. Reading starts at once, in the background.
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
        """Return what the stack's ``read`` returns, from what was read ahead if it is there.

        Parameters and errors are those of :meth:`Stack.read`. A window inside
        one that was announced is cut from it (at level 0).
        """
        request = PlaneRequest(index, window, level)
        with self._change:
            held = self._holder(request)
            while held is not None and held == self._running:
                self._change.wait()
            result = None if held is None else self._take(held, exact=held == request)
        if result is None or (isinstance(result, Exception) and held != request):
            return self._stack.read(index, window, level)
        if isinstance(result, Exception):
            raise result
        assert held is not None
        return self._cut(result, held, request)

    def close(self) -> None:
        """Stop reading ahead and wait for the read under way; later reads go to the stack."""
        with self._change:
            self._closed = True
            self._queue.clear()
            self._done.clear()
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _holder(self, request: PlaneRequest) -> PlaneRequest | None:
        """Return the announced request that answers this one, read or being read."""
        started = [*self._done, *([self._running] if self._running else [])]
        if request in started:
            return request
        return next((r for r in started if self._covers(r, request)), None)

    def _covers(self, held: PlaneRequest, request: PlaneRequest) -> bool:
        if (held.index, held.level) != (request.index, request.level) or held.level:
            return False
        return request.window is not None and self._window(held).contains(request.window)

    def _window(self, request: PlaneRequest) -> Window:
        return Window.of(self._stack.shape) if request.window is None else request.window

    def _take(self, request: PlaneRequest, exact: bool) -> NDArray[Any] | Exception | None:
        """Several windows may be cut from one read, so only an exact answer leaves."""
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
                result = self._stack.read(request.index, request.window, request.level)
            except Exception as error:
                result = error
            with self._change:
                self._running = None
                if not self._closed:
                    self._done[request] = result
                self._change.notify_all()


class MissingValueMonitor:
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

    def index(self, frame: int) -> PlaneIndex:
        """Return a frame's full index, as the stack does."""
        return self._stack.index(frame)

    def read(self, index: PlaneIndex, window: Window | None = None, level: int = 0) -> NDArray[Any]:
        """Return what the stack's ``read`` returns, having looked at it."""
        planes = self._stack.read(index, window, level)
        if not self._seen and planes.dtype.kind == "f" and np.isnan(planes).any():
            self._tell(index, bool(np.isnan(planes).all()))
        return planes

    def _tell(self, index: PlaneIndex, only: bool) -> None:
        with self._lock:
            first, self._seen = not self._seen, True
        if first:
            amount = "nothing but" if only else "some"
            place = ", ".join(map(str, index))
            self._report(f"Plane ({place}) holds {amount} NaN: shown as black, here and after.")
