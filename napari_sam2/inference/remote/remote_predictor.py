"""The predictor protocol for a model on a dask worker."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_sam2.core.errors import ConnectionLostError
from napari_sam2.inference.protocol import (
    EmbeddingArrays,
    ImageEmbedding,
    MaskCandidates,
    MemoryPolicy,
    ModelInfo,
    PointMasks,
    TrackingResult,
    TrackState,
    ViewPrompts,
)
from napari_sam2.inference.remote.connection import HostConnection, checked
from napari_sam2.inference.remote.host import Held, HeldResult
from napari_sam2.inference.remote.packed import PackedArray, PackedCandidates, PackedPrompts

_T = TypeVar("_T")


class RemoteEmbedding:
    """An embedding on a worker, with what computes it again if the worker is lost.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image, in pixels.
    source : NDArray[np.uint8] or EmbeddingArrays
        The image (H, W, 3), or the arrays of the embedding.
    """

    def __init__(self, shape: tuple[int, int], source: NDArray[np.uint8] | EmbeddingArrays) -> None:
        self.shape = shape
        self.source = source
        self.held: Held | None = None

    @property
    def nbytes(self) -> int:
        """Size in bytes, here and on the worker."""
        return self.source.nbytes + (0 if self.held is None else self.held.nbytes)


class RemoteState:
    """A track state on a worker.

    Parameters
    ----------
    held : Held
        The state.
    """

    def __init__(self, held: Held) -> None:
        self.held = held

    @property
    def nbytes(self) -> int:
        """Size in bytes on the worker."""
        return self.held.nbytes


class RemotePredictor:
    """Predicts and tracks masks with a model on a dask worker.

    Embeddings and track states stay on the worker; images, prompts and masks travel. Logits far
    from a mask, which are read by nothing, are the lowest ones. If the worker
    is lost, embeddings are computed again on another one. Tracks that ran on it end with
    :class:`ConnectionLostError`, and can be resumed.

    Parameters
    ----------
    connection : HostConnection
        The connection to the worker.
    device : str or None
        The value of ``device`` that gives this predictor; None for the address of the scheduler.
    """

    def __init__(self, connection: HostConnection, device: str | None = None) -> None:
        self.connection = connection
        self._policy = MemoryPolicy.PLAIN
        self._info = replace(connection.info, device=device or connection.address)

    @property
    def info(self) -> ModelInfo:
        """Name and properties of the model; the device is the address of the scheduler."""
        return self._info

    def with_memory(self, policy: MemoryPolicy) -> RemotePredictor:
        """Return a predictor with the same model that tracks with a memory policy."""
        if policy is self._policy:
            return self
        other = copy.copy(self)
        other._policy = policy
        return other

    def encode(self, image: NDArray[np.uint8]) -> RemoteEmbedding:
        """Return the embedding of an RGB image (H, W, 3)."""
        embedding = RemoteEmbedding((image.shape[0], image.shape[1]), np.ascontiguousarray(image))
        return self._held_by_worker(embedding)

    def serialize_embedding(self, embedding: ImageEmbedding) -> EmbeddingArrays:
        """Return an embedding as arrays."""
        return self._with(
            embedding, lambda actor, held: actor.serialize_embedding(held), EmbeddingArrays
        )

    def deserialize_embedding(self, stored: EmbeddingArrays) -> RemoteEmbedding:
        """Return the embedding from the arrays of :meth:`serialize_embedding`, bit for bit."""
        return self._held_by_worker(RemoteEmbedding(stored.shape, stored))

    def feature_map(self, encoding: ImageEmbedding) -> NDArray[np.float32]:
        """Return the image features (C, h, w), h x w memory tokens that cover the image."""
        return self._with(encoding, lambda actor, held: actor.feature_map(held), np.ndarray)

    def predict(self, encoding: ImageEmbedding, prompt: ViewPrompts) -> MaskCandidates:
        """Return the masks for the prompts of one object, without memory."""
        packed = PackedPrompts.of(prompt)
        found = self._with(
            encoding, lambda actor, held: actor.predict(held, packed), PackedCandidates
        )
        return found.unpack()

    def predict_points(
        self, encoding: ImageEmbedding, points: NDArray[np.float64], *, min_iou: float = 0.0
    ) -> PointMasks:
        """Return three masks for each of many points, without memory."""
        return self._with(
            encoding, lambda actor, held: actor.predict_points(held, points, min_iou), PointMasks
        )

    def add_prompts(
        self,
        encoding: ImageEmbedding,
        frame: int,
        prompts: Sequence[ViewPrompts],
        states: Sequence[TrackState | None],
    ) -> list[TrackingResult]:
        """Start or correct tracks by prompts."""
        packed = [PackedPrompts.of(prompt) for prompt in prompts]
        found = self._with(
            encoding,
            lambda actor, held: actor.add_prompts(
                self._policy, held, frame, packed, self._held(states)
            ),
            list,
        )
        return [self._tracking_result(result) for result in found]

    def track(
        self,
        encoding: ImageEmbedding,
        frame: int,
        states: Sequence[TrackState],
        *,
        reverse: bool,
        zoomed: bool = False,
    ) -> list[TrackingResult]:
        """Return the mask of each object on the next frame, predicted from its memory."""
        found = self._with(
            encoding,
            lambda actor, held: actor.track(
                self._policy, held, frame, self._held(states), reverse, zoomed
            ),
            list,
        )
        return [self._tracking_result(result) for result in found]

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
        packed = [PackedArray.of(plane) for plane in logits]
        found = self._with(
            encoding,
            lambda actor, held: actor.add_masks(
                self._policy, held, frame, packed, self._held(states), conditioning
            ),
            list,
        )
        return [self._state(held) for held in found]

    def shift_memory(self, state: TrackState, tokens: tuple[int, int]) -> TrackState:
        """Return the state for a view that moved by (dy, dx) whole memory tokens."""
        return self._state(
            self.connection.call(
                lambda actor: actor.shift_memory(self._policy, self._held_state(state), tokens),
                Held,
            )
        )

    def serialize_state(self, state: TrackState) -> bytes:
        """Return a state as bytes; tracking from them is bit-identical."""
        return self.connection.call(
            lambda actor: actor.serialize_state(self._held_state(state)), bytes
        )

    def deserialize_state(self, data: bytes) -> TrackState:
        """Return the state from the bytes of :meth:`serialize_state`."""
        return self._state(self.connection.call(lambda actor: actor.deserialize_state(data), Held))

    def _held_by_worker(self, embedding: RemoteEmbedding) -> RemoteEmbedding:
        self.connection.run(lambda actor: self._present(embedding, actor))
        return embedding

    def _with(
        self, embedding: ImageEmbedding, method: Callable[[Any, Held], Any], kind: type[_T]
    ) -> _T:
        """Return what a method of the host returns for an embedding."""
        own = _own(embedding)
        return self.connection.call(lambda actor: method(actor, self._present(own, actor)), kind)

    def _present(self, embedding: RemoteEmbedding, actor: Any) -> Held:
        """Return an embedding on the worker, computed again if it was on another one."""
        held = embedding.held
        if held is None or held.host != self.connection.host:
            source = embedding.source
            is_image = isinstance(source, np.ndarray)
            made = actor.encode(source) if is_image else actor.deserialize_embedding(source)
            held = embedding.held = checked(made.result(), Held)
            self._release_after(embedding, held)
        return held

    def _state(self, held: Held) -> RemoteState:
        state = RemoteState(held)
        self._release_after(state, held)
        return state

    def _release_after(self, value: RemoteEmbedding | RemoteState, held: Held) -> None:
        weakref.finalize(value, self.connection.release, held).atexit = False

    def _tracking_result(self, result: HeldResult) -> TrackingResult:
        state = self._state(result.state)
        logits = result.logits.unpack()
        return TrackingResult(logits, result.predicted_iou, result.object_score, state)

    def _held(self, states: Sequence[TrackState | None]) -> list[Held | None]:
        """Return states on the worker; ConnectionLostError if they were on another one."""
        return [None if state is None else self._held_state(state) for state in states]

    def _held_state(self, state: TrackState) -> Held:
        if not isinstance(state, RemoteState):
            raise TypeError(f"{type(state).__name__} is not a track state of RemotePredictor.")
        if state.held.host != self.connection.host:
            raise ConnectionLostError(
                "The worker that tracked the objects was lost. Finished frames are kept: propagate "
                "again, or resume the run."
            )
        return state.held


def _own(encoding: ImageEmbedding) -> RemoteEmbedding:
    if not isinstance(encoding, RemoteEmbedding):
        raise TypeError(
            f"{type(encoding).__name__} is not an encoding of RemotePredictor: use its encode()."
        )
    return encoding
