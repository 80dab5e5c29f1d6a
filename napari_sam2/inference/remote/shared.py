"""A predictor that shares out the objects of a stack over several workers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.inference.protocol import (
    EmbeddingArrays,
    ImageEmbedding,
    MaskCandidates,
    MemoryPolicy,
    ModelInfo,
    PointMasks,
    Predictor,
    TrackingResult,
    TrackState,
    ViewPrompts,
)
from napari_sam2.inference.remote.connection import WORKER_SECONDS, HostConnection
from napari_sam2.inference.remote.remote_predictor import RemoteEmbedding, RemotePredictor
from napari_sam2.inference.remote.scheduler import WorkerAddress


class SharedEmbedding:
    """An embedding that each worker computes when it needs it.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image, in pixels.
    source : NDArray[np.uint8] or EmbeddingArrays
        The image (H, W, 3), or the arrays of the embedding.
    held_bytes : int
        Size of the embedding on one worker.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        source: NDArray[np.uint8] | EmbeddingArrays,
        held_bytes: int,
    ) -> None:
        self.shape = shape
        self.source = source
        self.nbytes = source.nbytes + held_bytes
        self._parts: dict[int, RemoteEmbedding] = {}
        self._locks: dict[int, RLock] = {}
        self._lock = RLock()

    def on(self, number: int, predictor: RemotePredictor) -> RemoteEmbedding:
        """Return the embedding on a worker, computed there once."""
        with self._lock:
            own = self._locks.setdefault(number, RLock())
        with own:
            found = self._parts.get(number)
            if found is None:
                if isinstance(self.source, EmbeddingArrays):
                    found = predictor.deserialize_embedding(self.source)
                else:
                    found = predictor.encode(self.source)
                self._parts[number] = found
            return found


class SharedState:
    """A track state on one of the workers, or as bytes until a worker needs it.

    Parameters
    ----------
    nbytes : int
        Size in bytes.
    worker : int or None
        Number of the worker; None for bytes.
    state : TrackState or None
        The state on that worker.
    data : bytes
        The state as bytes, without a worker.
    """

    def __init__(
        self, nbytes: int, worker: int | None, state: TrackState | None, data: bytes = b""
    ) -> None:
        self.nbytes = nbytes
        self.worker = worker
        self.state = state
        self.data = data


