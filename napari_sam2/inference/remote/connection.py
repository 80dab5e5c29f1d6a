"""A predictor on a worker, which is set up again on another one if the worker is lost."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, TypeVar

from napari_sam2 import __version__
from napari_sam2.core.errors import ConnectionLostError, UserError
from napari_sam2.inference.protocol import ModelInfo, Predictor
from napari_sam2.inference.remote.host import (
    Held,
    HostFailure,
    PredictorHost,
    WorkerFacts,
    worker_facts,
)
from napari_sam2.inference.remote.scheduler import connect_client

if TYPE_CHECKING:
    from distributed import Client, Future

_T = TypeVar("_T")
_LOST = (OSError, CancelledError, RuntimeError)
WORKER_SECONDS = 30.0
_POLL_SECONDS = 0.2
_BINDING = Lock()


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=2)


class HostConnection:
    """The connection to a :class:`PredictorHost` on a worker; thread-safe.

    Parameters
    ----------
    address : str
        Address of the scheduler.
    load : callable
        Loads the model, on the worker.
    notify : callable
        Receives a message when a connection was lost and is there again; warns by default.
    avoid : collection of str
        Workers that are used only if there is no other.
    worker_seconds : float
        Longest time to wait for a worker.

    Raises
    ------
    UserError
        If no scheduler answers, there is no worker, the worker has another version of napari-sam2,
        or it has no such model.
    """

    def __init__(
        self,
        address: str,
        load: Callable[[], Predictor],
        *,
        notify: Callable[[str], None] = _warn,
        avoid: Sequence[str] = (),
        worker_seconds: float = WORKER_SECONDS,
    ) -> None:
        self.address = address
        self.worker = ""
        self._load = load
        self._notify = notify
        self._avoid = tuple(avoid)
        self._worker_seconds = worker_seconds
        self._lock = RLock()
        self._client: Client | None = None
        self._future: Future[Any] | None = None
        self._actor: Any = None
        self._released: deque[Held] = deque()
        self.host, self.info = self._set_up()

    def call(self, method: Callable[[Any], Any], kind: type[_T]) -> _T:
        """Return what a method of the host returns.

        Parameters
        ----------
        method : callable
            Calls a method of the actor that it is given, and returns its future. It is called
            again with a new host if the worker was lost, after :attr:`host` has changed.
        kind : type
            Type of the result.

        Raises
        ------
        ConnectionLostError
            If the worker was lost, and there is no other, or a state was on it.
        UserError
            If the host refuses the input.
        """
        return checked(self.run(lambda actor: method(actor).result()), kind)

    def run(self, calls: Callable[[Any], _T]) -> _T:
        """Run some calls of the host and return their result; see :meth:`call`."""
        with self._lock:
            try:
                return self._run(calls)
            except ConnectionLostError:
                raise
            except _LOST as error:
                if isinstance(error, RuntimeError) and self._is_there():
                    raise
                self._set_up_again()
                return self._run(calls)

    def release(self, held: Held) -> None:
        """Release a value at the next call."""
        self._released.append(held)

    def close(self) -> None:
        """Release the model on the worker, and disconnect."""
        with self._lock, suppress(OSError, RuntimeError):
            if self._future is not None:
                self._future.release()
            if self._client is not None:
                self._client.close()
        self._client = self._future = self._actor = None

    def _run(self, calls: Callable[[Any], _T]) -> _T:
        if self._client is None or self._actor is None:
            raise OSError("There is no connection.")
        numbers = list(self._numbers_to_release())
        if numbers:
            self._actor.release(numbers).result()
        return calls(self._actor)

    def _numbers_to_release(self) -> Iterator[int]:
        while self._released:
            held = self._released.popleft()
            if held.host == self.host:
                yield held.number

    def _is_there(self) -> bool:
        return (
            self._client is not None
            and self._client.status == "running"
            and self.worker in self._client.scheduler_info()["workers"]
        )

    def _set_up_again(self) -> None:
        lost = self.worker
        self.close()
        try:
            self.host, info = self._set_up()
        except UserError as error:
            raise ConnectionLostError(
                f"The connection to the worker {lost} is lost. Prompts and masks are kept. {error}"
            ) from error
        if info != self.info:
            self.close()
            raise ConnectionLostError(
                f"The worker {lost} was lost, and {self.worker} has another model or number "
                f"format: {info.name}, {info.dtype}. Load the model again."
            )
        self._notify(
            f"The connection to the worker {lost} was lost; {self.worker} has taken its place. "
            "Prompts and masks are kept."
        )

    def _set_up(self) -> tuple[str, ModelInfo]:
        client = self._client = connect_client(self.address)
        try:
            self.worker = _choose_worker(client, self._avoid, self._worker_seconds)
            self._future = client.submit(
                PredictorHost, self._load, actor=True, workers=[self.worker], pure=False
            )
            self._actor = self._future.result()
            with _bound_to(client):
                load = self._actor.load
            host, info = checked(load().result(), tuple)
        except BaseException:
            self.close()
            raise
        return host, info


@contextmanager
def _bound_to(client: Client) -> Iterator[None]:
    """Let actors that are first used in the block keep this client.

    A current client would also compute all dask arrays of the process, among them those that a
    viewer shows; they keep their scheduler.
    """
    import dask

    with _BINDING:
        before = dask.config.get("scheduler", None)
        with client.as_current(), dask.config.set(scheduler=before):
            yield


def _choose_worker(client: Client, avoid: Sequence[str], seconds: float) -> str:
    """Return the address of a worker, one with a GPU if there is any."""
    end = time.monotonic() + seconds
    while True:
        found = client.run(worker_facts, on_error="return")
        usable = {a: f for a, f in found.items() if isinstance(f, WorkerFacts)}
        usable = {a: f for a, f in usable.items() if f.version == __version__}
        if usable:
            return min(usable, key=lambda a: (a in avoid, not usable[a].gpus, a))
        if time.monotonic() > end:
            raise UserError(_no_worker(client.scheduler_info()["address"], found))
        time.sleep(_POLL_SECONDS)


def _no_worker(scheduler: str, found: Mapping[str, Any]) -> str:
    """Return why no worker can be used, and what to do."""
    for address, facts in found.items():
        if isinstance(facts, WorkerFacts):
            return (
                f"The worker {address} has napari-sam2 {facts.version}, this computer has "
                f"{__version__}. Install the same version on both."
            )
        if not isinstance(facts, OSError):
            return (
                f"The worker {address} cannot run napari-sam2: {facts}. Install napari-sam2 "
                f"{__version__} there."
            )
    return f"The scheduler has no worker. Start one with dask worker {scheduler}."


def checked(result: Any, kind: type[_T]) -> _T:
    """Return a result of a host, and raise the error that it stands for."""
    if isinstance(result, HostFailure):
        if result.by_user:
            raise UserError(result.text)
        raise RuntimeError(f"Error on the worker: {result.text}")
    if not isinstance(result, kind):
        raise TypeError(f"The worker returned a {type(result).__name__}, not a {kind.__name__}.")
    return result
