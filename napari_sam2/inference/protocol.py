"""What the session needs from a model, with nothing of torch in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ImageEmbedding(Protocol):
    """Image features of one window; opaque, belongs to the predictor that made it.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the image that was encoded, in pixels.
    nbytes : int
        Memory it holds, for bounded caches.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image that was encoded, in pixels."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory it holds."""
        ...


class TrackState(Protocol):
    """What the model remembers of one object in one direction; an opaque value."""

    @property
    def nbytes(self) -> int:
        """Memory it holds."""
        ...


@dataclass(frozen=True, slots=True)
class ViewPrompts:
    """Everything asked about one object on one frame, in pixels of the encoded image.

    Parameters
    ----------
    points : NDArray[np.float64]
        (N, 2) as (y, x); integers are pixel centres.
    labels : NDArray[np.int64]
        (N,), 1 inside, 0 outside the object.
    box : NDArray[np.float64] or None
        (2, 2) half-open pixel bounds [[y0, x0], [y1, x1]].
    mask : NDArray[np.bool_] or None
        (H, W) of the encoded image; excludes points and box.
    previous : NDArray[np.float32] or None
        (H, W) logits of the object's earlier mask on this frame, which a correction refines.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    box: NDArray[np.float64] | None = None
    mask: NDArray[np.bool_] | None = None
    previous: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class MaskCandidates:
    """The masks one prompt may mean (whole, part, sub-part), best first.

    Parameters
    ----------
    logits : NDArray[np.float32]
        (K, H, W), at the encoded image's size.
    predicted_iou : NDArray[np.float32]
        (K,), falling.
    object_score : float
        Logit of the object being visible.
    """

    logits: NDArray[np.float32]
    predicted_iou: NDArray[np.float32]
    object_score: float


@dataclass(frozen=True, slots=True)
class TrackingResult:
    """One object's outcome on one frame, with its new state.

    Parameters
    ----------
    logits : NDArray[np.float32]
        (H, W), at the encoded image's size.
    predicted_iou : float
        In 0..1.
    object_score : float
        At most 0 means absent.
    state : TrackState
        The state that the next frame continues from.
    """

    logits: NDArray[np.float32]
    predicted_iou: float
    object_score: float
    state: TrackState


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a user, a log and a saved session say about the model.

    Parameters
    ----------
    name : str
        E.g. ``"sam2.1_hiera_tiny"``, ``"micro"`` or a file name.
    image_size : int
        Side of the square input in pixels.
    token_stride : int
        Input pixels per memory token (16): windows that move by whole tokens keep memories usable.
    trained : bool
        False for random weights; every output then says "untrained".
    weights_hash : str
        Identifies the weights in a saved session.
    device : str
        E.g. ``"cpu"`` or ``"cuda:0"``.
    """

    name: str
    image_size: int
    token_stride: int
    trained: bool
    weights_hash: str
    device: str


class Predictor(Protocol):
    """Encode images, answer prompts and follow objects. States are values the caller holds."""

    @property
    def info(self) -> ModelInfo:
        """Name, sizes, device."""

    def encode(self, image: NDArray[np.uint8]) -> ImageEmbedding:
        """Encode an RGB image (H, W, 3) of any size; it is squeezed to the square input."""

    def predict(self, encoding: ImageEmbedding, prompt: ViewPrompts) -> MaskCandidates:
        """Answer one prompt on one image, with no memory."""

    def add_prompts(
        self,
        encoding: ImageEmbedding,
        frame: int,
        prompts: Sequence[ViewPrompts],
        states: Sequence[TrackState | None],
    ) -> list[TrackingResult]:
        """Start or correct tracks; each prompt's frame becomes conditioning in its state."""

    def track(
        self,
        encoding: ImageEmbedding,
        frame: int,
        states: Sequence[TrackState],
        *,
        reverse: bool,
        zoomed: bool = False,
    ) -> list[TrackingResult]:
        """Follow every object onto this frame; ``zoomed`` if what was encoded is a window."""

    def add_masks(
        self,
        encoding: ImageEmbedding,
        frame: int,
        logits: Sequence[NDArray[np.float32]],
        states: Sequence[TrackState | None],
        *,
        conditioning: bool,
    ) -> list[TrackState]:
        """Write masks (H, W logits) into fresh or existing states as memories of this frame."""

    def shift_memory(self, state: TrackState, tokens: tuple[int, int]) -> TrackState:
        """Return the state as seen from a window moved by (dy, dx) whole memory tokens."""

    def serialize_state(self, state: TrackState) -> bytes:
        """Serialise a state; loading it continues bit-identically."""

    def deserialize_state(self, data: bytes) -> TrackState:
        """Undo :meth:`serialize_state`."""