class SharedPredictor:
    """Tracks groups of objects on several workers at the same time.

    The groups are those of a run on one computer, so that its results are the same. Each worker
    is sent the views around its objects, and computes their image features. Clicks are predicted
    by the first worker.

    Parameters
    ----------
    workers : sequence of RemotePredictor
        The same model on different workers.

    Raises
    ------
    UserError
        If the models or number formats differ.
    """

    def __init__(self, workers: Sequence[RemotePredictor]) -> None:
        infos = {worker.info for worker in workers}
        if len(infos) != 1:
            names = ", ".join(sorted(f"{info.name} in {info.dtype}" for info in infos))
            raise UserError(
                f"The workers have different models: {names}. Give --model and --dtype, so that "
                "all use the same."
            )
        self.workers = tuple(workers)
        self._pool = ThreadPoolExecutor(len(workers), "napari-sam2-workers")
        self._turns = count()
        self._held_bytes: int | None = None
        [info] = infos
        self._info = replace(info, parallel_calls=len(workers))

    @property
    def info(self) -> ModelInfo:
        """Name and properties of the model."""
        return self._info

    def with_memory(self, policy: MemoryPolicy) -> SharedPredictor:
        """Return a predictor with the same model that tracks with a memory policy."""
        other = copy.copy(self)
        other.workers = tuple(worker.with_memory(policy) for worker in self.workers)
        return other

    def close(self) -> None:
        """Release the model on all workers, and disconnect."""
        self._pool.shutdown()
        for worker in self.workers:
            worker.connection.close()

    def encode(self, image: NDArray[np.uint8]) -> SharedEmbedding:
        """Return the embedding of an RGB image (H, W, 3)."""
        height, width = image.shape[:2]
        return self._embedding((height, width), np.ascontiguousarray(image))

    def serialize_embedding(self, embedding: ImageEmbedding) -> EmbeddingArrays:
        """Return an embedding as arrays."""
        return self.workers[0].serialize_embedding(self._on(embedding, 0))

    def deserialize_embedding(self, stored: EmbeddingArrays) -> SharedEmbedding:
        """Return the embedding from the arrays of :meth:`serialize_embedding`, bit for bit."""
        return self._embedding(stored.shape, stored)

    def _embedding(
        self, shape: tuple[int, int], source: NDArray[np.uint8] | EmbeddingArrays
    ) -> SharedEmbedding:
        """Return an embedding; the first one is computed now, as its size is that of all."""
        made = SharedEmbedding(shape, source, self._held_bytes or 0)
        if self._held_bytes is None:
            self._held_bytes = made.on(0, self.workers[0]).nbytes - source.nbytes
            made.nbytes += self._held_bytes
        return made

    def feature_map(self, encoding: ImageEmbedding) -> NDArray[np.float32]:
        """Return the image features (C, h, w)."""
        return self.workers[0].feature_map(self._on(encoding, 0))

    def predict(self, encoding: ImageEmbedding, prompt: ViewPrompts) -> MaskCandidates:
        """Return the masks for the prompts of one object, without memory."""
        return self.workers[0].predict(self._on(encoding, 0), prompt)

    def predict_points(
        self, encoding: ImageEmbedding, points: NDArray[np.float64], *, min_iou: float = 0.0
    ) -> PointMasks:
        """Return three masks for each of many points, without memory."""
        return self.workers[0].predict_points(self._on(encoding, 0), points, min_iou=min_iou)

    def add_prompts(
        self,
        encoding: ImageEmbedding,
        frame: int,
        prompts: Sequence[ViewPrompts],
        states: Sequence[TrackState | None],
    ) -> list[TrackingResult]:
        """Start or correct the tracks of a group by prompts, on one worker."""
        number, moved = self._together(states)
        embedding = self._on(encoding, number)
        found = self.workers[number].add_prompts(embedding, frame, prompts, moved)
        return [_shared(result, number) for result in found]

    def track(
        self,
        encoding: ImageEmbedding,
        frame: int,
        states: Sequence[TrackState],
        *,
        reverse: bool,
        zoomed: bool = False,
    ) -> Iterator[TrackingResult]:
        """Begin to track a group on one worker, and return its results when they are asked for."""
        number, moved = self._together(states)

        def run() -> list[TrackingResult]:
            embedding = self._on(encoding, number)
            held = [state for state in moved if state is not None]
            worker = self.workers[number]
            return worker.track(embedding, frame, held, reverse=reverse, zoomed=zoomed)

        return _results(self._pool.submit(run), number)

    def add_masks(
        self,
        encoding: ImageEmbedding,
        frame: int,
        logits: Sequence[NDArray[np.float32]],
        states: Sequence[TrackState | None],
        *,
        conditioning: bool,
    ) -> list[TrackState]:
        """Return states with masks added as memory of a frame."""
        number, moved = self._together(states)
        found = self.workers[number].add_masks(
            self._on(encoding, number), frame, logits, moved, conditioning=conditioning
        )
        return [SharedState(state.nbytes, number, state) for state in found]

    def shift_memory(self, state: TrackState, tokens: tuple[int, int]) -> TrackState:
        """Return the state for a view that moved by (dy, dx) whole memory tokens."""
        number, [moved] = self._together([state])
        if moved is None:
            raise AssertionError("a state stays one")
        found = self.workers[number].shift_memory(moved, tokens)
        return SharedState(found.nbytes, number, found)

    def serialize_state(self, state: TrackState) -> bytes:
        """Return a state as bytes; tracking from them is bit-identical."""
        own = _own_state(state)
        if own.worker is None or own.state is None:
            return own.data
        return self.workers[own.worker].serialize_state(own.state)

    def deserialize_state(self, data: bytes) -> TrackState:
        """Return the state from the bytes of :meth:`serialize_state`."""
        return SharedState(len(data), None, None, data)

    def _together(self, states: Sequence[TrackState | None]) -> tuple[int, list[TrackState | None]]:
        """Return a worker for a group, and the states on it; most are there already."""
        own = [None if state is None else _own_state(state) for state in states]
        homes = [state.worker for state in own if state is not None and state.worker is not None]
        number = homes[0] if homes else next(self._turns) % len(self.workers)
        return number, [None if state is None else self._moved(state, number) for state in own]

    def _moved(self, state: SharedState, number: int) -> TrackState:
        if state.worker == number and state.state is not None:
            return state.state
        return self.workers[number].deserialize_state(self.serialize_state(state))

    def _on(self, embedding: ImageEmbedding, number: int) -> RemoteEmbedding:
        if not isinstance(embedding, SharedEmbedding):
            raise TypeError(
                f"{type(embedding).__name__} is not an encoding of SharedPredictor: use its "
                "encode()."
            )
        return embedding.on(number, self.workers[number])


def _results(future: Future[list[TrackingResult]], number: int) -> Iterator[TrackingResult]:
    for result in future.result():
        yield _shared(result, number)


def _shared(result: TrackingResult, number: int) -> TrackingResult:
    return replace(result, state=SharedState(result.state.nbytes, number, result.state))


def _own_state(state: TrackState) -> SharedState:
    if not isinstance(state, SharedState):
        raise TypeError(f"{type(state).__name__} is not a track state of SharedPredictor.")
    return state


def connect_predictor(
    device: str, load: Callable[[], Predictor], *, worker_seconds: float = WORKER_SECONDS
) -> RemotePredictor | SharedPredictor:
    """Return the predictor of a model on one or several workers of a dask scheduler.

    Parameters
    ----------
    device : str
        Address of the scheduler, e.g. ``"tcp://host:8786"`` or ``"tcp://host:8786?workers=4"``.
    load : callable
        Loads the model, on the worker.
    worker_seconds : float
        Longest time to wait for a worker.

    Raises
    ------
    UserError
        If no scheduler answers, it has too few workers, one has another version of napari-sam2, or
        has no such model, or another one than the others.
    """
    address = WorkerAddress.parse(device)
    found: list[RemotePredictor] = []
    try:
        for _ in range(address.workers):
            used = tuple(predictor.connection.worker for predictor in found)
            connection = HostConnection(
                address.scheduler, load, avoid=used, worker_seconds=worker_seconds
            )
            found.append(RemotePredictor(connection, device))
            if connection.worker in used:
                raise UserError(
                    f"The scheduler at {address.scheduler} has {len(used)} workers, not "
                    f"{address.workers}. Start more, or give a smaller number."
                )
        return found[0] if len(found) == 1 else SharedPredictor(found)
    except BaseException:
        for predictor in found:
            predictor.connection.close()
        raise
