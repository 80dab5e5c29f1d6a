"""The interface between a session and a model, and the values that pass through it; no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

EXACT_DTYPE = "float32"
"""The number format whose results are those of the reference."""


class ImageEmbedding(Protocol):
    """Image features of one view; opaque, to be used with the predictor that computed them.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the image that was encoded, in pixels.
    nbytes : int
        Size in bytes, for bounded caches.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image that was encoded, in pixels."""
        ...

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingArrays:
    """An image embedding as arrays that can be stored.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image that was encoded, in pixels.
    arrays : Mapping of str to NDArray
        The values as bytes, by name.
    dtypes : Mapping of str to str
        Number format of each array.
    """

    shape: tuple[int, int]
    arrays: Mapping[str, NDArray[np.uint8]]
    dtypes: Mapping[str, str]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(array.nbytes for array in self.arrays.values())


class TrackState(Protocol):
    """The model's memory of one object along one direction; an opaque, immutable value."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        ...


class MemoryPolicy(Enum):
    """Which frames are remembered while an object is tracked, and which of them a frame attends to.

    ``PLAIN`` is that of Meta's predictor. ``DISTRACTOR_AWARE`` keeps frames on which a similar
    object is near. ``MEMORY_TREE`` follows several hypotheses of an object.
    """

    PLAIN = "plain"
    DISTRACTOR_AWARE = "distractor-aware"
    MEMORY_TREE = "memory-tree"


@dataclass(frozen=True, slots=True)
class ViewPrompts:
    """All prompts of one object on one frame, in pixels of the encoded image.

    Parameters
    ----------
    points : NDArray[np.float64]
        (N, 2) as (y, x); integers are pixel centers.
    labels : NDArray[np.int64]
        (N,), 1 inside, 0 outside the object.
    box : NDArray[np.float64] or None
        (2, 2) half-open pixel bounds [[y0, x0], [y1, x1]].
    mask : NDArray[np.bool_] or None
        (H, W) of the encoded image; excludes points and box.
    previous : NDArray[np.float32] or None
        (H, W) logits of the object's earlier mask on this frame, which the points correct.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    box: NDArray[np.float64] | None = None
    mask: NDArray[np.bool_] | None = None
    previous: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class MaskCandidates:
    """Masks predicted for one prompt (whole, part, sub-part), best first.

    Parameters
    ----------
    logits : NDArray[np.float32]
        (K, H, W) at the encoded image's size, positive inside the object.
    predicted_iou : NDArray[np.float32]
        (K,), in 0..1, decreasing.
    object_score : float
        Logit of the object being visible.
    """

    logits: NDArray[np.float32]
    predicted_iou: NDArray[np.float32]
    object_score: float


@dataclass(frozen=True, slots=True)
class PointMasks:
    """Three masks for each of many points, at the resolution that the model predicts.

    Parameters
    ----------
    logits : NDArray[np.float32]
        (N, 3, m, m), positive inside the object; m x m covers the encoded image.
    predicted_iou : NDArray[np.float32]
        (N, 3), in 0..1.
    """

    logits: NDArray[np.float32]
    predicted_iou: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrackingResult:
    """The mask of one object on one frame, with its new state.

    Parameters
    ----------
    logits : NDArray[np.float32]
        (H, W) at the encoded image's size, positive inside the object.
    predicted_iou : float
        The model's estimate of the mask's IoU, in 0..1.
    object_score : float
        Logit of the object being visible; at most 0 means absent.
    state : TrackState
        Memory for the next frame.
    """

    logits: NDArray[np.float32]
    predicted_iou: float
    object_score: float
    state: TrackState


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Name and properties of a loaded model.

    Parameters
    ----------
    name : str
        E.g. ``"sam2.1_hiera_tiny"``, ``"micro"`` or a file name.
    image_size : int
        Side of the square input in pixels.
    token_stride : int
        Input pixels per memory token (16). Memory stays valid if a view moves by whole tokens.
    trained : bool
        False for random weights; outputs are then marked as untrained.
    weights_hash : str
        Hash of the weights, which identifies them in a saved run.
    device : str
        E.g. ``"cpu"`` or ``"cuda:0"``.
    dtype : str
        Number format of the calculations, e.g. ``"float32"``; never ``"auto"``.
    resized : bool
        Whether ``image_size`` is not the usual one of the network.
    notes : tuple of str
        What the user should know about the model: an assumed input size, an approximation.
    parallel_calls : int
        Number of calls of :meth:`Predictor.track` that run at the same time. Begin as many
        before you use the results of the first.
    """

    name: str
    image_size: int
    token_stride: int
    trained: bool
    weights_hash: str
    device: str
    dtype: str = EXACT_DTYPE
    resized: bool = False
    notes: tuple[str, ...] = ()
    parallel_calls: int = 1

    @property
    def identity(self) -> str:
        """Text that is equal for models of equal results; the hash of the weights by default."""
        dtype = "" if self.dtype == EXACT_DTYPE else f" {self.dtype}"
        return f"{self.weights_hash}{dtype}{f' {self.image_size} px' * self.resized}"


