"""The predictor on a worker: it holds embeddings and track states, which others name by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import count
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import UserError
from napari_sam2.inference.protocol import (
    EmbeddingArrays,
    ImageEmbedding,
    MemoryPolicy,
    ModelInfo,
    PointMasks,
    Predictor,
    TrackingResult,
    TrackState,
)
from napari_sam2.inference.remote.packed import (
    PackedArray,
    PackedCandidates,
    PackedPrompts,
    margin,
)

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class HostFailure:
    """An error on the worker, as text, because not every error can be sent.

    Parameters
    ----------
    text : str
        The message.
    by_user : bool
        Whether the input is wrong, not the program.
    """

    text: str
    by_user: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A value that a host holds.

    Parameters
    ----------
    host : str
        Identifies the host.
    number : int
        Names the value.
    nbytes : int
        Size of the value in bytes.
    """

    host: str
    number: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class HeldResult:
    """A :class:`TrackingResult` whose state stays on the worker."""

    logits: PackedArray
    predicted_iou: float
    object_score: float
    state: Held


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What decides whether a worker can host a predictor.

    Parameters
    ----------
    version : str
        Version of napari-sam2.
    gpus : int
        Number of CUDA devices.
    """

    version: str
    gpus: int


def worker_facts() -> WorkerFacts:
    """Return the version and the GPUs of this worker."""
    import torch

    from napari_sam2 import __version__

    return WorkerFacts(__version__, torch.cuda.device_count())


def _reporting(
    method: Callable[Concatenate[PredictorHost, _P], _R],
) -> Callable[Concatenate[PredictorHost, _P], _R | HostFailure]:
    """Return a method that returns its errors."""

    @wraps(method)
    def run(host: PredictorHost, /, *args: _P.args, **kwargs: _P.kwargs) -> _R | HostFailure:
        from sam2_model.errors import SAM2Error

        try:
            return method(host, *args, **kwargs)
        except (UserError, SAM2Error) as error:
            return HostFailure(str(error), by_user=True)
        except Exception as error:
            return HostFailure(f"{type(error).__name__}: {error}", by_user=False)

    return run


class PredictorHost:
    """A predictor that runs as an actor on a dask worker.

    Its methods are those of :class:`Predictor`, with values that it holds in the place of
    embeddings and states. They return a :class:`HostFailure` instead of raising an error.

    Parameters
    ----------
    load : callable
        Loads the model, on the worker.
    """

    def __init__(self, load: Callable[[], Predictor]) -> None:
        self._load = load
        self._loaded: Predictor | None = None
        self._values: dict[int, Any] = {}
        self._numbers = count()
        self._name = uuid4().hex

    @property
    def _predictor(self) -> Predictor:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    @_reporting
    def load(self) -> tuple[str, ModelInfo]:
        """Load the model; return what identifies this host, and the model."""
        return self._name, self._predictor.info

    @_reporting
    def release(self, numbers: Sequence[int]) -> None:
        """Release values."""
        for number in numbers:
            self._values.pop(number, None)

    @_reporting
    def encode(self, image: NDArray[np.uint8]) -> Held:
        """Return the embedding of an image."""
        return self._hold(self._predictor.encode(image))

    @_reporting
    def serialize_embedding(self, embedding: Held) -> EmbeddingArrays:
        """Return an embedding as arrays."""
        return self._predictor.serialize_embedding(self._embedding(embedding))

    @_reporting
    def deserialize_embedding(self, stored: EmbeddingArrays) -> Held:
        """Return the embedding of arrays."""
        return self._hold(self._predictor.deserialize_embedding(stored))

    @_reporting
    def feature_map(self, embedding: Held) -> NDArray[np.float32]:
        """Return the image features (C, h, w)."""
        return self._predictor.feature_map(self._embedding(embedding))

    @_reporting
    def predict(self, embedding: Held, prompt: PackedPrompts) -> PackedCandidates:
        """Return the masks for the prompts of one object."""
        found = self._predictor.predict(self._embedding(embedding), prompt.unpack())
        return PackedCandidates.of(found, self._predictor.info.image_size)

    @_reporting
    def predict_points(
        self, embedding: Held, points: NDArray[np.float64], min_iou: float
    ) -> PointMasks:
        """Return three masks for each of many points."""
        return self._predictor.predict_points(self._embedding(embedding), points, min_iou=min_iou)

    @_reporting
    def add_prompts(
        self,
        policy: MemoryPolicy,
        embedding: Held,
        frame: int,
        prompts: Sequence[PackedPrompts],
        states: Sequence[Held | None],
    ) -> list[HeldResult]:
        """Start or correct tracks by prompts."""
        found = self._predictor.with_memory(policy).add_prompts(
            self._embedding(embedding),
            frame,
            [prompt.unpack() for prompt in prompts],
            [self._state(state) for state in states],
        )
        return [self._result(result) for result in found]

    @_reporting
    def track(
        self,
        policy: MemoryPolicy,
        embedding: Held,
        frame: int,
        states: Sequence[Held],
        reverse: bool,
        zoomed: bool,
    ) -> list[HeldResult]:
        """Return the mask of each object on the next frame."""
        found = self._predictor.with_memory(policy).track(
            self._embedding(embedding),
            frame,
            [self._value(state) for state in states],
            reverse=reverse,
            zoomed=zoomed,
        )
        return [self._result(result) for result in found]

    @_reporting
    def add_masks(
        self,
        policy: MemoryPolicy,
        embedding: Held,
        frame: int,
        logits: Sequence[PackedArray],
        states: Sequence[Held | None],
        conditioning: bool,
    ) -> list[Held]:
        """Return states with masks added as memory of a frame."""
        found = self._predictor.with_memory(policy).add_masks(
            self._embedding(embedding),
            frame,
            [packed.unpack() for packed in logits],
            [self._state(state) for state in states],
            conditioning=conditioning,
        )
        return [self._hold(state) for state in found]

    @_reporting
    def shift_memory(self, policy: MemoryPolicy, state: Held, tokens: tuple[int, int]) -> Held:
        """Return the state for a view that moved by whole memory tokens."""
        predictor = self._predictor.with_memory(policy)
        return self._hold(predictor.shift_memory(self._value(state), tokens))

    @_reporting
    def serialize_state(self, state: Held) -> bytes:
        """Return a state as bytes."""
        return self._predictor.serialize_state(self._value(state))

    @_reporting
    def deserialize_state(self, data: bytes) -> Held:
        """Return the state of bytes."""
        return self._hold(self._predictor.deserialize_state(data))

    def _hold(self, value: ImageEmbedding | TrackState) -> Held:
        number = next(self._numbers)
        self._values[number] = value
        return Held(self._name, number, value.nbytes)

    def _result(self, result: TrackingResult) -> HeldResult:
        logits, image_size = result.logits, self._predictor.info.image_size
        around = margin((logits.shape[0], logits.shape[1]), image_size)
        packed = PackedArray.of_logits(logits, around)
        state = self._hold(result.state)
        return HeldResult(packed, result.predicted_iou, result.object_score, state)

    def _value(self, held: Held) -> Any:
        return self._values[held.number]

    def _embedding(self, held: Held) -> ImageEmbedding:
        found: ImageEmbedding = self._value(held)
        return found

    def _state(self, held: Held | None) -> TrackState | None:
        return None if held is None else self._value(held)
