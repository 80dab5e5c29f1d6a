"""The predictor that runs a SAM 2 network: the only module of napari_sam2 that imports torch.

Coordinates are (y, x) outside and (x, y) inside.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from napari_sam2.inference.sam2.decoded_masks import candidates, tracking_results
from napari_sam2.inference.sam2.encoded_view import EncodedView
from napari_sam2.inference.sam2.point_masks import decode_points
from sam2_model import memory_bank
from sam2_model.checkpoint import auto_model_name, load_checkpoint, open_checkpoint
from sam2_model.checkpoint.registry import BUNDLED_MICRO, RELEASES, Registry
from sam2_model.device import resolve_device
from sam2_model.frame_time import FrameTime
from sam2_model.memory_policies import policy as memory_policy
from sam2_model.memory_policies.distractor_aware import DistractorAwareMemory
from sam2_model.memory_policies.memory_tree import MemoryTree
from sam2_model.memory_policies.plain import PlainMemory
from sam2_model.modeling.config import MICRO, MODEL_CONFIGS, TOKEN_STRIDE, SAM2Config
from sam2_model.modeling.sam2 import SAM2, SelectedMask
from sam2_model.precision import Precision, resolve_precision
from sam2_model.tracker import Tracker, TrackerSettings
from sam2_model.transforms import Coordinates, PointTokens, frame_pixels, mask_to_square

_MEMORIES: dict[MemoryPolicy, memory_policy.MemoryPolicy] = {
    MemoryPolicy.PLAIN: PlainMemory(),
    MemoryPolicy.DISTRACTOR_AWARE: DistractorAwareMemory(),
    MemoryPolicy.MEMORY_TREE: MemoryTree(),
}
MAX_CONDITIONING = 8
"""Largest number of conditioning frames that a frame attends to, which bounds its cost."""


class SAM2Predictor:
    """Predicts and tracks masks with a SAM 2 network.

    Parameters
    ----------
    model : SAM2
        The network, in eval mode.
    name : str
        Name shown to users.
    weights_hash : str
        Identifies the weights.
    trained : bool
        False for random weights.
    settings : TrackerSettings or None
        How prompts and memories are used.
    notes : sequence of str
        What the user should know about the model.
    """

    def __init__(
        self,
        model: SAM2,
        name: str,
        weights_hash: str,
        *,
        trained: bool = True,
        settings: TrackerSettings | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.model = model
        self.tracker = Tracker(model, settings)
        self._info = ModelInfo(
            name=name,
            image_size=model.config.image_size,
            token_stride=TOKEN_STRIDE,
            trained=trained,
            weights_hash=weights_hash,
            device=str(model.device),
            dtype=model.precision.value,
            resized=_is_resized(model.config),
            notes=tuple(notes),
        )

    @property
    def info(self) -> ModelInfo:
        """Name, input size and device of the model."""
        return self._info

    def with_memory(self, policy: MemoryPolicy) -> SAM2Predictor:
        """Return a predictor with the same network that tracks with a memory policy."""
        memory = _MEMORIES[policy]
        if memory == self.tracker.settings.memory:
            return self
        other = copy.copy(self)
        other.tracker = Tracker(self.model, replace(self.tracker.settings, memory=memory))
        return other

    @torch.inference_mode()
    def encode(self, image: NDArray[np.uint8]) -> EncodedView:
        """Return the features of an RGB image (H, W, 3), resized to the square input."""
        pixels = frame_pixels(image, self.info.image_size, self.model.device)
        return EncodedView(self.model.encode_image(pixels), (image.shape[0], image.shape[1]))

    def serialize_embedding(self, embedding: ImageEmbedding) -> EmbeddingArrays:
        """Return an embedding as arrays."""
        return _own(embedding).to_arrays()

    def deserialize_embedding(self, stored: EmbeddingArrays) -> EncodedView:
        """Return the embedding from the arrays of :meth:`serialize_embedding`, bit for bit."""
        return EncodedView.from_arrays(stored, self.model.device)

    def feature_map(self, encoding: ImageEmbedding) -> NDArray[np.float32]:
        """Return the features (C, h, w) of the highest level of the image encoder."""
        return np.asarray(_own(encoding).features.top[0].float().cpu().numpy())

    @torch.inference_mode()
    def predict(self, encoding: ImageEmbedding, prompt: ViewPrompts) -> MaskCandidates:
        """Return the masks of one prompt on one image, without memory.

        A single point without a box or mask gets three masks, best first, other prompts one.
        """
        view = _own(encoding)
        if len(prompt.points) != 1 or prompt.box is not None or prompt.mask is not None:
            mask = self._predict(view, 0, prompt)
            return candidates(mask.logits[0], mask.ious[0], mask.object_score, view.shape)
        tokens, previous = self._tokens(view, prompt), self._previous(prompt)
        decoded = self.model.decode_masks(
            self.model.add_no_memory_embedding(view.features),
            view.features.high_res,
            None if tokens is None else tokens.points,
            None if tokens is None else tokens.labels,
            None if previous is None else previous[None, None].clamp(-32, 32),
        )
        order = decoded.ious[0, 1:].argsort(descending=True, stable=True) + 1
        logits, ious = decoded.logits[0, order], decoded.ious[0, order]
        return candidates(logits, ious, decoded.object_score, view.shape)

    @torch.inference_mode()
    def predict_points(
        self, encoding: ImageEmbedding, points: NDArray[np.float64], *, min_iou: float = 0.0
    ) -> PointMasks:
        """Return three masks for each point (y, x) of which one has a predicted IoU."""
        return decode_points(self.model, _own(encoding), points, min_iou)

    def add_prompts(
        self,
        encoding: ImageEmbedding,
        frame: int,
        prompts: Sequence[ViewPrompts],
        states: Sequence[TrackState | None],
    ) -> list[TrackingResult]:
        """Segment each prompt and write it into its state as a conditioning frame."""
        view = _own(encoding)
        tracked: list[tuple[SelectedMask, TrackState]] = []
        for prompt, state in zip(prompts, states, strict=True):
            mask = self._predict(view, frame, prompt)
            [entry] = self.tracker.encode_memory(view.features, frame, [mask])
            tracked.append((mask, _memories(state).with_conditioning(entry)))
        return list(tracking_results(tracked, view.shape))

    def track(
        self,
        encoding: ImageEmbedding,
        frame: int,
        states: Sequence[TrackState],
        *,
        reverse: bool,
        zoomed: bool = False,
    ) -> Iterator[TrackingResult]:
        """Segment tracked objects on a frame, in a view that follows them if ``zoomed``."""
        view = _own(encoding)
        memories = [_memories(state) for state in states]
        time = FrameTime(frame, reverse)
        tracked = self.tracker.track(view.features, time, memories, zoomed=zoomed)
        return tracking_results(tracked, view.shape)

    @torch.inference_mode()
    def add_masks(
        self,
        encoding: ImageEmbedding,
        frame: int,
        logits: Sequence[NDArray[np.float32]],
        states: Sequence[TrackState | None],
        *,
        conditioning: bool,
    ) -> list[TrackState]:
        """Return states with given masks (H, W logits) as memories of this frame."""
        view = _own(encoding)
        written: list[TrackState] = []
        for plane, state in zip(logits, states, strict=True):
            square = mask_to_square(plane > 0, self.info.image_size, self.model.device)
            mask = self.model.mask_as_output(view.features, square)
            [entry] = self.tracker.encode_memory(view.features, frame, [mask])
            memories = _memories(state)
            add = memories.with_conditioning if conditioning else memories.with_non_conditioning
            written.append(add(entry))
        return written

    def shift_memory(self, state: TrackState, tokens: tuple[int, int]) -> TrackState:
        """Return the state aligned with a window moved by (dy, dx) whole memory tokens."""
        return self.tracker.shift_memory(_memories(state), *tokens)

    def serialize_state(self, state: TrackState) -> bytes:
        """Return a state as bytes, from which it is restored exactly."""
        return _memories(state).to_bytes()

    def deserialize_state(self, data: bytes) -> TrackState:
        """Return the state that :meth:`serialize_state` wrote."""
        return memory_bank.TrackState.from_bytes(data, self.model.device)

    def _predict(self, view: EncodedView, frame: int, prompt: ViewPrompts) -> SelectedMask:
        if prompt.mask is not None:
            square = mask_to_square(prompt.mask, self.info.image_size, self.model.device)
            return self.tracker.mask_as_output(view.features, square)
        tokens, previous = self._tokens(view, prompt), self._previous(prompt)
        return self.tracker.predict(view.features, FrameTime(frame), tokens, previous)

    def _tokens(self, view: EncodedView, prompt: ViewPrompts) -> PointTokens | None:
        coordinates = Coordinates(*view.shape, self.info.image_size)
        parts = []
        if prompt.box is not None:
            corners = prompt.box[:, ::-1].reshape(4)
            parts.append(coordinates.boxes(corners, self.model.device))
        if len(prompt.points):
            corners = np.clip(prompt.points[:, ::-1] + 0.5, 0, view.shape[::-1])
            parts.append(coordinates.points(corners, prompt.labels, self.model.device))
        return PointTokens.concatenate(parts) if parts else None

    def _previous(self, prompt: ViewPrompts) -> Tensor | None:
        if prompt.previous is None:
            return None
        logits = torch.from_numpy(prompt.previous)[None, None].to(self.model.device)
        side = self.model.config.mask_side
        small = torch.nn.functional.interpolate(
            logits, size=(side, side), mode="bilinear", antialias=True
        )
        return small[0, 0]


def load_predictor(
    model: str | Path = "auto",
    device: str = "auto",
    *,
    dtype: str = Precision.AUTO.value,
    input_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    registry: Registry | None = None,
) -> SAM2Predictor:
    """Load a model and return its predictor.

    Parameters
    ----------
    model : str or Path
        ``"auto"`` (the smallest SAM 2.1 that was downloaded, otherwise ``"micro"``), a name that
        ``napari-sam2 models list`` shows, or the path of a weights file. If the installation
        lacks the weights of ``micro``, it gets seeded random weights (``info.trained`` is False).
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    dtype : str
        Number format: ``"auto"``, ``"float32"``, ``"mixed"``, ``"bfloat16"`` or ``"float16"``.
    input_size : int or None
        Side of the square input in pixels, a multiple of 32; None for that of the training.
        Smaller ones are faster, and approximate.
    progress : callable or None
        Called during a download with the numbers of downloaded and of all bytes.
    registry : Registry or None
        The models that have names; None for the released models.

    Raises
    ------
    SAM2Error
        If the model cannot be loaded, the device does not exist, or the number format or the
        input size cannot be used.
    """
    known = registry or RELEASES
    name = auto_model_name(known) if model == "auto" else model
    target = resolve_device(device)
    precision = resolve_precision(dtype, target)
    if name == MICRO.name and not BUNDLED_MICRO.is_file():
        config = MICRO.resized(input_size or MICRO.image_size)
        return untrained_predictor(config, target, precision)
    checkpoint = open_checkpoint(name, registry=known, progress=progress)
    network = load_checkpoint(checkpoint, device=target, dtype=precision, image_size=input_size)
    return SAM2Predictor(
        network,
        Path(name).name,
        checkpoint.weights_hash,
        settings=_settings(),
        notes=checkpoint.notes(input_size),
    )


def untrained_predictor(
    config: SAM2Config, device: torch.device, precision: Precision = Precision.FLOAT32
) -> SAM2Predictor:
    """Return a predictor with seeded random weights, which are equal on every machine."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SAM2(config)
    name = f"{config.name} (untrained)"
    return SAM2Predictor(
        network.eval().cast(precision).to(device),
        name,
        "seed-0",
        trained=False,
        settings=_settings(),
    )


def _is_resized(config: SAM2Config) -> bool:
    usual = {**MODEL_CONFIGS, MICRO.name: MICRO}.get(config.name)
    return usual is not None and usual.image_size != config.image_size


def _settings() -> TrackerSettings:
    return TrackerSettings(max_conditioning=MAX_CONDITIONING)


def _own(encoding: ImageEmbedding) -> EncodedView:
    if not isinstance(encoding, EncodedView):
        raise TypeError(
            f"{type(encoding).__name__} is not an encoding of SAM2Predictor: use its encode()."
        )
    return encoding


def _memories(state: TrackState | None) -> memory_bank.TrackState:
    if state is None:
        return memory_bank.TrackState()
    if not isinstance(state, memory_bank.TrackState):
        raise TypeError(f"{type(state).__name__} is not a track state of SAM2Predictor.")
    return state