class Predictor(Protocol):
    """Encodes images, predicts masks from prompts, and tracks objects.

    It keeps no state: embeddings and track states are values that the caller holds.
    """

    @property
    def info(self) -> ModelInfo:
        """Name and properties of the model."""

    def with_memory(self, policy: MemoryPolicy) -> Predictor:
        """Return a predictor with the same model that tracks with a memory policy."""

    def encode(self, image: NDArray[np.uint8]) -> ImageEmbedding:
        """Return the embedding of an RGB image (H, W, 3), resized to the model's square input."""

    def serialize_embedding(self, embedding: ImageEmbedding) -> EmbeddingArrays:
        """Return an embedding as arrays."""

    def deserialize_embedding(self, stored: EmbeddingArrays) -> ImageEmbedding:
        """Return the embedding from the arrays of :meth:`serialize_embedding`, bit for bit."""

    def feature_map(self, encoding: ImageEmbedding) -> NDArray[np.float32]:
        """Return the image features (C, h, w), h x w memory tokens that cover the image."""

    def predict(self, encoding: ImageEmbedding, prompt: ViewPrompts) -> MaskCandidates:
        """Return the masks for the prompts of one object, without memory."""

    def predict_points(
        self, encoding: ImageEmbedding, points: NDArray[np.float64], *, min_iou: float = 0.0
    ) -> PointMasks:
        """Return three masks for each of many points, without memory.

        Parameters
        ----------
        encoding : ImageEmbedding
            The frame's embedding.
        points : NDArray[np.float64]
            (N, 2) as (y, x) in pixels of the encoded image, one object each.
        min_iou : float
            Points none of whose masks has this predicted IoU are left out. Their masks need not
            be computed.
        """

    def add_prompts(
        self,
        encoding: ImageEmbedding,
        frame: int,
        prompts: Sequence[ViewPrompts],
        states: Sequence[TrackState | None],
    ) -> list[TrackingResult]:
        """Start or correct tracks by prompts.

        Parameters
        ----------
        encoding : ImageEmbedding
            The frame's embedding.
        frame : int
            Position along the propagated axis; it becomes a conditioning frame of each state.
        prompts : sequence of ViewPrompts
            One for each object.
        states : sequence of TrackState or None
            Memory of each object; None starts a track.
        """

    def track(
        self,
        encoding: ImageEmbedding,
        frame: int,
        states: Sequence[TrackState],
        *,
        reverse: bool,
        zoomed: bool = False,
    ) -> Iterable[TrackingResult]:
        """Return the mask of each object on the next frame, predicted from its memory.

        Parameters
        ----------
        encoding : ImageEmbedding
            The frame's embedding.
        frame : int
            Position along the propagated axis.
        states : sequence of TrackState
            Memory of each object.
        reverse : bool
            Whether frames decrease.
        zoomed : bool
            Whether the embedding is of a view that follows the objects, not of a whole plane.
        """

    def add_masks(
        self,
        encoding: ImageEmbedding,
        frame: int,
        logits: Sequence[NDArray[np.float32]],
        states: Sequence[TrackState | None],
        *,
        conditioning: bool,
    ) -> list[TrackState]:
        """Return states with masks added as memory of a frame.

        Parameters
        ----------
        encoding : ImageEmbedding
            The frame's embedding.
        frame : int
            Position along the propagated axis.
        logits : sequence of NDArray[np.float32]
            (H, W) of each object, at the encoded image's size.
        states : sequence of TrackState or None
            Memory of each object; None starts a track.
        conditioning : bool
            Whether the frame becomes a conditioning frame.
        """

    def shift_memory(self, state: TrackState, tokens: tuple[int, int]) -> TrackState:
        """Return the state for a view that moved by (dy, dx) whole memory tokens."""

    def serialize_state(self, state: TrackState) -> bytes:
        """Return a state as bytes; tracking from them is bit-identical."""

    def deserialize_state(self, data: bytes) -> TrackState:
        """Return the state from the bytes of :meth:`serialize_state`."""
